"""Reuses the results of jobs with equal parameters, so that no work is done twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.models.job_kinds import KindTable
from src.models.video import VideoJob
from src.services.jobs.handler import JobResult, Postponed


class ResultReuse:
    """Finds the running or finished job that matches a new one."""

    def __init__(self, jobs: VideoData, claims: ClaimData, kinds: KindTable, *, wait_seconds: float) -> None:
        """Set the longest wait. ``wait_seconds``: after this time a waiting job checks again."""
        self._jobs, self._claims, self._kinds, self._wait_seconds = jobs, claims, kinds, wait_seconds

    def existing_result(self, job: VideoJob, work_dir: Path) -> JobResult | None:
        """Link the file of a finished job with the same parameters into ``work_dir``; ``None`` without such a job.

        Each job has its own name for the file, so that deleting one job does not affect another owner.

        Raises:
            Postponed: another job produces the same file now. Its end continues this job.
        """
        fields = {name: getattr(job.params, name) for name in self._kinds[job.kind].same}
        if not fields:
            return None
        if (leader := self._claims.leader_of(job, fields)) is not None:
            raise Postponed(self._wait_seconds, "another job produces the same file", follows=leader.id)
        finished = self._jobs.find_twin(job.kind, fields, datetime.now(UTC))
        if finished is None or finished.artifact is None or finished.id == job.id:
            return None
        if finished.repair is not None and finished.repair.waiting:  # the repair would not reach this job
            return None
        path = work_dir / f"shared{finished.artifact.path.suffix}"
        try:
            path.hardlink_to(finished.artifact.path)
        except OSError:  # it was deleted meanwhile, or this file system has no hard links
            return None
        name = finished.artifact.download_name.replace(finished.id, job.id)
        return JobResult(
            path,
            finished.artifact.mime,
            name,
            dict(finished.report),
            {name: value for name, value in finished.facts.items() if name != "request"},
        )
