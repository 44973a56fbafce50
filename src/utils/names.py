"""Cleans names and titles that users give: one line that shows in the order in which it is stored."""

from __future__ import annotations

import unicodedata

# Embeddings, overrides and isolates (U+202A to U+202E, U+2066 to U+2069) and single marks of direction: Unicode
# Standard Annex 9, table 2. They reverse what follows a name wherever it is shown.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset({"Cc", "Zl", "Zp"})  # control characters, such as newlines and tabs, and separators of lines


def one_line_name(text: str) -> str:
    """Return ``text`` without marks of direction, each run of spaces and breaks as one space; it may be empty.

    Joiners stay: letters of several scripts and emoji are made with them.
    """
    return " ".join("".join(_shown(character) for character in text).split())


def _shown(character: str) -> str:
    if character in _DIRECTIONS:
        return ""
    return " " if unicodedata.category(character) in _BREAKS else character
