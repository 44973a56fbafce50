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
    """A media playlist. ``name`` tells the tracks of one stream apart and names its folder."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    has_video: bool = True
    has_audio: bool = True

    def to_fields(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "url": self.url,
            "headers": dict(self.headers),
            "has_video": self.has_video,
            "has_audio": self.has_audio,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One captured segment: which it is, its file, the file of its initialisation, when it was on air."""

    epoch: int
    number: int
    group: int
    start: Fraction
    duration: Fraction
    file: str
    init: str | None = None

    @property
    def span(self) -> Window:
        """When it was on air."""
        return Window(self.start, self.start + self.duration)


@dataclass(frozen=True, slots=True)
class Captured:
    """What there is of a window. ``records`` by the name of the track; ``ended``: the stream said that it is over;
    ``oldest``: the beginning of what the stream still held; ``estimated``: its playlist has no clock."""

    tracks: tuple[LiveTrack, ...]
    folder: Path
    records: dict[str, list[Record]]
    ended: bool = False
    oldest: Fraction | None = None
    estimated: bool = False

    def holes(self, window: Window) -> list[Window]:
        """What of the window the picture does not have (of a stream without one, the sound)."""
        first = next((track for track in self.tracks if track.has_video), self.tracks[0])
        return missing(window, (record.span for record in self.records[first.name]))
