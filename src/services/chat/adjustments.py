"""What the words behind ``!clip`` ask for: another length, more before or after, a moderator's word, a title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from src.errors import AdjustmentInvalid

MOST_SECONDS = 3600  # an adjustment above this is a slip of the finger
_MOST_CHARACTERS = 500
_MORE = re.compile(r"\+(\d{1,5})s?", re.IGNORECASE)
_EARLIER = re.compile(r"[-\u2212\u2013](\d{1,5})s?", re.IGNORECASE)
_LENGTH = re.compile(r"(?:(\d{1,2}):([0-5]\d)|(\d{1,4})s)", re.IGNORECASE)
# A plus that was not encoded arrives as a space.
_LOST_PLUS = re.compile(r"^ (?=\d{1,5}(?:s?\s|s?$))", re.IGNORECASE)


# What bots send where nothing was written behind the command.
_NOTHING = frozenset({"clip", "null", "undefined"})


class Word(StrEnum):
    """A word that is no clip."""

    LAST = "last"
    DELETE = "delete"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What a message asks for. ``more`` and ``earlier`` are seconds added behind and before; ``length`` replaces
    offset and duration: the last so many seconds. ``title`` is what is left of the message."""

    word: Word | None = None
    title: str | None = None
    more: int = 0
    earlier: int = 0
    length: int | None = None

    def window(self, offset: float, duration: float) -> tuple[float, float]:
        """(offset, duration) with the adjustments."""
        if self.length is not None:
            offset = duration = float(self.length)
        return offset + self.earlier, duration + self.earlier + self.more


def read_message(message: str, *, words: bool = True) -> Adjustments:
    """The wish in a message. Adjustments may stand before the title or behind it. Without ``words`` the words of
    moderators are part of a title.

    Raises:
        AdjustmentInvalid: a length of nothing, or an adjustment of more than an hour.
    """
    message = _LOST_PLUS.sub("+", message[:_MOST_CHARACTERS])
    tokens = [] if message.strip().lower() in _NOTHING else message.split()
    if words and tokens:
        first = tokens[0].lower()
        if first in (Word.LAST, Word.DELETE) and len(tokens) == 1:
            return Adjustments(Word(first))
        if first == Word.RENAME:
            return Adjustments(Word.RENAME, title=" ".join(tokens[1:]) or None)
    more = earlier = 0
    length: int | None = None
    for place in (0, -1):
        while tokens and (found := _adjustment(tokens[place])) is not None:
            tokens.pop(place)
            kind, seconds = found
            if seconds > MOST_SECONDS or (kind == "length" and not seconds):
                raise AdjustmentInvalid()
            more += seconds if kind == "more" else 0
            earlier += seconds if kind == "earlier" else 0
            length = seconds if kind == "length" else length
    return Adjustments(None, " ".join(tokens) or None, more, earlier, length)


def _adjustment(token: str) -> tuple[str, int] | None:
    if found := _MORE.fullmatch(token):
        return "more", int(found[1])
    if found := _EARLIER.fullmatch(token):
        return "earlier", int(found[1])
    if found := _LENGTH.fullmatch(token):
        return "length", int(found[3]) if found[3] else int(found[1]) * 60 + int(found[2])
    return None
