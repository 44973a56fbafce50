"""Defines the JSON of ``/c/<token>/clips``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from src.models.params import LiveClipParams
from src.models.video import Status, VideoJob
from src.routes.schemas.common import MESSAGE_LENGTH, LocalAddress, Name, RequestBody, Seconds, UtcTime
from src.routes.schemas.video import ErrorFact, error_of
from src.services.progress_cache import overall_percent


class RenameClip(RequestBody):
    """The new title of a clip."""

    title: Name = Field(min_length=1, max_length=MESSAGE_LENGTH, examples=["The jump over the fence"])


class ModeratedClip(BaseModel):
    """A clip of a channel. Its links are paths at this service's host, valid for about an hour."""

    video_id: str
    title: str | None
    source_title: str | None
    stream: str | None = Field(description="The channel, if the clip was requested with one.")
    viewer: str | None = Field(description="Who asked for it in the chat.")
    status: str
    percent: float
    offset: Seconds
    duration: Seconds
    starts_at: UtcTime = Field(description="When its first frame was broadcast.")
    created_at: UtcTime
    expires_at: UtcTime | None
    file_url: LocalAddress | None
    poster: LocalAddress | None
    error: ErrorFact | None

    @classmethod
    def of(
        cls, job: VideoJob, progress: Mapping[str, Any] | None, file: str | None, poster: str | None
    ) -> ModeratedClip:
        """Return the entry for a clip."""
        params = job.params
        assert isinstance(params, LiveClipParams)
        percent = 100.0 if job.status is Status.COMPLETED else overall_percent(progress)
        return cls(
            video_id=job.id,
            title=params.additional_message,
            source_title=job.facts.get("title"),
            stream=params.stream,
            viewer=params.viewer,
            status=job.shown_status.value,
            percent=percent,
            offset=params.clip_offset,
            duration=params.clip_duration,
            starts_at=params.event_at - timedelta(seconds=params.clip_offset),
            created_at=job.created_at,
            expires_at=job.expires_at,
            file_url=file,
            poster=poster,
            error=error_of(job),
        )


class ModeratedClips(BaseModel):
    """The newest clips of a channel, newest first."""

    clips: list[ModeratedClip]


class ClipDeleted(BaseModel):
    """Whether a clip was deleted; otherwise it was running, and is stopped within seconds."""

    video_id: str
    deleted: bool
