"""Defines the JSON of the archive services: the envelope of all replies, jobs and downloads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictStr

from src.models.video import Status
from src.routes.archive_codes import documented_code
from src.routes.schemas.common import Record, RequestBody, Seconds, UtcTime, of_job
from src.services.downloads.requests import DownloadRequest
from src.utils.filenames import display_folder
from src.utils.format_selection import quality_of
from src.utils.validators import canonical_url

T = TypeVar("T")
StateName = Literal["queued", "downloading", "completed", "failed", "cancelled"]
STATE_NAMES: dict[Status, StateName] = {
    Status.PENDING: "queued",
    Status.PROCESSING: "downloading",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
State = Annotated[StateName, BeforeValidator(lambda status: STATE_NAMES.get(status, status))]
VideoId = Annotated[StrictStr, Field(max_length=64, examples=["dQw4w9WgXcQ"])]
Folder = Annotated[StrictStr, Field(max_length=500), AfterValidator(display_folder)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=1_000_000)]
VideoIds = Annotated[list[VideoId], Field(min_length=1, max_length=50)]
Percent = Annotated[int, BeforeValidator(round), Field(validation_alias="percent")]
Duration = Annotated[Seconds | None, Field(validation_alias="duration_seconds")]


class Envelope(BaseModel, Generic[T]):
    """Every success: ``data`` is the result."""

    status: Literal["success"] = "success"
    data: T
    timestamp: UtcTime = Field(default_factory=lambda: datetime.now(UTC))


class Part(RequestBody):
    """A part of a list."""

    limit: Limit = 50
    offset: Offset = 0


class PartOfList(Record):
    """The number of all items, and whether more follow."""

    total: int
    has_more: bool


class ServiceHealth(BaseModel):
    """The service that answers; without an envelope."""

    status: str
    service: str
    timestamp: UtcTime = Field(default_factory=lambda: datetime.now(UTC))


# --- jobs and downloads -----------------------------------------------------------------------------------------


class CreateArchiveJob(RequestBody):
    """A video to fetch. ``output_path`` is a folder in the archive's own lists, not on the server."""

    video_id: VideoId
    quality: StrictStr = Field(default="best", max_length=20, description="best, worst, 720p, ..., or audio")
    output_path: Folder = "/downloads"
    metadata_requested: bool = True

    def to_request(self, metadata: dict[str, Any]) -> DownloadRequest:
        """Return the request as the service understands it."""
        url, sent = canonical_url(self.video_id), {"output_path": self.output_path, "metadata": metadata}
        if self.quality == "audio":
            return DownloadRequest(url, "audio", original=sent)
        return DownloadRequest(url, "video", self.quality, original=sent)


class StartDownload(CreateArchiveJob):
    """A download. ``job_id`` is an existing job.

    ``format_selection`` is supported where it limits the height or selects only audio.
    """

    job_id: StrictStr | None = Field(default=None, max_length=64)
    format_selection: StrictStr | None = Field(default=None, max_length=200, examples=["best[height<=720]"])
    extract_audio: bool = False

    def chosen(self) -> CreateArchiveJob:
        """Return the job to create; ``format_selection`` and ``extract_audio`` take precedence over ``quality``."""
        quality = self.quality if self.format_selection is None else quality_of(self.format_selection)
        return self.model_copy(update={"quality": "audio" if self.extract_audio else quality})


class JobQuery(Part):
    """Which jobs to list."""

    status: StateName | None = None


class ArchiveFailure(Record):
    """Why a job failed."""

    code: Annotated[str, AfterValidator(lambda code: documented_code(code, "jobs"))]
    message: str


class ArchiveJobListed(Record):
    """An entry in the list of jobs."""

    job_id: str = of_job("id")
    video_id: str = of_job("params", "youtube_video_id")
    status: State = of_job("status")
    created_at: UtcTime = of_job("created_at")


class ArchiveJobCreated(ArchiveJobListed):
    """A job that was started."""

    estimated_completion: UtcTime = Field(validation_alias="completes_at")


class ArchiveJob(ArchiveJobListed):
    """All details of a job."""

    progress: Percent
    updated_at: UtcTime = of_job("changed_at")
    metadata: dict[str, Any] = of_job("facts", "request", "metadata", default={})
    download_path: str = Field(validation_alias="archive_path")
    error: ArchiveFailure | None = of_job("failure")


class ArchiveJobs(PartOfList):
    """A part of the jobs, newest first."""

    jobs: list[ArchiveJobListed] = Field(validation_alias="items")


class ArchiveJobCancelled(Record):
    """A job, which is also a download, that is being stopped."""

    job_id: str = Field(validation_alias="id")
    download_id: str = Field(validation_alias="id")
    status: State
    cancelled_at: Annotated[UtcTime, BeforeValidator(lambda at: at or datetime.now(UTC))] = Field(
        validation_alias="completed_at"
    )


class ActiveDownload(Record):
    """An entry in the list of downloads."""

    download_id: str = of_job("id")
    video_id: str = of_job("params", "youtube_video_id")
    status: State = of_job("status")
    progress: Percent


class DownloadStarted(ActiveDownload):
    """A download that was started. ``estimated_size`` is null where the site does not report it."""

    estimated_size: int | None = None
    output_path: str = Field(validation_alias="archive_path")
    started_at: UtcTime = of_job("active_since")


class DownloadReading(DownloadStarted):
    """All details of a download. Values that are not known yet are null."""

    downloaded_bytes: int = Field(validation_alias="bytes_done")
    total_bytes: int | None = Field(validation_alias="bytes_total")
    speed: str | None
    eta: str | None
    completed_at: UtcTime | None = of_job("completed_at")
    error: ArchiveFailure | None = of_job("failure")


class ActiveDownloads(BaseModel):
    """The running downloads, and the number of waiting ones."""

    downloads: list[ActiveDownload]
    active_count: int
    queue_count: int
