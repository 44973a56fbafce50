"""Defines the JSON of links to clips and of new times."""

from __future__ import annotations

from pydantic import BaseModel, Field, StrictInt

from src.models.params import LiveClipParams
from src.models.share import Share
from src.models.video import VideoJob
from src.routes.schemas.common import RequestBody, Seconds, UtcTime


class ShareVideo(RequestBody):
    """How long the link is valid, at most as long as the file exists."""

    expires_in_seconds: StrictInt | None = Field(default=None, ge=60, le=30 * 24 * 3600)


class Shared(BaseModel):
    """A new link. ``token`` is its last part."""

    video_id: str
    url: str
    token: str
    expires_at: UtcTime

    @classmethod
    def of(cls, share: Share, url: str, token: str) -> Shared:
        """Return the reply for a new link."""
        return cls(video_id=share.job_id, url=url, token=token, expires_at=share.expires_at)


class SharesEnded(BaseModel):
    """All links to this video are invalid."""

    message: str = "Links revoked"
    revoked: int


class MoveTimes(RequestBody):
    """New times. A clip of a video has ``start_time`` and ``end_time``; a live clip also ``offset`` and ``duration``.

    ``move_start`` and ``move_end`` are seconds to add to the current times; negative is earlier.
    """

    start_time: float | None = Field(default=None, ge=0, le=1e7)
    end_time: float | None = Field(default=None, ge=0, le=1e7)
    move_start: float | None = Field(default=None, ge=-3600, le=3600)
    move_end: float | None = Field(default=None, ge=-3600, le=3600)
    offset: float | None = Field(default=None, ge=0, le=43_200)
    duration: float | None = Field(default=None, gt=0, le=43_200)


class Moved(BaseModel):
    """The clip is cut again. ``refetched``: parts of its source that were not retained are fetched again."""

    message: str
    video_id: str
    status: str
    start_time: Seconds | None
    end_time: Seconds | None
    offset: Seconds | None
    duration: Seconds | None
    refetched: bool

    @classmethod
    def of(cls, job: VideoJob, refetched: bool) -> Moved:
        """Return the reply for a clip with its new times."""
        params = job.params
        moved = cls(
            message="The clip is cut again " + ("from its source" if refetched else "from what was kept"),
            video_id=job.id,
            status=job.status.value,
            start_time=getattr(params, "start_time", None),
            end_time=getattr(params, "end_time", None),
            offset=None,
            duration=None,
            refetched=refetched,
        )
        if isinstance(params, LiveClipParams):
            moved.offset, moved.duration = params.clip_offset, params.clip_duration
        return moved
