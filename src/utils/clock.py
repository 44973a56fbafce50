"""Defines the clock that is passed to services, so that a test can replace it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_text(moment: datetime) -> str:
    """Return the time as ``2026-01-18T10:00:00Z``, the format of all API documents."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_seconds(moment: datetime) -> Fraction:
    """Return the exact seconds since 1970 of a UTC-aware time."""
    return Fraction((moment - _EPOCH) // _MICROSECOND, 1_000_000)


def to_datetime(seconds: Fraction) -> datetime:
    """Return the time, rounded to microseconds."""
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def clock_text(seconds: Fraction) -> str:
    """Return seconds since 1970 as ``2026-01-18T10:00:00.480Z``."""
    return to_datetime(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Clock(Protocol):
    """The time as services use it."""

    def now(self) -> datetime:
        """Return the time of day, UTC-aware. May jump."""

    def monotonic(self) -> float:
        """Return seconds since a fixed moment, for measuring durations. Never jumps."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time of day, UTC-aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since a fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
