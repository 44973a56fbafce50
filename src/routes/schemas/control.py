"""Defines the JSON of cancelling, retrying and deleting jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field, StrictStr

from src.models.video import Status, VideoJob
from src.routes.schemas.common import LocalAddress, RequestBody, UtcTime
from src.services.jobs.file_links import FileLink


class Controlled(BaseModel):
    """The new state of a job. A running job that is cancelled stops within seconds."""

    message: str
    status: str
    deleted: bool

    @classmethod
    def of(cls, job: VideoJob, deleted: bool) -> Self:
        """Return the reply for a job, and whether it was deleted."""
        stopping = job.cancel_requested and job.status is Status.PROCESSING
        status = Status.CANCELLED if stopping else job.status
        message = "Deleted" if deleted else f"The job is {status.value}"
        ids = {"video_id": job.id, "encode_id": job.id}
        return cls.model_validate({"message": message, "status": status.value, "deleted": deleted, **ids})


class VideoControlled(Controlled):
    """A video."""

    video_id: str


class EncodeControlled(Controlled):
    """An encode."""

    encode_id: str


class FileLinked(BaseModel):
    """Paths at this service's host that show a file and a still image of it without a token, until ``expires_at``.

    They are refused as soon as the file is deleted or replaced, or its account is disabled.
    """

    file_url: LocalAddress
    poster_url: LocalAddress
    expires_at: UtcTime


class ZipVideos(RequestBody):
    """The videos of a ZIP file; batches too."""

    ids: list[StrictStr] = Field(min_length=1, max_length=100)


class FilesZipped(BaseModel):
    """A path at this service's host that returns all files as one ZIP file without a token, until ``expires_at``."""

    url: LocalAddress
    files: int
    missing: list[str] = Field(description="The caller has no such videos, or they have no file.")
    expires_at: UtcTime

    @classmethod
    def of(cls, requested: Sequence[str], found: Sequence[VideoJob], link: FileLink) -> FilesZipped:
        """Return the reply for the link to the files that were found."""
        known = {job.id for job in found}
        missing = [video_id for video_id in requested if video_id not in known]
        return cls(url=link.address, files=len(found), missing=missing, expires_at=link.expires_at)


class WebhookSecret(BaseModel):
    """``X-Webhook-Signature: t=<seconds>,v1=<hex>`` is HMAC-SHA256 of ``<seconds>.<body>`` under this secret."""

    secret: str
