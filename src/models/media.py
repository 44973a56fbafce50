"""Defines what a media file contains, as found by a probe; no decisions are made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class LightLevel:
    """CTA-861.3: the brightest pixel and the brightest frame average of the video, in cd/m2."""

    max_content: int
    max_frame_average: int


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """SMPTE ST 2086: CIE 1931 x and y of red, green, blue and white, and the luminance in cd/m2."""

    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    white_point: tuple[float, float]
    min_luminance: float
    max_luminance: float


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The stored size of frames in pixels, and the shape of one pixel (width / height)."""

    width: int
    height: int
    sample_aspect: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A video stream. Names of codecs, pixel formats and colours are FFmpeg's.

    ``width`` x ``height`` is the stored size; ``rotation_degrees`` (0, 90, 180, 270, counter-clockwise as in FFmpeg)
    and ``mirrored`` are applied by the player. ``frame_rate`` is the average, ``base_rate`` the lowest rate that can
    express all timestamps: they differ for variable frame rates. ``interlaced`` comes from the flags of the first
    frames, ``frames`` from the container, if it has the number. ``alpha``: transparency is stored separately from the
    frames, where the pixel format does not show it (WebM).
    A colour is ``reserved`` where its number has no name. ``dynamic_metadata`` names the metadata of the first frame.
    """

    index: int
    codec: str
    width: int
    height: int
    pixel_format: str
    frame_rate: Fraction | None
    time_base: Fraction
    profile: str | None = None
    rotation_degrees: int = 0
    sample_aspect: Fraction = Fraction(1)
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    color_range: str | None = None
    field_order: str | None = None
    duration_seconds: float | None = None
    attached_picture: bool = False
    base_rate: Fraction | None = None
    start_seconds: float | None = None
    bit_rate: int | None = None
    frames: int | None = None
    mirrored: bool = False
    interlaced: bool = False
    light_level: LightLevel | None = None
    codec_tag: str | None = None
    alpha: bool = False
    mastering: MasteringDisplay | None = None
    dynamic_metadata: tuple[str, ...] = ()

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as a player shows them: pixels made square, then rotated."""
        width, height = round(self.width * self.sample_aspect), self.height
        return (height, width) if self.rotation_degrees % 180 else (width, height)

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ or HLG."""
        return self.color_transfer in ("smpte2084", "arib-std-b67")

    @property
    def is_dolby_vision(self) -> bool:
        """Whether the container or the first frame is marked as Dolby Vision."""
        tagged = self.codec_tag in ("dvh1", "dvhe", "dva1", "dvav", "dav1")
        return tagged or "Dolby Vision" in self.dynamic_metadata


@dataclass(frozen=True, slots=True)
class AudioStream:
    """An audio stream."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str | None = None
    language: str | None = None
    profile: str | None = None
    bit_rate: int | None = None
    start_seconds: float | None = None
    duration_seconds: float | None = None
    default: bool = False
    title: str | None = None


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """A subtitle stream."""

    index: int
    codec: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A file: its container (FFmpeg's format names), length in seconds, size in bytes, and streams.

    ``others`` counts streams of other types (time codes, positions, fonts). ``unreadable`` has the type of each video
    or audio stream without a decoder, which is in neither list.
    """

    container: str
    duration_seconds: float | None
    size_bytes: int
    bit_rate: int | None = None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleStream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    chapters: int = 0
    start_seconds: float | None = None
    others: int = 0
    unreadable: tuple[str, ...] = ()

    @property
    def main_video(self) -> VideoStream | None:
        """The first video stream that is not cover art."""
        return next((stream for stream in self.video if not stream.attached_picture), None)

    @property
    def cover_art(self) -> VideoStream | None:
        """The first attached picture."""
        return next((stream for stream in self.video if stream.attached_picture), None)


@dataclass(frozen=True, slots=True)
class StreamTimeline:
    """The times of one stream: units are frames of video or packets of audio.

    Times are in seconds: of the first and last unit, the end of the last unit, and the smallest and largest gap
    between neighbours. ``silences`` are gaps of more than a second in audio, as (start, end); only as many as a plan
    needs. ``sizes`` are the different frame sizes of a video in the order of their appearance; empty where packets do
    not contain them.
    """

    index: int
    kind: str
    units: int
    first_seconds: float | None = None
    last_seconds: float | None = None
    end_seconds: float | None = None
    largest_gap_seconds: float = 0.0
    smallest_gap_seconds: float = 0.0
    keyframes: int = 0
    silences: tuple[tuple[float, float], ...] = ()
    sizes: tuple[FrameSize, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """All displayed frames of the main video: presentation times in ticks of ``time_base``, and those of key frames."""

    time_base: Fraction
    ticks: tuple[int, ...]
    key_ticks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of the main video and of all audio of a file. ``errors`` counts what could not be decoded."""

    streams: tuple[StreamTimeline, ...]
    errors: int = 0

    @property
    def video(self) -> StreamTimeline | None:
        """The times of the main video."""
        return next((stream for stream in self.streams if stream.kind == "video"), None)

    @property
    def audio(self) -> tuple[StreamTimeline, ...]:
        """The times of the audio streams."""
        return tuple(stream for stream in self.streams if stream.kind == "audio")
