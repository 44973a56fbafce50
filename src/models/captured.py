"""Describes what was captured of a running stream: its tracks, their segments, and which times they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.time_window import Window, missing


@dataclass(frozen=True, slots=True)
class LiveTrack:
    """A media playlist. ``name`` identifies the track within its stream and names its folder."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    has_video: bool = True
    has_audio: bool = True

    def to_fields(self) -> dict[str, Any]:
        """Return the track as JSON values."""
        return {
            "name": self.name,
            "url": self.url,
            "headers": dict(self.headers),
            "has_video": self.has_video,
            "has_audio": self.has_audio,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A captured segment: its identity, its file, the file of its initialisation section, and its broadcast time."""

    epoch: int
    number: int
    group: int
    start: Fraction
    duration: Fraction
    file: str
    init: str | None = None

    @property
    def span(self) -> Window:
        """When it was broadcast."""
        return Window(self.start, self.start + self.duration)


@dataclass(frozen=True, slots=True)
class Captured:
    """The captured part of a window.

    ``records`` has the segments by track name. ``ended``: the playlist is marked as ended. ``oldest``: the start of
    what the stream still offered. ``estimated``: its playlist has no clock.
    """

    tracks: tuple[LiveTrack, ...]
    folder: Path
    records: dict[str, list[Record]]
    ended: bool = False
    oldest: Fraction | None = None
    estimated: bool = False

    def holes(self, window: Window) -> list[Window]:
        """Return the parts of the window for which video (or audio, in a stream without video) is missing."""
        first = next((track for track in self.tracks if track.has_video), self.tracks[0])
        return missing(window, (record.span for record in self.records[first.name]))
