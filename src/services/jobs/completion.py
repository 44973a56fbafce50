"""Completes a job that succeeded: moves the file to its place, then writes the record, and never leaves two files."""

from __future__ import annotations

import logging
import time

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.errors import AppError, Cancelled, StoreUnavailable
from src.models.video import Artifact, Finished, Lease, VideoJob
from src.services.file_store import FileStore
from src.services.jobs.handler import JobResult
from src.services.jobs.lease import LeaseLost, LeaseRenewer
from src.services.jobs.paths import folder_of

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5


class Completion:
    """Completes jobs that succeeded."""

    def __init__(self, jobs: VideoData, claims: ClaimData, files: FileStore, *, keep_seconds: float) -> None:
        """Set the defaults. ``keep_seconds``: the lifetime of files of jobs that do not specify one."""
        self._jobs, self._claims, self._files, self._keep_seconds = jobs, claims, files, keep_seconds

    def complete(self, job: VideoJob, lease: Lease, result: JobResult, renewer: LeaseRenewer) -> VideoJob:
        """Store the result, instead of the earlier file if it was repaired, and return the completed job.

        Raises:
            LeaseLost: another worker has the job, or this is unknown. The file is deleted unless a record may name it.
            Cancelled: cancellation was requested at the last moment.
            DiskFull: the disk has no room for the file.
        """
        path = self._files.store_artifact(result.path, job.id, lease.fence, folder_of(job))
        try:
            artifact = Artifact(path, path.stat().st_size, result.mime, result.download_name)
            ended = self._commit(job, lease, artifact, result, renewer)
        except LeaseLost:
            raise  # the write may have succeeded: the sweeper deletes the file if no record names it
        except BaseException:
            self._files.delete(path)
            raise
        if ended is None:
            self._files.delete(path)
            raise LeaseLost()
        if job.repairing and job.artifact is not None:  # if this worker dies here, the sweeper deletes it
            self._files.delete(job.artifact.path)
        return ended

    def _commit(
        self, job: VideoJob, lease: Lease, artifact: Artifact, result: JobResult, renewer: LeaseRenewer
    ) -> VideoJob | None:
        """Write the end of the job; repeat while the database is unavailable and the lease lasts.

        If the reply to an earlier write was lost, the file that the record names shows that the write succeeded.
        """
        keep_seconds = self._keep_seconds if job.keep_seconds is None else job.keep_seconds
        finished = Finished(artifact, result.report, result.facts, result.repair)
        unsure = False
        while True:
            try:
                ended = self._claims.of(job).complete(job.id, lease, finished, keep_seconds=keep_seconds)
                found = self._jobs.find(job.id) if ended is None else None
                if found is not None and unsure and found.artifact and found.artifact.path == artifact.path:
                    return found
                if found is not None and found.cancel_requested and found.lease and found.lease.fence == lease.fence:
                    raise Cancelled()
                return ended
            except StoreUnavailable:
                unsure = True
                log.warning("job %s: its end cannot be written yet", job.id)
                try:
                    renewer.check()
                except AppError:  # for any reason: the record may name the file, so it must not be deleted
                    raise LeaseLost() from None
                time.sleep(_AGAIN_SECONDS)
