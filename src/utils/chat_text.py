"""Makes text safe for a chat: one line, short, never empty, and nothing in it that a bot or a chat would act on."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 200
_MOST_ECHO = 60
_NEVER_EMPTY = "OK."
# What bots expand (variables of Nightbot, StreamElements, Fossabot, Streamer.bot), whom chats call, and links.
_ACTIVE = re.compile(r"\$+(?=[({\[])|\{+(?=\{)|%(?=\w+%)|(?<=\w):/+")
_FLAG_HALVES = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_LEADING = re.compile(r"^[\s!/.\\#~*+=<>|-]+")
_CALLS = str.maketrans({"@": None, "\uff20": None, "\ufe6b": None})


def one_line(text: str, *, most: int = MOST_CHARACTERS) -> str:
    """``text`` as one harmless line of at most ``most`` characters, counted as UTF-16 does, as chats do."""
    line = neutral(text)
    if _units(line) > most:
        line = _beginning(line, most - 1).rstrip() + "\u2026"
    return line or _NEVER_EMPTY


def neutral(text: str) -> str:
    """``text`` in one line without control characters, heaps of accents, commands, calls and variables.

    Taking a part out may join its neighbours to something new, so it goes on until nothing changes.
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
    """What a stranger wrote, short and in quotation marks with a space before them; nothing when nothing is left."""
    said = neutral(text or "").replace('"', "'")
    return f' "{one_line(said, most=most)}"' if said else ""


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category[0] in "CZ" and category != "Zs" else character


def _without_heaps(text: str) -> str:
    """At most two marks on one letter, and no more marks than letters and a few."""
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) or unicodedata.category(character) == "Me" else 0
        if marks <= 2:
            kept.append(character)
    return "".join(kept)


def _beginning(line: str, units: int) -> str:
    """As much of a line as fits. Nothing that is seen as one character is cut in two: no flag, no accented letter."""
    kept = line.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
    while kept and _goes_on(kept, line[len(kept)]):
        kept = kept[:-1]
    return kept


def _goes_on(kept: str, following: str) -> bool:
    """Whether the character behind ``kept`` belongs to its last one: a mark, a colour of skin, the half of a flag."""
    if following in _FLAG_HALVES:
        return (len(kept) - len(kept.rstrip(_FLAG_HALVES))) % 2 == 1
    return unicodedata.category(following)[0] == "M" or "\U0001f3fb" <= following <= "\U0001f3ff"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
