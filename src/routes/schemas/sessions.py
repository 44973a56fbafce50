"""Defines the JSON of ``/api/sessions/*`` and ``/api/jobs/*``."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasPath, BaseModel, Field, StrictStr

from src.routes.schemas.common import JobOutcome, Record, RequestBody, UtcTime, of_job
from src.services.downloads.requests import DownloadRequest, Media


class CreateJob(RequestBody):
    """What to download. ``quality``: best, worst, 720p; for audio 192k; for transcripts manual or automatic."""

    url: StrictStr = Field(max_length=2000, examples=["https://www.youtube.com/watch?v=dQw4w9WgXcQ"])
    media_type: Media = "video"
    quality: StrictStr = Field(default="best", max_length=20)
    output_format: StrictStr | None = Field(default=None, max_length=20, description="mp4, webm; mp3; vtt, srt, txt")
    language: StrictStr | None = Field(default=None, max_length=20, description="The language of a transcript.")

    def to_request(self) -> DownloadRequest:
        """Return the request as the service understands it."""
        sent = self.model_dump(include={"url", "quality", "output_format"})
        return DownloadRequest(
            self.url, self.media_type, self.quality, self.output_format, self.language, original=sent
        )


class JobPage(RequestBody):
    """Which part of a list, and optionally only jobs in one state."""

    status: Literal["pending", "processing", "completed", "failed", "cancelled"] | None = None
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class JobNumbers(Record):
    """Numbers of jobs."""

    total_jobs: int = Field(validation_alias="total")
    active_jobs: int = Field(validation_alias="active")
    completed_jobs: int = Field(validation_alias="completed")
    failed_jobs: int = Field(validation_alias="failed")
    storage_used_bytes: int = Field(validation_alias="file_bytes")


class GuestSessionInfo(JobNumbers):
    """A session and the numbers of its jobs. ``session_uuid`` is its secret: anyone who has it can use the session."""

    session_uuid: str
    created_at: UtcTime
    last_activity: UtcTime
    expires_at: UtcTime
    is_active: bool = True
    age_hours: float


class GuestSessionList(BaseModel):
    """The caller's own session, if it was sent, and the number of all; other ids are secret."""

    sessions: list[GuestSessionInfo]
    total: int
    active_sessions: int
    max_sessions: int


class SessionOverview(JobNumbers):
    """Numbers of all sessions and jobs."""

    active_sessions: int
    max_sessions: int
    max_jobs_per_session: int


class GuestJob(JobOutcome):
    """A job. ``output_path`` is below the caller's own folder, as in ``/paths``."""

    job_uuid: str = of_job("id")
    session_uuid: str | None = None
    job_url: str = of_job("params", "url")
    media_type: Media = of_job("kind")
    status: str = of_job("status")
    created_at: UtcTime = of_job("created_at")
    progress_percent: float | None = Field(validation_alias="percent_started")
    error_message: str | None = of_job("failure", "message", default=None)
    error_code: str | None = of_job("failure", "code", default=None)
    output_path: str | None = Field(validation_alias="path")
    file_size_bytes: int | None = of_job("artifact", "size_bytes", default=None)
    title: str | None = of_job("facts", "title", default=None)
    quality: str | None = of_job("facts", "request", "quality", default=None)
    output_format: str | None = of_job("facts", "request", "output_format", default=None)
    started_at: UtcTime | None = of_job("started_at")
    completed_at: UtcTime | None = of_job("completed_at")
    expires_at: UtcTime | None = of_job("expires_at")
    speed: str | None
    eta: str | None
    deleted: bool = False


class GuestJobList(Record):
    """The caller's jobs, newest first."""

    jobs: list[GuestJob] = Field(validation_alias="items")
    total: int
    has_more: bool


class JobPaths(Record):
    """The folders of a job's files by medium, and the file once it exists."""

    job_uuid: str = of_job("id")
    session_uuid: str | None = None
    base_path: str = Field(validation_alias=AliasPath("folders", "base"))
    video_path: str = Field(validation_alias=AliasPath("folders", "video"))
    audio_path: str = Field(validation_alias=AliasPath("folders", "audio"))
    transcripts_path: str = Field(validation_alias=AliasPath("folders", "transcript"))
    output_path: str | None = Field(validation_alias="path")
