"""Limits how fast all captures of a process fetch, and how much disk space their pools take, and counts both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from src.utils.capture_pools import bytes_of_pools

_BURST_SECONDS = 1.0
_MEASURE_SECONDS = 5.0
Count = Callable[[int, int], None]
"""Adds to the metrics: a number of segments, a number of bytes. Never raises."""


def _no_count(segments: int, size: int) -> None:
    return


@dataclass
class CaptureLimits:
    """``disk_bytes`` for the pools in one folder, and ``bytes_per_second``; ``None`` is unlimited. Thread-safe."""

    disk_bytes: int | None = None
    bytes_per_second: float | None = None
    count: Count = _no_count
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free_at: float = 0.0
    _measured_at: float = -_MEASURE_SECONDS
    _has_room: bool = True

    def fetched(self, size: int) -> None:
        """Count a segment, and wait until its bytes fit into the rate. Called in the thread that fetched it."""
        self.count(1, size)
        if self.bytes_per_second is None:
            return
        with self._lock:
            now = self.monotonic()
            self._free_at = max(self._free_at, now - _BURST_SECONDS) + size / self.bytes_per_second
            pause = self._free_at - now
        if pause > 0:
            self.sleep(pause)

    def has_room(self, parent: Path) -> bool:
        """Return whether the pools in a folder may grow; measured every few seconds."""
        if self.disk_bytes is None:
            return True
        with self._lock:
            now = self.monotonic()
            if now - self._measured_at >= _MEASURE_SECONDS or not self._has_room:
                self._measured_at = now
                self._has_room = bytes_of_pools(parent) < self.disk_bytes
            return self._has_room
