"""Defines sources of media: tracks and their addresses, network settings, and ranges of exact times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Mode = Literal["exact", "keyframe", "reencode"]
Protocol = Literal["https", "hls", "dash"]


class SourceUnreadable(Exception):
    """The engine cannot index or read this source; the caller may try another one. Never shown to users."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A segment of a track. The one without a duration, if any, is the first: the initialisation section."""

    url: str
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A URL (for ``hls`` a playlist; for ``dash`` only its fragments are used) with video, audio or both.

    ``container`` is the usual suffix of the format ("mp4", "webm", "ts", ...); ``size_bytes`` is a hint.
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
    """One track with everything, or one for video and one for audio. Length in seconds, if known."""

    tracks: tuple[Track, ...]
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How to fetch. Times are seconds, sizes are bytes.

    ``guard`` is called with every URL before the first request to its host, redirects included, and raises to refuse
    it. ``stall_seconds``: a connection that is silent for this long is closed and its remainder requested again.
    ``give_up_seconds``: how long it may take until any data arrives. ``segment_retries``: how often a segment is
    requested again that its server reports as missing.
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
    """From ``start`` to ``end`` (excluded): exact seconds of presentation time of the source."""

    start: Fraction
    end: Fraction
