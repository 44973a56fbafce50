"""Tells the others that this worker process is there: how many there are decides how they are shared."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from contextlib import suppress

from src.data.worker_data import WorkerData
from src.errors import StoreUnavailable
from src.services.jobs.lease import ShutdownFlag

log = logging.getLogger(__name__)

KEEP_SECONDS = 20.0  # a process that was killed is counted for so long
_LOOK_SECONDS = 1.0


class Presence:
    """A thread that says so again and again, until the process ends or is asked to."""

    def __init__(self, workers: WorkerData, worker: str, queues: Collection[str], shutdown: ShutdownFlag) -> None:
        self._workers, self._worker, self._queues, self._shutdown = workers, worker, queues, shutdown
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def begin(self) -> None:
        """Return when it was said, or could not be said now."""
        if self._queues:
            self._say()
            self._thread.start()

    def end(self) -> None:
        """This process takes no more jobs."""
        self._done.set()
        with suppress(StoreUnavailable):  # then its time runs out
            self._workers.drop(self._worker)

    def _run(self) -> None:
        looks = 0
        while not self._done.wait(_LOOK_SECONDS):
            if self._shutdown.is_set():
                self.end()
                return
            looks += 1
            if looks * _LOOK_SECONDS >= KEEP_SECONDS / 4:
                looks = 0
                self._say()

    def _say(self) -> None:
        try:
            self._workers.register(self._worker, self._queues, seconds=KEEP_SECONDS)
        except StoreUnavailable:
            log.warning("the database is away; this worker is not counted until it answers")
