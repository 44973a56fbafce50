"""Finds work that another job does or has done: nothing is made twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.models.job_kinds import KindTable
from src.models.video import VideoJob
from src.services.jobs.handler import JobResult
from src.services.jobs.waiting import Postponed


class Sharing:
    """What jobs that ask for the same have from each other."""

    def __init__(self, jobs: VideoData, claims: ClaimData, kinds: KindTable, *, wait_seconds: float) -> None:
        """``wait_seconds``: how long one waits for another at most before it looks again."""
        self._jobs, self._claims, self._kinds, self._wait_seconds = jobs, claims, kinds, wait_seconds

    def existing_result(self, job: VideoJob, work_dir: Path) -> JobResult | None:
        """The file of a job that asked for just the same, under a second name: nothing is made twice.

        Each job keeps a name of its own, so that one owner's deletion takes nothing from another.

        Raises:
            Postponed: another job is making it. What becomes of that one wakes this one.
        """
        fields = {name: getattr(job.params, name) for name in self._kinds[job.kind].same}
        if not fields:
            return None
        if (leader := self._claims.leader_of(job, fields)) is not None:
            raise Postponed(self._wait_seconds, "the same is being made", follows=leader.id)
        twin = self._jobs.find_twin(job.kind, fields, datetime.now(UTC))
        if twin is None or twin.artifact is None or twin.id == job.id:
            return None
        path = work_dir / f"shared{twin.artifact.path.suffix}"
        try:
            path.hardlink_to(twin.artifact.path)
        except OSError:  # it has just been deleted, or this disk knows no second names
            return None
        name = twin.artifact.download_name.replace(twin.id, job.id)
        return JobResult(
            path,
            twin.artifact.mime,
            name,
            dict(twin.report),
            {name: value for name, value in twin.facts.items() if name != "request"},
        )
