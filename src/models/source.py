"""Defines what a video site reports about a video: facts, formats, and the media address of each format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum


class LiveStatus(StrEnum):
    """Whether a video is, will be or was a live stream, in yt-dlp's terms."""

    NOT_LIVE = "not_live"
    IS_UPCOMING = "is_upcoming"
    IS_LIVE = "is_live"
    POST_LIVE = "post_live"
    WAS_LIVE = "was_live"


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """A format of a video: with video, audio or both.

    Codecs are families: ``avc1 hevc av01 vp9 vp8`` and ``mp4a opus vorbis ac-3 ec-3``, or None without such a
    stream. ``resolution`` is the number in the site's own name (1080 for "1080p"), whatever the aspect ratio;
    ``preference`` ranks formats by the judgement of the site or yt-dlp: higher is better, -1 is neutral.
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
    """Not as uploaded: audio with compressed dynamic range, upscaled video, or known damage."""

    @property
    def segmented(self) -> bool:
        """Whether the media is a playlist of segments rather than one file."""
        return self.protocol != "https"


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where to fetch the media of one format, and the headers to send. Valid for some hours."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel that published a video."""

    id: str | None
    title: str | None
    subscriber_count: int | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video that its author named. Times in seconds; ``end_time`` is not part of it."""

    title: str
    start_time: float
    end_time: float


@dataclass(frozen=True, slots=True)
class StoryboardLevel:
    """Still pictures of a whole video in one size, on sheets of ``rows`` x ``columns``; level 0 is the largest size.

    ``width`` and ``height`` are those of one picture, ``interval_seconds`` is the time between two. ``url`` is the
    address of the sheets, where ``$M`` stands for the number of the sheet.
    """

    level: int
    width: int
    height: int
    rows: int
    columns: int
    sheets: int
    interval_seconds: float
    url: str


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The facts of one video. ``release_at`` is the start time of a live stream or premiere.

    ``uploaded_on`` is the day; ``published_at`` the time, or midnight of that day where the site gives no time.
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
    chapters: tuple[Chapter, ...] = ()
    storyboard: tuple[StoryboardLevel, ...] = ()

    @property
    def channel(self) -> Channel:
        """The channel that published the video."""
        return Channel(self.channel_id, self.uploader, self.subscriber_count)

    @property
    def thumbnails(self) -> dict[str, str]:
        """The addresses of the site's thumbnails by size: 120x90, 320x180, 480x360."""
        sizes = {"default": "default", "medium": "mqdefault", "high": "hqdefault"}
        return {size: f"https://i.ytimg.com/vi/{self.id}/{name}.jpg" for size, name in sizes.items()}

    @property
    def changes_soon(self) -> bool:
        """Whether the video is, will be or has just been live, so that its facts soon change."""
        return self.live_status in (LiveStatus.IS_LIVE, LiveStatus.IS_UPCOMING, LiveStatus.POST_LIVE)


@dataclass(frozen=True, slots=True)
class Extraction:
    """The result of one lookup of a video: its facts, and the media address of each format by the format's id.

    ``warnings`` may be the only place that explains why formats are missing. ``looked_at`` is the time. ``numbered``
    are the formats of a stream whose segments are requested by number: their addresses are no files or playlists.
    """

    info: VideoInfo
    media: dict[str, MediaAddress]
    warnings: tuple[str, ...] = ()
    looked_at: datetime = field(default_factory=lambda: datetime.now(UTC))  # a stored name, as all names of this file
    numbered: tuple[SourceFormat, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatTable:
    """The choices for a video: resolutions from 720p, highest first, and the containers available for each."""

    video_id: str
    resolutions: tuple[str, ...]
    extensions: tuple[str, ...]
    formats: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """The facts of a video, whether they came from the cache, and when they expire."""

    info: VideoInfo
    cached: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """A video of a playlist, as listed on the playlist's page. Positions count from 1.

    ``facts`` come from a lookup of the video itself, if one was made.
    """

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
