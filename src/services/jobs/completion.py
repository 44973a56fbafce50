"""Keeps what a job has made: the file in its place first, the end in the record second, and never one of two files."""

from __future__ import annotations

import logging
import time

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.errors import AppError, Cancelled, StoreUnavailable
from src.models.video import Artifact, Lease, VideoJob
from src.services.file_store import FileStore
from src.services.jobs.handler import JobResult
from src.services.jobs.lease import LeaseLost, LeaseRenewer
from src.services.jobs.paths import folder_of

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5


class Completion:
    """The last step of a job that went well."""

    def __init__(self, jobs: VideoData, claims: ClaimData, files: FileStore, *, keep_seconds: float) -> None:
        """``keep_seconds``: how long files stay of jobs that do not say."""
        self._jobs, self._claims, self._files, self._keep_seconds = jobs, claims, files, keep_seconds

    def keep(self, job: VideoJob, lease: Lease, made: JobResult, keeper: LeaseRenewer) -> VideoJob:
        """The completed job.

        Raises:
            LeaseLost: another worker has the job, or it cannot be known; no record names the file, or it stays.
            Cancelled: that was wished in the last moment.
            DiskFull: there is no room for it.
        """
        path = self._files.keep(made.path, job.id, lease.fence, folder_of(job))
        try:
            artifact = Artifact(path, path.stat().st_size, made.mime, made.download_name)
            ended = self._commit(job, lease, artifact, made, keeper)
        except LeaseLost:
            raise  # whether a write arrived may be unknown: the sweeper takes the file if no record names it
        except BaseException:
            self._files.delete(path)
            raise
        if ended is None:
            self._files.delete(path)
            raise LeaseLost()
        return ended

    def _commit(
        self, job: VideoJob, lease: Lease, artifact: Artifact, made: JobResult, keeper: LeaseRenewer
    ) -> VideoJob | None:
        """Write the end, again and again while the database is away and the lease lasts: the work was done.

        An answer that got lost is recognised by the file that the record names.
        """
        keep_seconds = self._keep_seconds if job.keep_seconds is None else job.keep_seconds
        unsure = False
        while True:
            try:
                if made.facts:
                    self._jobs.set_facts(job.id, made.facts)
                ended = self._claims.complete(job.id, lease, artifact, made.report, keep_seconds=keep_seconds)
                found = self._jobs.find(job.id) if ended is None else None
                if found is not None and unsure and found.artifact and found.artifact.path == artifact.path:
                    return found
                if found is not None and found.cancel_requested and found.lease and found.lease.fence == lease.fence:
                    raise Cancelled()
                return ended
            except StoreUnavailable:
                unsure = True
                log.warning("job %s: its end could not be written yet", job.id)
                try:
                    keeper.check()
                except AppError:  # whatever it is: the record may name the file, so nothing may delete it
                    raise LeaseLost() from None
                time.sleep(_AGAIN_SECONDS)
