"""Names that users give become one line, without marks that change the order of what is shown."""

from __future__ import annotations

import pytest

from src.utils.names import one_line_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("A goal", "A goal"),
        (" a\r\nb\tc\x00d\u2028e\u2029f\x85g ", "a b c d e f g"),
        ("safe\u202egpj.exe\u202c", "safegpj.exe"),
        ("\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c\u202a\u202b\u202d", "abc"),
        ("\n\u202e ", ""),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
    ],
)
def test_a_name_is_one_line_in_its_own_order(given: str, name: str) -> None:
    assert one_line_name(given) == name
