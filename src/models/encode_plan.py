"""Defines the plan of an encode, made before any program runs, and the report about its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from src.models.outcome import Note, outcome_fields
from src.models.params import Codec, Quality

Options = tuple[tuple[str, str], ...]
Scan = Literal["progressive", "tff", "bff"]
Action = Literal["encode", "copy"]


@dataclass(frozen=True, slots=True)
class Filter:
    """An FFmpeg filter: its name and its named options."""

    name: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Color:
    """Colour tags as FFmpeg's options take them; those that are None are not set."""

    primaries: str | None = None
    transfer: str | None = None
    space: str | None = None
    range: str | None = None


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """The video stream: which one, how it is filtered, and which encoder writes it.

    ``width`` x ``height`` is the stored size; with ``keep_rotation`` the player rotates the frames.
    Without a ``time_base``, frames lie on multiples of 1 / frame rate. ``keep_all_frames`` writes every decoded frame,
    also several with the same time.
    """

    stream_index: int
    action: Action
    codec: Codec
    encoder: str
    options: Options
    pixel_format: str
    width: int
    height: int
    tag: str
    lossless: bool = False
    filters: tuple[Filter, ...] = ()
    keep_rotation: bool = False
    keep_all_frames: bool = False
    time_base: Fraction | None = None


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """An audio stream: copied, or encoded as AAC with this bit rate in kbit/s, layout and sample rate in Hz.

    Audio after ``end_seconds`` is left out; None leaves nothing out. With ``first_two``, the first two of several
    channels that cannot be mixed are used.
    """

    stream_index: int
    action: Action
    kilobits: int = 192
    layout: str | None = None
    sample_rate: int | None = None
    language: str | None = None
    end_seconds: float | None = None
    first_two: bool = False


@dataclass(frozen=True, slots=True)
class SubtitlePlan:
    """A text subtitle stream that is converted to ``mov_text``."""

    stream_index: int
    language: str | None = None


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """Everything that FFmpeg has to do, and the notes for the user."""

    demuxer: str
    video: VideoPlan
    audio: tuple[AudioPlan, ...] = ()
    subtitles: tuple[SubtitlePlan, ...] = ()
    cover_art_index: int | None = None
    notes: tuple[Note, ...] = ()
    expected_frames: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """The facts of the finished file. ``verified_frames`` counts the frames that are proven equal to the source's."""

    codec: Codec
    quality: Quality
    encoder: str
    width: int
    height: int
    pixel_format: str
    frames: int
    duration_seconds: float
    size_bytes: int
    wall_seconds: float
    verified_frames: int | None = None
    notes: tuple[Note, ...] = ()
    targets: dict[str, float] = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        """Return the report as it is stored and shown."""
        lossless = {} if self.verified_frames is None else {"verified": f"{self.verified_frames} frames"}
        return {
            "codec": self.codec,
            "quality": self.quality,
            "encoder": self.encoder,
            "resolution": f"{self.width}x{self.height}",
            "pixel_format": self.pixel_format,
            "frames": self.frames,
            "duration": round(self.duration_seconds, 3),
            "file_size_bytes": self.size_bytes,
            "encode_seconds": round(self.wall_seconds, 2),
            **outcome_fields(self.notes),
            **lossless,
            **self.targets,
        }
