"""JSON of ``/download/``, ``/download/mp4`` and ``/job/*``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, StrictBool, StrictStr

from src.models.params import StreamParams
from src.models.video import Status, VideoJob
from src.routes.schemas.common import RequestBody, UtcTime, megabytes
from src.services.stream_requests import StreamRequest

State = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]


class DownloadFile(RequestBody):
    """A video file at a public address."""

    url: StrictStr = Field(max_length=2000, examples=["https://example.com/film.mp4"])
    video_name: StrictStr | None = Field(default=None, max_length=200)
    type: Literal["mp4"] = "mp4"

    def to_request(self) -> StreamRequest:
        """The request in the words of the core."""
        return StreamRequest(self.url, "mp4", video_name=self.video_name)


class DownloadStream(RequestBody):
    """A playlist at a public address. ``max_seconds`` of video end a live stream."""

    url: StrictStr = Field(max_length=2000, examples=["https://example.com/live/master.m3u8"])
    resolution: StrictStr | None = Field(default=None, max_length=11, examples=["1920x1080"])
    use_multithreading: StrictBool | None = None
    proxy: StrictStr | None = Field(default=None, max_length=500)
    video_name: StrictStr | None = Field(default=None, max_length=200)
    max_seconds: float | None = Field(default=None, gt=0, le=86_400)

    def to_request(self) -> StreamRequest:
        """The request in the words of the core."""
        return StreamRequest(
            self.url,
            resolution=self.resolution,
            parallel=self.use_multithreading,
            proxy=self.proxy,
            video_name=self.video_name,
            max_seconds=self.max_seconds,
        )


class StreamResult(BaseModel):
    """The finished file. ``download_url`` works until the file is deleted."""

    status: Literal["success"] = "success"
    output_path: str
    resolution: str | None
    video_name: str
    original_url: str
    file_size_mb: float
    download_url: str


class StreamJob(BaseModel):
    """A download. Whoever knows ``job_id`` may look at it and cancel it."""

    job_id: str
    status: State
    created_at: UtcTime
    started_at: UtcTime | None
    completed_at: UtcTime | None
    result: StreamResult | None
    error: str | None
    error_code: str | None
    progress: float
    total_segments: int
    downloaded_segments: int

    @classmethod
    def of(
        cls, job: VideoJob, told_id: str, reading: tuple[float, int, int], link: tuple[str, str] | None
    ) -> StreamJob:
        """A job with its last reading (percent, segments, those that are there) and (path, address) of its file."""
        cancelled = job.cancel_requested and job.status is Status.PROCESSING
        failed = job.failure if job.status is Status.FAILED else None
        ended: datetime | None = job.completed_at
        return cls(
            job_id=told_id,
            status=("cancelled" if cancelled else job.status.value).upper(),  # type: ignore[arg-type]
            created_at=job.created_at,
            started_at=job.started_at,
            completed_at=ended,
            result=_result(job, *link) if link else None,
            error=failed.message if failed else None,
            error_code=failed.code if failed else None,
            progress=reading[0],
            total_segments=reading[1],
            downloaded_segments=reading[2],
        )


def _result(job: VideoJob, path: str, address: str) -> StreamResult:
    assert isinstance(job.params, StreamParams) and job.artifact is not None
    return StreamResult(
        output_path=path,
        resolution=job.report["actual"]["resolution"],
        video_name=job.artifact.download_name,
        original_url=job.params.url,
        file_size_mb=megabytes(job.artifact.size_bytes),
        download_url=address,
    )
