"""Cuts text without splitting what is seen as one character: a flag, a letter with its marks, a joined emoji.

Such a part is an extended grapheme cluster of Unicode's UAX #29.
"""

from __future__ import annotations

import regex

ZERO_WIDTH_JOINER = "\u200d"
_CLUSTER = regex.compile(r"\X")


def is_pictograph(character: str) -> bool:
    """Return whether this is an emoji, or a sign that takes part in one."""
    return (
        "\U0001f000" <= character <= "\U0001faff"
        or "\u2190" <= character <= "\u21ff"
        or "\u2300" <= character <= "\u23ff"
        or "\u2600" <= character <= "\u27bf"
        or "\u2b00" <= character <= "\u2bff"
    )


def units(text: str) -> int:
    """Return the length in UTF-16 units, which is how chats count."""
    return len(text.encode("utf-16-le", "replace")) // 2


def beginning(text: str, most: int) -> str:
    """Return as much of a text as fits into ``most`` UTF-16 units, in whole clusters."""
    fitting: list[str] = []
    for cluster in _CLUSTER.findall(text):
        most -= units(cluster)
        if most < 0:
            break
        fitting.append(cluster)
    return "".join(fitting)
