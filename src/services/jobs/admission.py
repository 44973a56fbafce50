"""Decides at the claim whether a worker may start a job, one decision at a time.

The decision depends on the whole queue, but a MongoDB update is atomic for one document only. The decision is therefore
taken under the lock of the queue. If the lock expired before the claim was made, the claim is returned before any work
is done. A job that must wait is marked; when its turn comes, a worker is notified of it again.
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
_PATIENCE_SECONDS = 15.0  # longer than the lock of a holder that died
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
        lane_places: int = 2,
    ) -> None:
        """``lane_places``: how many jobs the process of a queue with a stand-in runs at once; one owner gets half."""
        self._share = max(lane_places // 2, 1)
        self._claims, self._queue, self._workers, self._locks, self._kinds = claims, queue, workers, locks, kinds
        self._worker, self._lease_seconds, self._max_attempts = worker, lease_seconds, max_attempts

    def has_workers(self, queue: str) -> bool:
        """Return whether this queue has a registered worker."""
        return self._workers.serve(queue)

    def claim(self, job_id: str, queue: str) -> VideoJob | None:
        """Claim the job. ``None`` if it is unavailable, or if it is not its turn; then it is marked."""
        kinds = self._kinds.in_queue(queue)
        if queue in self._kinds.stand_ins and self._has_its_share(job_id, kinds):
            if not self._queue.note_declined(job_id):  # the worker that had it is gone
                self._claims.note_missed(job_id)
            return None
        # Without registered workers (a test, or a program that runs one job) there are no turns to respect.
        if not kinds.all or not self._workers.count(queue) or self._queue.is_urgent(job_id, kinds):
            return self._claim(job_id, kinds)
        group = self._queue.group_of(job_id, kinds, max_attempts=self._max_attempts)
        if group is None:
            return self._claim(job_id, kinds)
        holder, name = f"{self._worker} {uuid.uuid4()}", f"turn:{queue}"
        if not self._take(name, holder):
            self._claims.note_missed(job_id)
            return None
        job, lawful, left = None, False, False
        try:
            if any((turn.owner, turn.long) == group for turn in self._turns(queue, kinds)):
                job = self._claim(job_id, kinds)
            else:
                left = True
        finally:
            lawful = self._locks.release(name, holder)
        if job is not None and job.lease is not None and not lawful:
            log.warning("job %s: the decision took too long and is repeated", job_id)
            self._claims.hand_back(job.id, job.lease, delay_seconds=0, count_attempt=False)
            return None
        if left:
            log.info("job %s must wait for its turn", job_id)
            self._queue.note_declined(job_id)
        return job

    def next_up(self, queue: str) -> list[str]:
        """Return the ids of marked jobs of this queue whose turn it is now, and of captures that they had to wait for.
        The marks are removed: the caller must notify a worker of each job."""
        kinds = self._kinds.in_queue(queue)
        if queue in self._kinds.stand_ins:
            return self._next_in_lane(kinds)
        if not kinds.all or not self._queue.has_declined(kinds):
            return []
        # The notification of a capture may have been lost, and no other job starts while a capture waits.
        found = self._queue.urgent(kinds, max_attempts=self._max_attempts, missed_seconds=_MISSED_SECONDS)
        for group, number in self._turns(queue, kinds).items():
            found += [job_id for job_id in group.declined[:number] if self._queue.take_declined(job_id)]
        return found

    def _next_in_lane(self, kinds: Kinds) -> list[str]:
        """Return the ids of marked jobs whose owners hold less than their share of the process of this queue."""
        declined = self._queue.declined(kinds)
        held = Counter(each.owner for each in self._queue.running(kinds)) if declined else Counter()
        found = []
        for owner, job_id in declined:
            if held[owner] >= self._share:
                continue
            if self._queue.take_declined(job_id):
                held[owner] += 1
                found.append(job_id)
            else:  # another process, in which a capture ended just now, gives this owner's places to the next ones
                held[owner] = self._share
        return found

    def _has_its_share(self, job_id: str, kinds: Kinds) -> bool:
        """Return whether the owner of a job holds half of the process that serves its queue alone."""
        group = self._queue.group_of(job_id, kinds, max_attempts=self._max_attempts)
        if group is None:
            return False
        return self._queue.runs_at_least(self._share, group[0], kinds)

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

    def _claim(self, job_id: str, kinds: Kinds) -> VideoJob | None:
        return self._claims.claim(
            job_id, self._worker, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts, kinds=kinds
        )
