"""The time, as something that is passed in: services never ask the system themselves, so a test can turn the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_text(moment: datetime) -> str:
    """``2026-01-18T10:00:00Z``, as the documents write times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_seconds(moment: datetime) -> Fraction:
    """Return the exact seconds since 1970 of a UTC-aware time."""
    return Fraction((moment - _EPOCH) // _MICROSECOND, 1_000_000)


def to_datetime(seconds: Fraction) -> datetime:
    """Return the time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


class Clock(Protocol):
    """What a service may know about time."""

    def now(self) -> datetime:
        """Return the time of day, UTC-aware. May jump."""

    def monotonic(self) -> float:
        """Seconds from some fixed moment. Never jumps: for measuring how long something took."""

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time of day, UTC-aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""
        time.sleep(seconds)
