"""E-mail addresses: one spelling an account, and no text that raises anything but ``EmailInvalid``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.errors import EmailInvalid
from src.utils.email import normalise_email

NO_ADDRESSES = [
    *("", "user", "user@", "@example.com", "user@example", "a b@example.com", "a@b@example.com", "user@.com"),
    *("Bob <bob@example.com>", '"a b"@example.com', "a@[127.0.0.1]", "user@example.com\n", "user@example.com\0"),
    *("\ud800@example.com", "a@\ud800.com", "user@localhost"),
    *("a" * 64 + "@" + "example." * 24 + "com", "x" * 1_000_000),
]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("user@example.com", "user@example.com"),
        ("User.Name+clips@EXAMPLE.com", "user.name+clips@example.com"),
        ("me@nas.local", "me@nas.local"),
        ("  me@nas.local ", "me@nas.local"),
        ("zoe\u0308@example.com", "zoë@example.com"),
        ("a@xn--bcher-kva.example.com", "a@bücher.example.com"),
    ],
)
def test_an_address_has_one_spelling(written: str, normal: str) -> None:
    assert normalise_email(written) == normal
    assert normalise_email(normal) == normal


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text[:24]))
def test_other_text_is_no_address(text: str) -> None:
    with pytest.raises(EmailInvalid):
        normalise_email(text)


@given(st.one_of(st.text(), st.emails(), st.tuples(st.text(), st.text()).map("@".join)))
def test_normalising_twice_changes_nothing_and_nothing_else_is_raised(text: str) -> None:
    try:
        normal = normalise_email(text)
    except EmailInvalid:
        return
    assert normalise_email(normal) == normal
