"""Describes what was captured of a running stream: its tracks, their segments, and which times they cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from src.models.time_window import Window, joined, missing

# Seconds by which the clocks of two neighbouring segments may differ from their media. Of calm streams, segments came
# up to 0.25 s late; the shortest interruption that is known took several seconds.
MOST_JITTER = Fraction(1, 2)
# Seconds by which the clocks of the playlists of video and audio may differ.
MOST_BETWEEN_CLOCKS = Fraction(2)


@dataclass(frozen=True, slots=True)
class LiveTrack:
    """A media playlist, or the link of segments by number. ``name`` identifies the track within its stream and names
    its folder; ``format_id`` is the site's name of the format, if it is followed by number."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    has_video: bool = True
    has_audio: bool = True
    format_id: str | None = None

    def to_fields(self) -> dict[str, Any]:
        """Return the track as JSON values."""
        return {
            "name": self.name,
            "url": self.url,
            "headers": dict(self.headers),
            "has_video": self.has_video,
            "has_audio": self.has_audio,
            "format_id": self.format_id,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A captured segment: its identity, its file, the file of its initialisation section, and its broadcast time.

    ``own_clock``: the segment itself states ``start``, as segments by number do; ``media_at`` is then its position in
    the media of the broadcast, in seconds, if it states that too.
    """

    epoch: int
    number: int
    group: int
    start: Fraction
    duration: Fraction
    file: str
    init: str | None = None
    own_clock: bool = False
    media_at: Fraction | None = None

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

    @property
    def main(self) -> LiveTrack:
        """The track with the video, or with the audio in a stream without video."""
        return next((track for track in self.tracks if track.has_video), self.tracks[0])

    @property
    def separate_audio(self) -> LiveTrack | None:
        """The track that has the audio, where the main one has none."""
        if self.main.has_audio:
            return None
        return next((track for track in self.tracks if track.has_audio), None)

    def holes(self, window: Window) -> list[Window]:
        """Return the parts of the window for which video or audio is missing."""
        return joined([*missing(window, covered(self.records[self.main.name])), *self.silent(window)])

    def silent(self, window: Window) -> list[Window]:
        """Return the parts of the window for which a separate audio track is missing."""
        audio = self.separate_audio
        if audio is None:
            return []
        records = self.records[audio.name]
        spans = covered(records)
        if spans and not records[0].own_clock:
            slack = MOST_BETWEEN_CLOCKS
            if self.estimated:
                slack = max(slack, *(record.duration for record in records))
            spans = [Window(spans[0].start - slack, spans[0].end), *spans[1:]]
            spans[-1] = Window(spans[-1].start, spans[-1].end + slack)
        return missing(window, spans)

    def has_video_of(self, window: Window) -> bool:
        """Return whether something of the window is there, in the main track."""
        return missing(window, covered(self.records[self.main.name])) != [window]


def covered(records: Sequence[Record]) -> list[Window]:
    """Return which times the segments cover. Neighbours with clocks of their own leave no hole within their jitter."""
    spans = [record.span for record in records]
    for place, (one, other) in enumerate(pairwise(records)):
        if follows_in_time(one, other) and one.own_clock:
            spans[place] = Window(one.start, max(other.start, one.start))
    return spans


def follows_in_time(one: Record, other: Record) -> bool:
    """Return whether ``other`` has the next number, and was on air when ``one`` ended."""
    is_next = (one.epoch, one.number + 1) == (other.epoch, other.number)
    return is_next and other.start - one.span.end <= MOST_JITTER
