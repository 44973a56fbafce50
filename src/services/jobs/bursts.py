"""Notifies workers of jobs that are saved many at once, such as those of a chat, when the burst is over.

The callers need a record and no worker. Notified at once, a worker would take the processors from the replies to the
rest of the burst.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from src.errors import StoreUnavailable
from src.models.video import VideoJob
from src.services.jobs.dispatch import Dispatcher

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.1  # several times what one command of a burst takes
MOST_SECONDS = 1.0  # while commands keep coming; a moment of a stream is available for 30 s at least


class BurstNotices:
    """Collects the jobs of this process and notifies workers of them in a thread that lives as long as a burst.

    The records of these jobs say that no worker was notified yet. So if the process dies first, the next check of the
    reconciler notifies one.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create the collection. ``clock`` returns seconds, ``wait`` takes seconds."""
        self._dispatcher, self._clock, self._wait = dispatcher, clock, wait
        self._lock = threading.Lock()
        self._jobs: list[VideoJob] = []
        self._first = self._last = 0.0

    def add(self, job: VideoJob) -> None:
        """Notify a worker of this job ``QUIET_SECONDS`` after the last one, but after ``MOST_SECONDS`` at the latest.

        Returns at once.
        """
        with self._lock:
            self._last = self._clock()
            self._jobs.append(job)
            if len(self._jobs) > 1:
                return
            self._first = self._last
        try:
            threading.Thread(target=self._notify, name="burst-notices", daemon=True).start()
        except RuntimeError:  # the machine has no room for another thread
            self._leave(self._take())

    def _notify(self) -> None:
        while (left := self._seconds_left()) > 0:
            self._wait(left)
        jobs = self._take()
        try:
            self._dispatcher.notify_all(jobs)
        except StoreUnavailable:
            self._leave(jobs)

    def _take(self) -> list[VideoJob]:
        with self._lock:
            jobs, self._jobs = self._jobs, []
        return jobs

    @staticmethod
    def _leave(jobs: list[VideoJob]) -> None:
        log.warning("%d jobs: the reconciler notifies workers of them", len(jobs))

    def _seconds_left(self) -> float:
        with self._lock:
            return min(self._last + QUIET_SECONDS, self._first + MOST_SECONDS) - self._clock()
