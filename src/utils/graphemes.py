"""Cuts text without splitting what is seen as one character: a flag, a letter with its marks, a joined emoji.

A subset of the rules of Unicode's UAX #29 that never splits more often than they do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA = 9  # the combining class of the sign that joins two consonants of an Indic script
_SPACING = "\u0e33\u0eb3"  # vowels of Thai and Lao, letters by category, that belong to the letter before
_JAMO = (("\u1100", "\u11ff"), ("\ua960", "\ua97c"), ("\uac00", "\ud7fb"))


def is_pictograph(character: str) -> bool:
    """Return whether this is an emoji, or a sign that takes part in one."""
    return (
        "\U0001f000" <= character <= "\U0001faff"
        or "\u2190" <= character <= "\u21ff"
        or "\u2300" <= character <= "\u23ff"
        or "\u2600" <= character <= "\u27bf"
        or "\u2b00" <= character <= "\u2bff"
    )


def clusters(text: str) -> Iterator[str]:
    """Yield the parts of a text that must stay whole."""
    start = 0
    for place in range(1, len(text)):
        if not _joined(text, start, place):
            yield text[start:place]
            start = place
    if text:
        yield text[start:]


def units(text: str) -> int:
    """Return the length in UTF-16 units, which is how chats count."""
    return len(text.encode("utf-16-le", "replace")) // 2


def beginning(text: str, most: int) -> str:
    """Return as much of a text as fits into ``most`` UTF-16 units, in whole clusters."""
    fitting: list[str] = []
    for cluster in clusters(text):
        most -= units(cluster)
        if most < 0:
            break
        fitting.append(cluster)
    return "".join(fitting)


def _joined(text: str, start: int, place: int) -> bool:
    """Return whether the character at ``place`` belongs to the cluster that begins at ``start``."""
    before, character = text[place - 1], text[place]
    if _is_regional(character):
        flags = text[start:place]
        return len(flags) % 2 == 1 and all(map(_is_regional, flags))
    if unicodedata.category(character)[0] == "M" or character in _SPACING or _extends(character):
        return True
    if before == ZERO_WIDTH_JOINER or unicodedata.combining(before) == _VIRAMA:
        return True
    return _is_jamo(before) and "\u1160" <= character <= "\u11ff"


def _extends(character: str) -> bool:
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return is_skin_tone or character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_jamo(character: str) -> bool:
    return any(first <= character <= last for first, last in _JAMO)
