"""Stores work plans: lists of videos whose download failed, to be retried on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from src.data.video_data import VideoData
from src.data.work_plan_data import WorkPlanData
from src.errors import RequestInvalid, WorkPlanNotFound
from src.models.archive import PlanStatus, WorkPlan
from src.models.page import Page
from src.models.video import ENDED, Owner, Status
from src.services.downloads.requests import DownloadRequest, DownloadService
from src.utils.clock import Clock
from src.utils.validators import canonical_url, validate_video_id

MAX_TRIES = 1_000_000


class WorkPlanService:
    """Manages the plans of owners. All methods may raise ``StoreUnavailable``."""

    def __init__(self, plans: WorkPlanData, records: VideoData, downloads: DownloadService, clock: Clock) -> None:
        self._plans, self._records, self._downloads, self._clock = plans, records, downloads, clock

    def create(self, owner: Owner, video_ids: Sequence[str], reason: str, metadata: Mapping[str, Any]) -> WorkPlan:
        """Store a plan for these videos; ``metadata.retry_count`` is the number of earlier attempts.

        Raises:
            VideoIdInvalid: one of the ids is malformed.
            RequestInvalid: the number of attempts is invalid.
        """
        tries = metadata.get("retry_count", 0)
        if isinstance(tries, bool) or not isinstance(tries, int) or not 0 <= tries <= MAX_TRIES:
            raise RequestInvalid("metadata: retry_count must be a number of attempts")
        wanted = list(dict.fromkeys(validate_video_id(video_id) for video_id in video_ids))
        return self._plans.insert(owner, wanted, reason, metadata, self._clock.now(), tries)

    def page(self, owner: Owner, *, offset: int, limit: int) -> Page[WorkPlan]:
        """Return some of the plans, newest first."""
        found = self._plans.page(owner, offset=offset, limit=limit)
        states = self._records.statuses([job_id for plan in found.items for job_id in plan.job_ids])
        return found.map(lambda plan: replace(plan, status=_status(plan, states)))

    def retry(self, owner: Owner, plan_id: str) -> WorkPlan:
        """Download every video of the plan in its best quality; a plan that is in progress stays as it is.

        Raises:
            WorkPlanNotFound: the plan is unknown.
            TooManyPending, DiskFull: not every download could be started; those that were started continue.
        """
        plan = self._plans.find(owner, plan_id)
        if plan is None:
            raise WorkPlanNotFound()
        status = _status(plan, self._records.statuses(plan.job_ids))
        if status is PlanStatus.PROCESSING or not self._plans.start_try(plan):
            return replace(plan, status=PlanStatus.PROCESSING)
        job_ids: list[str] = []
        try:
            for video_id in plan.video_ids:
                job_ids.append(self._downloads.request_for_archive(owner, DownloadRequest(canonical_url(video_id))).id)
        finally:
            self._plans.set_jobs(plan.id, job_ids)
        return replace(plan, job_ids=tuple(job_ids), retry_count=plan.retry_count + 1, status=PlanStatus.PROCESSING)


def _status(plan: WorkPlan, states: Mapping[str, Status]) -> PlanStatus:
    known = [states[job_id] for job_id in plan.job_ids if job_id in states]
    if not known:
        return PlanStatus.PENDING
    if any(status not in ENDED for status in known):
        return PlanStatus.PROCESSING
    return PlanStatus.COMPLETED if all(status is Status.COMPLETED for status in known) else PlanStatus.FAILED
