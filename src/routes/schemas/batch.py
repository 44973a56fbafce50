"""Defines the JSON of ``/api/video/batch``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictStr

from src.models.params import BatchParams
from src.models.video import VideoJob
from src.routes.schemas.common import OutcomeShown, RequestBody, UtcTime
from src.routes.schemas.video import ProgressReading, Resolution, TimeText
from src.services.clips.requests import ClipRequest

MOST_RANGES = 50


class Range(RequestBody):
    """A time range, with times as in ``POST /api/video/save``."""

    start_time: TimeText = Field(examples=[60])
    end_time: TimeText = Field(examples=[120])


class SaveBatch(RequestBody):
    """Several time ranges of one video. ``join``: one video of all of them, in the order of the ranges."""

    url: StrictStr = Field(max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    ranges: list[Range] = Field(min_length=1, max_length=MOST_RANGES)
    join: StrictBool = False
    format_preference: Literal["mp4", "webm", "best"] = "mp4"
    resolution_preference: Resolution = "1080p"

    def to_requests(self) -> list[ClipRequest]:
        """Return the ranges as the service understands them."""
        return [ClipRequest(self.url, each.start_time, each.end_time) for each in self.ranges]


class Batch(OutcomeShown):
    """A batch. Without ``join`` its file is a ZIP of clips, in the order of the ranges."""

    video_id: str
    kind: str = BatchParams.kind
    url: str
    status: str
    ranges: list[tuple[float, float]]
    join: bool
    created_at: UtcTime
    completed_at: UtcTime | None
    expires_at: UtcTime | None
    title: str | None
    progress: ProgressReading | None
    file_available: bool
    file_size_bytes: int | None
    clips: list[dict[str, Any]] | None
    error: str | None
    code: str | None

    @classmethod
    def of(cls, job: VideoJob, progress: dict[str, Any] | None) -> Batch:
        """Return the status of a job with its latest progress."""
        params = job.params
        assert isinstance(params, BatchParams)
        reading = ProgressReading(**progress) if progress else None
        size = job.artifact.size_bytes if job.artifact else None
        error, code = (job.failure.message, job.failure.code) if job.failure else (None, None)
        return cls(
            video_id=job.id,
            url=params.url,
            status=job.status.value,
            ranges=list(params.ranges),
            join=params.joined,
            created_at=job.created_at,
            completed_at=job.completed_at,
            expires_at=job.expires_at,
            title=job.facts.get("title"),
            progress=reading,
            file_available=job.artifact is not None,
            file_size_bytes=size,
            clips=job.report.get("actual", {}).get("clips"),
            error=error,
            code=code,
            **job.outcome,
        )


class BatchList(BaseModel):
    """A page of a user's batches, newest first."""

    batches: list[Batch]
    page: int
    per_page: int
    total: int
