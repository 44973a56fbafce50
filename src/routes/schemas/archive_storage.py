"""Defines the JSON of the archive services for stored videos and work plans."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, Json, StrictInt, StrictStr

from src.models.archive import SearchIn, SortBy
from src.routes.schemas.archive import Duration, Limit, Part, PartOfList, VideoId, VideoIds
from src.routes.schemas.common import Record, RequestBody, Seconds, UtcTime


class SaveMetadata(RequestBody):
    """The facts of a video, and a name for its file."""

    video_id: VideoId
    metadata: dict[str, Any]
    file_path: StrictStr | None = Field(default=None, max_length=1000)
    file_size: StrictInt | None = Field(default=None, ge=0, le=2**53)


class UploadFields(RequestBody):
    """The other fields of an upload; ``metadata`` is JSON."""

    video_id: VideoId
    metadata: Json[dict[str, Any]] = Field(default={}, examples=['{"title": "A film", "duration": 60}'])


class VideoQuery(Part):
    """Which stored videos to list, in which order."""

    search: str | None = Field(default=None, max_length=500)
    sort: SortBy = "stored_at"
    order: Literal["asc", "desc"] = "desc"


class SearchQuery(RequestBody):
    """What to search for, and where."""

    q: str = Field(min_length=1, max_length=500)
    type: SearchIn = "all"
    limit: Limit = 20


class StoredListed(Record):
    """An entry in the list of stored videos; ``relevance`` only in search results."""

    video_id: str
    title: str
    duration: Duration
    stored_at: UtcTime
    file_size: int
    relevance: float | None


class StoredInfo(StoredListed):
    """All details of a stored video."""

    file_path: str | None
    metadata: dict[str, Any]


class StoredList(PartOfList):
    """A part of the stored videos."""

    videos: list[StoredListed] = Field(validation_alias="items")


class StoredGone(BaseModel):
    """A video that was deleted."""

    video_id: str
    deleted: bool = True


class StorageStats(Record):
    """The totals of the archive; sizes in bytes, durations in seconds. Thumbnails are not stored."""

    total_videos: int = Field(validation_alias="videos")
    total_size: int = Field(validation_alias="bytes")
    total_duration: Seconds = Field(validation_alias="duration_seconds")
    oldest_video: UtcTime | None = Field(validation_alias="oldest_at")
    newest_video: UtcTime | None = Field(validation_alias="newest_at")
    storage_breakdown: dict[str, dict[str, int]] = Field(validation_alias="breakdown")


class CreateWorkPlan(RequestBody):
    """Videos that could not be downloaded, and why."""

    video_ids: VideoIds
    reason: StrictStr = Field(max_length=200, examples=["The site did not answer"])
    metadata: dict[str, Any] = {}


class WorkPlanInfo(Record):
    """A work plan and its state."""

    id: str
    video_ids: tuple[str, ...]
    reason: str
    status: str
    created_at: UtcTime
    retry_count: int
    metadata: dict[str, Any]
    job_ids: tuple[str, ...]


class WorkPlans(PartOfList):
    """A part of the plans, newest first."""

    work_plans: list[WorkPlanInfo] = Field(validation_alias="items")
