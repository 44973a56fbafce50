"""Parses times in requests and links as exact seconds."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from urllib.parse import parse_qs, urlsplit

from src.errors import ClipRangeInvalid
from src.utils.validators import query_fields, unwrapped

MAX_SECONDS = 30 * 24 * 3600  # longer than any video (the longest known ones have about 25 days)
FRAME_TOLERANCE_SECONDS = Fraction(1, 100_000)
"""A requested time this close to the timestamp of a frame means that frame.

Timestamps such as 1001/30000 have no finite decimal form: rounded to six digits, as clients and our own status report
them, they may be half a microsecond before their frame. Frames of real videos are milliseconds apart.
"""
_MAX_CHARACTERS = 32
_SECONDS = r"[0-9]+(?:\.[0-9]+)?"
_PLAIN = re.compile(_SECONDS)
_CLOCK = re.compile(rf"(?:(?P<hours>[0-9]+):(?P<sixtieth>[0-5]?[0-9])|(?P<minutes>[0-9]+)):(?P<seconds>{_SECONDS})")
_UNITS = re.compile(rf"(?:(?P<hours>[0-9]+)h)?(?:(?P<minutes>[0-9]+)m)?(?:(?P<seconds>{_SECONDS})s)?", re.IGNORECASE)


def parse_time(value: object) -> Fraction:
    """Return the exact seconds of a number or a text.

    Understood: ``90``, ``90.5``, ``"90.5"``, ``"1:30"``, ``"1:02:03.25"``, ``"1h2m3s"``, ``"2m"``. A float is read as
    its decimal form: ``0.1`` is exactly one tenth.

    Raises:
        ClipRangeInvalid: anything else: negative, infinite, not a number, a boolean, more than ``MAX_SECONDS``.
    """
    seconds = _read(value)
    if seconds is None:
        shown = str(value)[:_MAX_CHARACTERS] if isinstance(value, str | float) else type(value).__name__
        raise ClipRangeInvalid(f"This is not a time: {shown!r}; use seconds, mm:ss, h:mm:ss or 1h2m3s")
    if not 0 <= seconds <= MAX_SECONDS:
        raise ClipRangeInvalid(f"A time must lie between 0 and {MAX_SECONDS} seconds")
    return seconds


def parse_signed_time(value: object) -> Fraction:
    """Return the exact seconds of a number or a text that may be negative: ``-90``, ``"-1:30"``, ``"-1m30s"``.

    Raises:
        ClipRangeInvalid: ``parse_time`` would refuse it without its sign.
    """
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_time(value.strip()[1:])
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return -parse_time(-value)
    return parse_time(value)


def time_in_url(url: str) -> Fraction | None:
    """Return the start time in a link (``t=``, ``start=`` or ``time_continue=``; also ``#t=``), if it has one.

    Invalid values are ignored, as the site does.
    """
    try:
        parts = urlsplit(unwrapped(url))
        fields = {**parse_qs(parts.fragment, max_num_fields=50), **query_fields(parts)}
    except ValueError:
        return None
    for name in ("t", "start", "time_continue"):
        for text in fields.get(name, ()):
            try:
                return parse_time(text)
            except ClipRangeInvalid:
                continue
    return None


def _read(value: object) -> Fraction | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(repr(value)) if math.isfinite(value) else None
    if isinstance(value, str):
        return _read_text(value.strip())
    return None


def _read_text(text: str) -> Fraction | None:
    if not 0 < len(text) <= _MAX_CHARACTERS:
        return None
    if _PLAIN.fullmatch(text):
        return Fraction(text)
    found = _CLOCK.fullmatch(text) or _UNITS.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    minutes = parts.get("sixtieth") or parts["minutes"]
    seconds = Fraction(parts["seconds"] or 0)
    if found.re is _CLOCK and seconds >= 60:
        return None
    return 3600 * Fraction(parts["hours"] or 0) + 60 * Fraction(minutes or 0) + seconds
