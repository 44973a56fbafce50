"""Decides whether a worker may begin a job, and does it at the claim: two workers that ask at once decide in turn.

The decision needs the whole queue, and MongoDB changes one document at a time. So whoever decides holds the queue's
lock, and a claim that was made without it (its holder stood still for longer than the lock lasts) is given back before
any work is done. A job that must wait is left with a mark; whoever makes room notifies a worker of it again.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections import Counter

from src.data.claim_data import ClaimData
from src.data.lock_data import LockData
from src.data.queue_data import QueueData
from src.data.worker_data import WorkerData
from src.models.job_kinds import KindTable
from src.models.turns import Kinds, Waiting
from src.models.video import VideoJob
from src.services.jobs.turns import next_turns

log = logging.getLogger(__name__)

_LOCK_SECONDS = 10.0
_PATIENCE_SECONDS = 15.0  # longer than a holder that died keeps the lock
_PAUSE_SECONDS = 0.01
_MISSED_SECONDS = 2.0


class Admission:
    """The claims of one worker. Every method may raise ``StoreUnavailable``."""

    def __init__(
        self,
        claims: ClaimData,
        queue: QueueData,
        workers: WorkerData,
        locks: LockData,
        kinds: KindTable,
        *,
        worker: str,
        lease_seconds: float,
        max_attempts: int,
    ) -> None:
        self._claims, self._queue, self._workers, self._locks, self._kinds = claims, queue, workers, locks, kinds
        self._worker, self._lease_seconds, self._max_attempts = worker, lease_seconds, max_attempts

    def claim(self, job_id: str, queue: str) -> VideoJob | None:
        """The job, claimed, or ``None``: it is not available, or it is not its turn; then it is marked."""
        kinds = self._kinds.in_queue(queue)
        # Where no worker is registered there is nobody to be fair to: a test, or a program that runs one job.
        if not kinds.all or not self._workers.count(queue) or self._queue.is_urgent(job_id, kinds):
            return self._claim(job_id)
        group = self._queue.group_of(job_id, kinds, max_attempts=self._max_attempts)
        if group is None:
            return self._claim(job_id)
        holder, name = f"{self._worker} {uuid.uuid4()}", f"turn:{queue}"
        if not self._take(name, holder):
            self._claims.note_missed(job_id)
            return None
        job, lawful, left = None, False, False
        try:
            if any((turn.owner, turn.long) == group for turn in self._turns(queue, kinds)):
                job = self._claim(job_id)
            else:
                left = True
        finally:
            lawful = self._locks.release(name, holder)
        if job is not None and job.lease is not None and not lawful:
            log.warning("job %s: the decision took too long and is made again", job_id)
            self._claims.hand_back(job.id, job.lease, delay_seconds=0, count_attempt=False)
            return None
        if left:
            log.info("job %s has to wait for its turn", job_id)
            self._queue.note_declined(job_id)
        return job

    def next_up(self, queue: str) -> list[str]:
        """Ids of marked jobs of this queue whose turn it is now, and of captures for which they had to wait. Their
        marks are gone: notify a worker of each."""
        kinds = self._kinds.in_queue(queue)
        if not kinds.all or not self._queue.declined_kinds() & kinds.all:
            return []
        # The message of a capture may have got lost, and nothing else begins while it waits.
        found = self._queue.urgent(kinds, max_attempts=self._max_attempts, missed_seconds=_MISSED_SECONDS)
        for group, number in self._turns(queue, kinds).items():
            found += [job_id for job_id in group.declined[:number] if self._queue.take_declined(job_id)]
        return found

    def _turns(self, queue: str, kinds: Kinds) -> Counter[Waiting]:
        waiting = self._queue.waiting(kinds, max_attempts=self._max_attempts)
        urgent = len(self._queue.urgent(kinds, max_attempts=self._max_attempts))
        running, workers = self._queue.running(kinds), self._workers.count(queue)
        return Counter(next_turns(waiting, running, workers, urgent=urgent))

    def _take(self, name: str, holder: str) -> bool:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._locks.take(name, holder, seconds=_LOCK_SECONDS):
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (not a secret)
        return True

    def _claim(self, job_id: str) -> VideoJob | None:
        return self._claims.claim(
            job_id, self._worker, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts
        )
