"""Defines the JSON of ``/download/``, ``/download/mp4`` and ``/job/*``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasPath, BeforeValidator, Field, StrictBool, StrictStr

from src.routes.schemas.common import Address, JobOutcome, Name, Record, RequestBody, UtcTime, megabytes, of_job
from src.services.streams.requests import StreamRequest

State = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]


class DownloadFile(RequestBody):
    """A video file at a public address."""

    url: StrictStr = Field(max_length=2000, examples=["https://example.com/film.mp4"])
    video_name: Name | None = Field(default=None, max_length=200)
    type: Literal["mp4"] = "mp4"

    def to_request(self) -> StreamRequest:
        """Return the request as the service understands it."""
        return StreamRequest(self.url, "mp4", video_name=self.video_name)


class DownloadStream(RequestBody):
    """A playlist at a public address. A live stream is recorded for ``max_seconds`` of video."""

    url: StrictStr = Field(max_length=2000, examples=["https://example.com/live/master.m3u8"])
    resolution: StrictStr | None = Field(default=None, max_length=11, examples=["1920x1080"])
    use_multithreading: StrictBool | None = None
    proxy: StrictStr | None = Field(default=None, max_length=500)
    video_name: Name | None = Field(default=None, max_length=200)
    max_seconds: float | None = Field(default=None, gt=0, le=86_400)

    def to_request(self) -> StreamRequest:
        """Return the request as the service understands it."""
        return StreamRequest(
            self.url,
            resolution=self.resolution,
            parallel=self.use_multithreading,
            proxy=self.proxy,
            video_name=self.video_name,
            max_seconds=self.max_seconds,
        )


class StreamResult(Record):
    """The finished file. ``download_url`` works until the file is deleted."""

    status: Literal["success"] = "success"
    output_path: str = Field(validation_alias=AliasPath("link", "path"))
    resolution: str | None = of_job("report", "actual", "resolution")
    video_name: str = of_job("artifact", "download_name")
    original_url: str = of_job("params", "url")
    file_size_mb: Annotated[float, BeforeValidator(megabytes)] = of_job("artifact", "size_bytes")
    download_url: Address = Field(validation_alias=AliasPath("link", "address"))


class StreamJob(JobOutcome):
    """A download. Anyone who knows ``job_id`` may see it and cancel it."""

    job_id: str = Field(validation_alias="signed_id")
    status: Annotated[State, BeforeValidator(str.upper)] = Field(validation_alias="state")
    created_at: UtcTime = of_job("created_at")
    started_at: UtcTime | None = of_job("started_at")
    completed_at: UtcTime | None = of_job("completed_at")
    result: StreamResult | None = Field(validation_alias="finished")
    error: str | None = Field(validation_alias=AliasPath("failure", "message"), default=None)
    error_code: str | None = Field(validation_alias=AliasPath("failure", "code"), default=None)
    progress: float = Field(validation_alias="percent")
    total_segments: int = Field(validation_alias="segments")
    downloaded_segments: int = Field(validation_alias="segments_done")
    retries: int
