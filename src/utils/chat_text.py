"""Makes text safe for a chat: one short line that is never empty and does not trigger a bot or a chat."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 200
_MOST_ECHO = 60
_NEVER_EMPTY = "OK."
# Variables that bots expand (Nightbot, StreamElements, Fossabot, Streamer.bot), mentions, and links.
_ACTIVE = re.compile(r"\$+(?=[({\[])|\{+(?=\{)|%(?=\w+%)|(?<=\w):/+")
_FLAG_HALVES = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_LEADING = re.compile(r"^[\s!/.\\#~*+=<>|-]+")
_CALLS = str.maketrans({"@": None, "\uff20": None, "\ufe6b": None})


def one_line(text: str, *, most: int = MOST_CHARACTERS) -> str:
    """Return ``text`` as one harmless line of at most ``most`` UTF-16 units, which is how chats count."""
    line = neutral(text)
    if _units(line) > most:
        line = _beginning(line, most - 1).rstrip() + "\u2026"
    return line or _NEVER_EMPTY


def neutral(text: str) -> str:
    """Return ``text`` in one line without control characters, stacked accents, commands, mentions and variables.

    Removing a part may form a new one from its neighbours, so this repeats until nothing changes.
    """
    before = None
    while text != before:
        before = text
        text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
        text = "".join(_plain(character) for character in text)
        text = re.sub(r"(\W)(?:\s*\1){4,}", r"\1", _without_heaps(text))
        text = _ACTIVE.sub("", text.translate(_CALLS))
        text = _LEADING.sub("", " ".join(text.split()))
    return text


def echo(text: str | None, *, most: int = _MOST_ECHO) -> str:
    """Return untrusted text, short and quoted, after a space; empty when nothing harmless is left of it."""
    harmless = neutral(text or "").replace('"', "'")
    return f' "{one_line(harmless, most=most)}"' if harmless else ""


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category[0] in "CZ" and category != "Zs" else character


def _without_heaps(text: str) -> str:
    """Remove marks beyond two on one letter."""
    left: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) or unicodedata.category(character) == "Me" else 0
        if marks <= 2:
            left.append(character)
    return "".join(left)


def _beginning(line: str, units: int) -> str:
    """Return as much of a line as fits, without splitting what is seen as one character, such as a flag."""
    start = line.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
    while start and _continues(start, line[len(start)]):
        start = start[:-1]
    return start


def _continues(start: str, following: str) -> bool:
    """Return whether ``following`` modifies the last character of ``start``: a mark, a skin tone, half of a flag."""
    if following in _FLAG_HALVES:
        return (len(start) - len(start.rstrip(_FLAG_HALVES))) % 2 == 1
    return unicodedata.category(following)[0] == "M" or "\U0001f3fb" <= following <= "\U0001f3ff"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
