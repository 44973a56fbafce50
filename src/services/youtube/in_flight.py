"""Look-ups in flight: one per video at a time, a bounded number in all, and nobody waits longer than told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from src.errors import Busy, NetworkTimeout
from src.models.progress import Monitor
from src.utils.background import in_background, result_of

Result = TypeVar("Result")


class InFlightLookups(Generic[Result]):
    """Runs slow look-ups on threads of their own, so that whoever waits can give up.

    ``parallel`` look-ups run at once; one that finds no room within ``queue_seconds`` is refused. A look-up nobody
    waits for any more runs to its end and keeps its place until then.
    """

    def __init__(self, *, parallel: int, queue_seconds: float) -> None:
        self._room = threading.BoundedSemaphore(parallel)
        self._queue_seconds = queue_seconds
        self._lock = threading.Lock()
        self._flying: dict[str, Future[Result]] = {}

    def get(self, key: str, look_up: Callable[[], Result], *, seconds: float, monitor: Monitor) -> Result:
        """The result of ``look_up`` for ``key``; of the one that already runs, if one does.

        Raises:
            Busy: too many look-ups run already.
            NetworkTimeout: it took longer than ``seconds``.
            AppError: what the look-up or the monitor raised.
        """
        deadline = time.monotonic() + seconds

        def check() -> None:
            monitor.check()
            if time.monotonic() > deadline:
                raise NetworkTimeout

        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                flight = self._flying[key] = in_background(lambda: self._fly(key, look_up), f"look-up {key}")
        return result_of(flight, check)

    def _fly(self, key: str, look_up: Callable[[], Result]) -> Result:
        try:
            if not self._room.acquire(timeout=self._queue_seconds):
                raise Busy
            try:
                return look_up()
            finally:
                self._room.release()
        finally:
            with self._lock:  # free while the starter holds it: the entry is there before it is taken out
                del self._flying[key]
