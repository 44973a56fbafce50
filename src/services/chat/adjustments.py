"""Parses the text after ``!clip``: another length, more time before or after, a moderator's command, a title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from src.errors import AdjustmentInvalid
from src.utils.names import one_line_name

MOST_SECONDS = 3600  # a larger adjustment is a typing error
_MOST_CHARACTERS = 500
_MORE = re.compile(r"\+(\d{1,5})s?", re.IGNORECASE)
_EARLIER = re.compile(r"[-\u2212\u2013](\d{1,5})s?", re.IGNORECASE)
_LENGTH = re.compile(r"(?:(\d{1,2}):([0-5]\d)|(\d{1,4})s)", re.IGNORECASE)
# A plus that was not encoded arrives as a space.
_LOST_PLUS = re.compile(r"^ (?=\d{1,5}(?:s?\s|s?$))", re.IGNORECASE)


# Sent by bots if there is no text after the command.
_NOTHING = frozenset({"clip", "null", "undefined"})
# Variables of bots that did not fill them in, as the whole message.
_UNFILLED = re.compile(
    r"\$?\{[\w.:|]+\}|\$\([\w .:|]*\)|\$\w+(?:\[\w*\])?|%\w+%|\((?:echo|encodeurlparam.*)\)|<[\w ]+>"
)


class Command(StrEnum):
    """A command of moderators."""

    LAST = "last"
    DELETE = "delete"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class Adjustments:
    """The content of a message. ``more`` and ``earlier``: seconds added after and before; ``length`` replaces offset
    and duration by the last ``length`` seconds. ``title``: the rest of the message."""

    command: Command | None = None
    title: str | None = None
    more: int = 0
    earlier: int = 0
    length: int | None = None

    def window(self, offset: float, duration: float) -> tuple[float, float]:
        """Return (offset, duration) with the adjustments."""
        if self.length is not None:
            offset = duration = float(self.length)
        return offset + self.earlier, duration + self.earlier + self.more


def read_message(message: str, *, commands: bool = True) -> Adjustments:
    """Parse a message. Adjustments may stand before or after the title. Without ``commands``, moderators' commands are
    read as part of a title.

    Raises:
        AdjustmentInvalid: a length of 0, or an adjustment of more than an hour.
    """
    message = one_line_name(_LOST_PLUS.sub("+", message[:_MOST_CHARACTERS]))
    is_empty = message.strip().lower() in _NOTHING or _UNFILLED.fullmatch(message.strip()) is not None
    tokens = [] if is_empty else message.split()
    if commands and tokens:
        first = tokens[0].lower()
        if first in (Command.LAST, Command.DELETE) and len(tokens) == 1:
            return Adjustments(Command(first))
        if first == Command.RENAME:
            return Adjustments(Command.RENAME, title=" ".join(tokens[1:]) or None)
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
