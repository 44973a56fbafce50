"""Describes a source of media: its tracks and their addresses, how they may be fetched, and ranges of exact time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Mode = Literal["exact", "keyframe", "reencode"]
Protocol = Literal["https", "hls", "dash"]


class SourceUnreadable(Exception):
    """The engine has no way to index or read this source; the caller may try another one. Never shown to users."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One piece of a segmented track. The piece without a duration, if any, is the first: the initialisation."""

    url: str
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One URL (for ``hls`` a playlist; for ``dash`` only its fragments count) with video, audio or both.

    ``container`` is the suffix that the format is known by ("mp4", "webm", "ts", ...); ``size_bytes`` a hint.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    protocol: Protocol = "https"
    container: str = "mp4"
    has_video: bool = True
    has_audio: bool = True
    size_bytes: int | None = None
    fragments: tuple[Fragment, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipSource:
    """One track that holds everything, or one for the picture and one for the sound. Length in seconds, if known."""

    tracks: tuple[Track, ...]
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How to fetch. Times in seconds, sizes in bytes.

    ``guard`` is called with every URL before the first request to its host, redirects included, and raises to refuse
    it. ``stall_seconds``: silence on one connection after which it is given up and its rest asked for again.
    ``give_up_seconds``: how long nothing at all may arrive. ``segment_retries``: how often a segment that its server
    says it lacks is asked for again.
    """

    proxy: str | None = None
    verify_tls: bool = True
    connections: int = 8
    rate_limit_bytes: int | None = None
    connect_seconds: float = 10.0
    stall_seconds: float = 10.0
    give_up_seconds: float = 45.0
    retries: int = 5
    segment_retries: int = 3
    guard: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``start`` up to, but without, ``end``: exact seconds of presentation time of the source."""

    start: Fraction
    end: Fraction
