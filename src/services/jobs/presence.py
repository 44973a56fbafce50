"""Registers this worker process in the database, so that jobs are shared fairly among the running workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from contextlib import suppress

from src.data.worker_data import WorkerData
from src.errors import StoreUnavailable
from src.services.jobs.lease import ShutdownFlag

log = logging.getLogger(__name__)

EXPIRE_SECONDS = 20.0  # how long a process that was killed still counts
_CHECK_SECONDS = 1.0


class Presence:
    """Renews the registration in a thread until the process ends or is asked to end."""

    def __init__(self, workers: WorkerData, worker: str, queues: Collection[str], shutdown: ShutdownFlag) -> None:
        self._workers, self._worker, self._queues, self._shutdown = workers, worker, queues, shutdown
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Register once, if the database answers, then start the thread."""
        if self._queues:
            self._register()
            self._thread.start()

    def stop(self) -> None:
        """Remove the registration: this process takes no more jobs."""
        self._done.set()
        with suppress(StoreUnavailable):  # then it expires
            self._workers.drop(self._worker)

    def _run(self) -> None:
        checks = 0
        while not self._done.wait(_CHECK_SECONDS):
            if self._shutdown.is_set():
                self.stop()
                return
            checks += 1
            if checks * _CHECK_SECONDS >= EXPIRE_SECONDS / 4:
                checks = 0
                self._register()

    def _register(self) -> None:
        try:
            self._workers.register(self._worker, self._queues, seconds=EXPIRE_SECONDS)
        except StoreUnavailable:
            log.warning("the database is unavailable; this worker is not counted until it answers")
