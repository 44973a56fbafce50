"""Counts events per fixed time window: in Redis for all processes, in this process while Redis is unavailable."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from src.services.cache_service import CacheService, CacheUnavailable
from src.utils.clock import Clock

MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """The number of events in the current window, and how many seconds the window lasts."""

    number: int
    seconds_left: float


class WindowCounters:
    """Counts events by key. The first event of a key opens its window, whose end is fixed.

    No method raises. When Redis becomes unavailable, each process starts its own counts at 0.
    """

    def __init__(self, cache: CacheService, clock: Clock, *, max_remembered: int = MAX_REMEMBERED) -> None:
        self._cache = cache
        self._memory = _Memory(clock, max_remembered)

    def add(self, key: str, number: int, *, window_seconds: int) -> Count:
        """Add ``number`` to a counter (negative: subtract; 0: only read) and return its new state."""
        pipeline = self._cache.client.pipeline(transaction=True)
        pipeline.set(key, 0, ex=window_seconds, nx=True)
        pipeline.incrby(key, number)
        pipeline.pttl(key)
        try:
            _, total, milliseconds = self._cache.attempt(lambda _: pipeline.execute())
        except CacheUnavailable:
            return self._memory.add(key, number, window_seconds)
        return Count(int(total), max(0, milliseconds) / 1000)

    def read(self, key: str) -> Count:
        """Return the state of a counter without opening its window."""
        pipeline = self._cache.client.pipeline(transaction=True)
        pipeline.get(key)
        pipeline.pttl(key)
        try:
            number, milliseconds = self._cache.attempt(lambda _: pipeline.execute())
        except CacheUnavailable:
            return self._memory.read(key)
        return Count(int(number or 0), max(0, milliseconds) / 1000)

    def clear(self, key: str) -> None:
        """Reset a counter to 0."""
        self._cache.delete(key)
        self._memory.clear(key)


class _Memory:
    """Counts in a dictionary of limited size, because the keys may come from untrusted input."""

    def __init__(self, clock: Clock, size: int) -> None:
        self._clock = clock
        self._size = size
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}  # number, monotonic end; oldest first

    def add(self, key: str, number: int, window_seconds: int) -> Count:
        now = self._clock.monotonic()
        with self._lock:
            total, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                self._windows.pop(key, None)
                total, end = 0, now + window_seconds
                self._make_room(now)
            self._windows[key] = (total + number, end)
            return Count(total + number, end - now)

    def read(self, key: str) -> Count:
        now = self._clock.monotonic()
        with self._lock:
            number, end = self._windows.get(key, (0, 0.0))
        return Count(number, end - now) if end > now else Count(0, 0.0)

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def _make_room(self, now: float) -> None:
        if len(self._windows) < self._size:
            return
        self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        while len(self._windows) >= self._size:
            del self._windows[next(iter(self._windows))]
