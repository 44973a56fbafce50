"""Reads the lines, numbers and attribute lists that playlists are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction

from src.models.media_source import SourceUnreadable
from src.utils.clock import to_seconds

_LINE = re.compile(r"[^\r\n]+")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
# Python's own functions accept more: an exponent of nine digits would keep a processor busy for hours, in a call that
# nothing interrupts.
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}")
_WHOLE = re.compile(r"[0-9]{1,18}")


@contextmanager
def understood() -> Iterator[None]:
    """Turn what malformed text causes inside into one error.

    Raises:
        SourceUnreadable: a number is invalid, an attribute is missing, an address cannot be parsed.
    """
    try:
        yield
    except (ValueError, KeyError, OverflowError) as error:
        raise SourceUnreadable(f"its playlist is malformed: {error}") from error


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines that are not empty, one at a time: a list of them may take ten times the memory of the text."""
    for found in _LINE.finditer(text):
        if line := found[0].strip():
            yield line


def attributes_of(text: str) -> dict[str, str]:
    """Return the attributes of a tag by name, without quotes."""
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def seconds_of(text: str) -> Fraction:
    """Parse a duration in seconds. Raises ValueError."""
    text = text.strip()
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a duration")
    return Fraction(text)


def whole_of(text: str) -> int:
    """Parse a whole number. Raises ValueError."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text)


def clock_of(text: str) -> Fraction | None:
    """Parse the value of ``EXT-X-PROGRAM-DATE-TIME``: seconds since 1970, None if it is malformed."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return to_seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
