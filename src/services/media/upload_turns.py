"""Limits how many threads read uploads at once and queues the others in order of arrival."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from src.errors import Busy

RETRY_SECONDS = 30
"""The value of ``Retry-After``, in seconds."""


class Turns:
    """A queue for work that needs much processor time and memory. Safe for threads of one process."""

    def __init__(self, at_once: int, *, longest_queue: int) -> None:
        """``longest_queue``: how many threads may wait; further ones are refused immediately."""
        self._free, self._longest = at_once, longest_queue
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        return len(self._waiting)

    @contextmanager
    def turn(self, seconds: float) -> Iterator[float]:
        """Wait for a turn and hold it for the block. Gives the rest of the ``seconds`` at its start.

        Raises:
            Busy: no turn in time, or too many threads are waiting; with ``retry_after_seconds``.
        """
        started = time.monotonic()
        if not self._take(seconds):
            raise Busy("Too many uploads are being read at once; please try again shortly.", **retry_later())
        try:
            yield max(seconds - (time.monotonic() - started), 0.0)
        finally:
            self._give()

    def _take(self, seconds: float) -> bool:
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if len(self._waiting) >= self._longest:
                return False
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine.is_set():  # handed over in the same moment
                return True
            self._waiting.remove(mine)
            return False

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


def retry_later() -> dict[str, object]:
    """Return the details of a refusal with the time after which to retry."""
    return {"retry_after_seconds": RETRY_SECONDS}
