"""Shares running lookups: one per key at a time, a limited number in total, and a time limit for each caller."""

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
    """Runs slow lookups on separate threads, so that their callers can give up.

    At most ``parallel`` lookups run at once; one that cannot start within ``queue_seconds`` is refused. A lookup runs
    to its end and counts until then even if all its callers gave up.
    """

    def __init__(self, *, parallel: int, queue_seconds: float) -> None:
        self._room = threading.BoundedSemaphore(parallel)
        self._queue_seconds = queue_seconds
        self._lock = threading.Lock()
        self._running: dict[str, Future[Result]] = {}

    def get(self, key: str, look_up: Callable[[], Result], *, seconds: float, monitor: Monitor) -> Result:
        """Return the result of ``look_up`` for ``key``, or of a lookup of this key that is already running.

        Raises:
            Busy: too many lookups are running.
            NetworkTimeout: it took longer than ``seconds``.
            AppError: what the lookup or the monitor raised.
        """
        deadline = time.monotonic() + seconds

        def check() -> None:
            monitor.check()
            if time.monotonic() > deadline:
                raise NetworkTimeout

        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = in_background(lambda: self._run(key, look_up), f"lookup {key}")
        return result_of(running, check)

    def _run(self, key: str, look_up: Callable[[], Result]) -> Result:
        try:
            if not self._room.acquire(timeout=self._queue_seconds):
                raise Busy
            try:
                return look_up()
            finally:
                self._room.release()
        finally:
            with self._lock:  # ``get`` holds it until the entry exists
                del self._running[key]
