"""Notifies workers of jobs, and lets a worker claim a job when its turn has come."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.errors import StoreUnavailable
from src.models.job_kinds import KindTable
from src.models.video import VideoJob
from src.services.jobs.admission import Admission
from src.services.jobs.notifier import WorkerNotifier

log = logging.getLogger(__name__)

_SERVED_SECONDS = 1.0  # a worker that dies counts for longer, until the lease of its registration ends


class Dispatcher:
    """Decides which queue is notified of a job, and when."""

    def __init__(
        self, jobs: VideoData, claims: ClaimData, admission: Admission, notifier: WorkerNotifier, kinds: KindTable
    ) -> None:
        """Create the dispatcher of one process. ``admission`` decides whose turn it is."""
        self._jobs, self._claims, self._admission = jobs, claims, admission
        self._notifier, self._kinds = notifier, kinds
        self._served_at: dict[str, float] = {}

    def notify(self, job: VideoJob, *, noted: bool = False) -> bool:
        """Notify a worker of this job and record it; return whether the message was sent. ``noted``: its record says so
        already."""
        return self._notify(job.id, self._served(self._kinds.queue_of(job)), noted=noted)

    def notify_all(self, jobs: Sequence[VideoJob]) -> None:
        """Notify workers of these jobs, whose records say that none was notified yet, and record it in one write.

        After a message that could not be sent, the others are left to the reconciler.
        """
        sent: list[str] = []
        try:
            for job in jobs:
                self._notifier.notify(job.id, self._served(self._kinds.queue_of(job)))
                sent.append(job.id)
        except ConnectionError as error:
            log.warning("%d jobs: no worker can be notified: %s", len(jobs) - len(sent), error)
        if sent:
            self._claims.note_notified(*sent)

    def notify_next(self, queue: str) -> None:
        """Notify workers of the jobs of a queue that had to wait and whose turn it is now. Never raises."""
        try:
            for job_id in self._admission.next_up(queue):
                self._notify(job_id, self._served(queue))
        except StoreUnavailable:
            log.warning("the queue %s could not be read; the reconciler repeats it", queue)

    def notify_followers(self, job_id: str) -> None:
        """Notify workers of the jobs that wait for this one: they use its file, or do its work. Never raises."""
        try:
            for follower in self._claims.release_followers(job_id):
                self.notify(follower)
        except StoreUnavailable:
            log.warning("job %s: the jobs that wait for it continue after their own delay", job_id)

    def take_over(self, worker: str) -> int:
        """Notify workers of the jobs of a process that has ended for certain; return how many."""
        left = self._claims.end_leases_of(worker)
        if left:
            log.warning("%s has ended: %d jobs go on", worker, len(left))
        return sum(self.notify(job) for job in left)

    def claim(self, job_id: str, taken_from: str | None) -> VideoJob | None:
        """Claim a job if it is available and its turn; notify workers of other jobs whose turn it is.

        ``taken_from``: the queue of the notification, if known. A job that waits in another queue by now is left to
        that one, unless this queue stands in for it.
        """
        found = self._jobs.find(job_id)
        if found is None:
            return None
        queue = self._kinds.queue_of(found)
        if taken_from not in (None, queue):
            stands_in = self._kinds.stand_ins.get(queue) == taken_from
            if not stands_in or self._admission.has_workers(queue):
                if found.waiting:
                    self.notify(found)
                return None
        job = self._admission.claim(job_id, queue)
        if queue not in self._kinds.stand_ins:  # there, only the end of a job gives others their turn
            self.notify_next(queue)
        return job

    def _served(self, queue: str) -> str:
        """Return this queue, or the one that stands in for it while it has no worker."""
        stand_in = self._kinds.stand_ins.get(queue)
        if stand_in is None:
            return queue
        now = time.monotonic()
        with suppress(StoreUnavailable):
            # Many commands of a chat at once ask the database once.
            if now - self._served_at.get(queue, -math.inf) >= _SERVED_SECONDS:
                if not self._admission.has_workers(queue):
                    return stand_in
                self._served_at[queue] = now
        return queue

    def _notify(self, job_id: str, queue: str, *, noted: bool = False) -> bool:
        if not noted:
            self._claims.note_notified(job_id)
        try:
            self._notifier.notify(job_id, queue)
        except ConnectionError as error:
            log.warning("job %s: no worker can be notified: %s", job_id, error)
            self._claims.note_missed(job_id)
            return False
        return True
