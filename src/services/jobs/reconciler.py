"""Finds jobs that no worker attends to: notifies workers of them, and fails those without attempts left."""

from __future__ import annotations

import logging

from src.data.claim_data import ClaimData
from src.errors import JobLost
from src.models.job_kinds import KindTable
from src.models.video import Failure
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.finishing import Finisher
from src.services.jobs.limits import AttemptLimits
from src.services.jobs.repairs import Repairs

log = logging.getLogger(__name__)


class Reconciler:
    """Repeats notifications that were lost, and ends jobs whose workers were lost too often."""

    def __init__(
        self,
        claims: ClaimData,
        repairs: Repairs,
        dispatcher: Dispatcher,
        finisher: Finisher,
        kinds: KindTable,
        limits: AttemptLimits,
    ) -> None:
        self._claims, self._repairs, self._dispatcher, self._finisher = claims, repairs, dispatcher, finisher
        self._kinds, self._limits = kinds, limits

    def run(self, *, notified_before_seconds: float, orphans_notified_before_seconds: float | None = None) -> int:
        """Notify workers of every job that waits unnoticed or whose worker is gone; fail jobs without attempts left.

        The bounds are those of ``ClaimData.unattended``. Returns the number of notifications.
        """
        notified, reachable, most = 0, True, self._limits.max_attempts
        for queue in self._kinds.queues:
            # A worker may have started or stopped, or the end of one was not reported.
            self._dispatcher.notify_next(queue)
        for job in self._claims.unattended(
            notified_before_seconds=notified_before_seconds,
            orphans_notified_before_seconds=orphans_notified_before_seconds,
            max_attempts=most,
        ):
            given_up = self._repairs.give_up(job, max_attempts=most)
            if given_up is not None:
                self._repairs.finish(given_up)
            elif not job.ended and job.attempts >= most:
                self._give_up(job.id)
            elif reachable:  # while the broker is unavailable, one failed attempt per pass is enough
                reachable = self._dispatcher.notify(job)
                notified += reachable
        return notified

    def _give_up(self, job_id: str) -> None:
        lost = self._claims.give_up(
            job_id,
            Failure(JobLost.code, JobLost().message),
            max_attempts=self._limits.max_attempts,
            keep_seconds=self._limits.keep_seconds,
        )
        if lost is not None:
            log.error("job %s is given up after %d attempts", lost.id, lost.attempts)
            self._finisher.finish(lost)
