"""Defines the JSON of the archive services for facts of videos and playlists."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, Field

from src.routes.archive_codes import documented_code
from src.routes.schemas.archive import Duration, VideoId, VideoIds
from src.routes.schemas.common import Record, RequestBody, Seconds, UtcTime

Quality = Annotated[str, BeforeValidator(lambda resolution: f"{resolution}p" if resolution else "audio")]


class Channel(Record):
    """The channel that published a video."""

    id: str | None
    title: str | None
    subscriber_count: int | None = None


class Statistics(Record):
    """Numbers that the site reports; null where it does not."""

    view_count: int | None
    like_count: int | None
    comment_count: int | None


class VideoFormat(Record):
    """A format of a video."""

    format_id: str = Field(validation_alias="id")
    quality: Quality = Field(validation_alias="resolution")
    container: str
    filesize: int | None = Field(validation_alias="size_bytes")


class VideoMetadata(Record):
    """The facts of a video, and until when they are cached."""

    video_id: str = Field(validation_alias=AliasPath("info", "id"))
    title: str = Field(validation_alias=AliasPath("info", "title"))
    description: str = Field(validation_alias=AliasPath("info", "description"))
    duration: Seconds | None = Field(validation_alias=AliasPath("info", "duration_seconds"))
    published_at: UtcTime | None = Field(validation_alias=AliasPath("info", "published_at"))
    channel: Channel = Field(validation_alias=AliasPath("info", "channel"))
    statistics: Statistics = Field(validation_alias="info")
    thumbnails: dict[str, str] = Field(validation_alias=AliasPath("info", "thumbnails"))
    formats: list[VideoFormat] = Field(validation_alias=AliasPath("info", "formats"))
    cached: bool
    cache_expires_at: UtcTime = Field(validation_alias="expires_at")


class BatchOf(RequestBody):
    """Several videos to look up."""

    video_ids: VideoIds
    include_formats: bool = False


class FailedVideo(Record):
    """A video that could not be looked up."""

    video_id: str
    code: Annotated[str, AfterValidator(lambda code: documented_code(code, "metadata"))] = Field(
        validation_alias=AliasPath("error", "code")
    )
    message: str = Field(validation_alias=AliasPath("error", "message"))


class MetadataBatch(Record):
    """The facts of several videos by id. ``api_calls_used`` is the number of lookups at the site."""

    metadata: dict[str, VideoMetadata] = Field(validation_alias="found")
    failed: list[FailedVideo]
    cached_count: int = Field(validation_alias="cached")
    api_calls_used: int = Field(validation_alias="lookups")


class PlaylistQuery(RequestBody):
    """How much of a playlist to return; the site limits playlists to 5000 videos."""

    include_videos: bool = False
    limit: int = Field(default=50, ge=1, le=5000)


class PlaylistVideo(Record):
    """A video of a playlist; ``metadata`` if it was requested and is available."""

    video_id: str
    title: str
    position: int
    duration: Duration
    metadata: VideoMetadata | None = Field(validation_alias="facts")


class PlaylistMetadata(Record):
    """The facts of a playlist and its first videos."""

    playlist_id: str = Field(validation_alias="id")
    title: str
    description: str
    channel: Channel
    video_count: int
    videos: list[PlaylistVideo] = Field(validation_alias="entries")


class CacheQuery(RequestBody):
    """What to delete from the cache: one video, or all."""

    video_id: VideoId | None = None
    expired_only: bool = False


class CacheCleared(BaseModel):
    """The number of deleted entries."""

    cleared_count: int
    video_id: str | None
    expired_only: bool
