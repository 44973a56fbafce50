"""``Turns`` lets a bounded number of threads read files at once, the others in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from src.errors import Busy

RETRY_SECONDS = 30
"""What ``Retry-After`` says, in seconds."""


class Turns:
    """A queue in front of work that needs much processor time and memory. Safe for threads of one process."""

    def __init__(self, at_once: int, *, longest_queue: int) -> None:
        """``longest_queue``: how many threads may wait at once; the others' callers are refused at once."""
        self._free, self._longest = at_once, longest_queue
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many threads wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def turn(self, seconds: float) -> Iterator[float]:
        """A turn for the block; gives how many of the ``seconds`` are left when it begins.

        Raises:
            Busy: no turn came in time, or too many wait already; with ``retry_after_seconds``.
        """
        begun = time.monotonic()
        if not self._take(seconds):
            raise Busy("Too many uploads are being read at once; please try again shortly.", **again())
        try:
            yield max(seconds - (time.monotonic() - begun), 0.0)
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


def again() -> dict[str, object]:
    """The details of a refusal that tell when to come again."""
    return {"retry_after_seconds": RETRY_SECONDS}
