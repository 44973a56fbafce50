"""Ends the attempts to repair a finished file, which never end its job."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime

from src.data.claim_data import ClaimData
from src.errors import AppError, JobLost
from src.models.video import Failure, Lease, RepairState, VideoJob
from src.services.file_store import FileStore
from src.services.progress_cache import ProgressCache

log = logging.getLogger(__name__)

# After an error that may be temporary. A repair has days: it need not hurry.
PAUSE_SECONDS = 300.0


class Repairs:
    """Decides what follows an attempt to repair a file. The first file stays whatever happens."""

    def __init__(self, claims: ClaimData, files: FileStore, progress: ProgressCache) -> None:
        self._claims, self._files, self._progress = claims, files, progress

    def fail_or_postpone(self, job: VideoJob, lease: Lease, error: AppError) -> VideoJob | None:
        """Try again later if the error may be temporary and there is time left; otherwise the file stays as it is.

        Raises:
            StoreUnavailable: nothing was written; the lease will expire.
        """
        repairs = self._claims.repairs
        if error.retried and job.repair is not None and datetime.now(UTC) < job.repair.until:
            log.info("repair of job %s: %s, tried again later", job.id, error.code)
            pause = PAUSE_SECONDS * random.uniform(0.5, 1)  # noqa: S311 (not a secret)
            return repairs.hand_back(job.id, lease, delay_seconds=pause, count_attempt=True)
        log.info("repair of job %s is impossible: %s %s", job.id, error.code, error.message)
        return repairs.fail(job.id, lease, Failure(error.code, error.message), keep_seconds=0)

    def give_up(self, job: VideoJob, *, max_attempts: int) -> VideoJob | None:
        """End a repair whose workers died too often; ``None`` if this job has no such repair."""
        if job.repair is None or not job.ended:
            return None
        return self._claims.repairs.give_up(job.id, Failure(JobLost.code, JobLost().message), max_attempts=max_attempts)

    def finish(self, job: VideoJob, *, retains: bool = False) -> None:
        """Announce the end of a repair and delete what only it needed. A repair that waits again is not announced.

        ``retains``: the retained folder stays together with the new file. After a repair that was impossible it stays
        with the first file, if that still exists.
        """
        if job.repair is None or job.repair.waiting:
            return
        self._progress.announce_end(job.id)
        unrepaired = job.repair.state is RepairState.IMPOSSIBLE and job.artifact is not None
        if not (retains or unrepaired):
            self._files.drop_retained(job.id)
        log.info("the repair of job %s is %s", job.id, job.repair.state)
