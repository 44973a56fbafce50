"""What a video site told about a video: its facts, its formats, and where the media of a format is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum


class LiveStatus(StrEnum):
    """Whether a video is, will be or was a live stream. The words are yt-dlp's."""

    NOT_LIVE = "not_live"
    IS_UPCOMING = "is_upcoming"
    IS_LIVE = "is_live"
    POST_LIVE = "post_live"
    WAS_LIVE = "was_live"


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """One format of a video: pictures, sound or both.

    Codecs are families: ``avc1 hevc av01 vp9 vp8`` and ``mp4a opus vorbis ac-3 ec-3``, or None without such a
    stream. ``resolution`` is the site's own name as a number (1080 for "1080p"), whatever the shape of the picture;
    ``preference`` is the site's or yt-dlp's opinion of the format, higher is better, -1 is neutral.
    """

    id: str
    container: str
    protocol: str
    video_codec: str | None = None
    audio_codec: str | None = None
    width: int | None = None
    height: int | None = None
    resolution: int | None = None
    fps: float | None = None
    hdr: bool = False
    bit_rate: int | None = None
    size_bytes: int | None = None
    language: str | None = None
    language_preference: int = -1
    preference: int = -1
    altered: bool = False
    """Not what was uploaded: dynamic range of the sound compressed, pictures upscaled, or known to be damaged."""

    @property
    def segmented(self) -> bool:
        """Whether the media is a playlist of segments instead of one file."""
        return self.protocol != "https"


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where the media of one format is fetched, and the headers that must be sent along. Valid for some hours."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """Who publishes."""

    id: str | None
    title: str | None
    subscriber_count: int | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The facts of one video. ``release_at`` is when a live stream or a premiere starts or started.

    ``uploaded_on`` is the day; ``published_at`` the moment, or where the site does not tell it the day's midnight.
    """

    id: str
    title: str
    url: str
    duration_seconds: float | None = None
    thumbnail: str | None = None
    uploader: str | None = None
    uploaded_on: date | None = None
    view_count: int | None = None
    live_status: LiveStatus = LiveStatus.NOT_LIVE
    release_at: datetime | None = None
    formats: tuple[SourceFormat, ...] = ()
    description: str = ""
    published_at: datetime | None = None
    channel_id: str | None = None
    subscriber_count: int | None = None
    like_count: int | None = None
    comment_count: int | None = None

    @property
    def channel(self) -> Channel:
        """Who published it."""
        return Channel(self.channel_id, self.uploader, self.subscriber_count)

    @property
    def thumbnails(self) -> dict[str, str]:
        """The site's pictures of this video, by size: 120x90, 320x180, 480x360."""
        sizes = {"default": "default", "medium": "mqdefault", "high": "hqdefault"}
        return {size: f"https://i.ytimg.com/vi/{self.id}/{name}.jpg" for size, name in sizes.items()}

    @property
    def changes_soon(self) -> bool:
        """Whether it is, will be or has just been live: what is told of it now is soon wrong."""
        return self.live_status in (LiveStatus.IS_LIVE, LiveStatus.IS_UPCOMING, LiveStatus.POST_LIVE)


@dataclass(frozen=True, slots=True)
class Extraction:
    """One look at a video: its facts, the address of each format's media by the format's id, what was said on the
    way (formats may be missing for a reason that only a warning tells), and when that was."""

    info: VideoInfo
    media: dict[str, MediaAddress]
    warnings: tuple[str, ...] = ()
    looked_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class FormatTable:
    """What can be chosen: resolutions of 720p and more, highest first, and the containers each exists in."""

    video_id: str
    resolutions: tuple[str, ...]
    extensions: tuple[str, ...]
    formats: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """The facts of a video; whether they were known already, and until when they are believed."""

    info: VideoInfo
    cached: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One video of a playlist, as the playlist's page tells it. Positions are counted from 1. ``facts`` are those of
    a look at the video itself, where one was taken."""

    video_id: str
    title: str
    position: int
    duration_seconds: float | None = None
    facts: CatalogEntry | None = None


@dataclass(frozen=True, slots=True)
class Playlist:
    """The facts of a playlist. ``entries`` may be fewer than ``video_count``."""

    id: str
    title: str
    description: str
    channel: Channel
    video_count: int
    entries: tuple[PlaylistEntry, ...]
