"""Time that passes only when somebody sleeps: an hour of a stream takes as long as its work takes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from fractions import Fraction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Origin and client share it. Safe for several threads."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        return float(self.seconds)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)

    @property
    def seconds(self) -> Fraction:
        """Seconds since 1970."""
        return Fraction((self.now() - EPOCH) // timedelta(microseconds=1), 1_000_000)

    def set(self, seconds: Fraction) -> None:
        """Jump to a moment."""
        with self._lock:
            self._now = EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
