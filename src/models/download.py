"""Defines what was requested of a download and what the finished file contains."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from src.models.outcome import Note, outcome_fields
from src.utils.clock import clock_text

CutMethod = Literal["smart", "copy", "reencode", "section"]


class ExactRange(TypedDict):
    """A time range as integers: ``start`` and ``end`` count units of ``time_base`` seconds, such as ``1/30000``."""

    start: int
    end: int
    time_base: str


def decimal_seconds(seconds: Fraction) -> float:
    """Return seconds as JSON shows them: nine digits distinguish the timestamps of any container."""
    return round(float(seconds), 9)


def exact_range(start: Fraction, end: Fraction) -> ExactRange:
    """Return the range in the coarsest time base that expresses both times."""
    units = math.lcm(start.denominator, end.denominator)
    return {"start": int(start * units), "end": int(end * units), "time_base": f"1/{units}"}


@dataclass(frozen=True, slots=True)
class Requested:
    """The preferences of the request, after normalisation. Times are seconds of the video."""

    resolution: str
    format: str
    start: float
    end: float
    compatibility: str | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """The finished file. ``start`` and ``end`` are seconds of the video: start of the first frame, end of the last.

    ``exact`` is the same range without rounding. Codecs have FFmpeg's names. ``method`` is how the clip was cut;
    ``encoded`` is set when it was encoded completely after the cut. ``bytes`` is the file's size and ``bytes_fetched``
    the size of the downloads for it.
    """

    resolution: str
    width: int
    height: int
    fps: float | None
    frames: int
    container: str
    codec: str
    audio_codec: str | None
    start: float
    end: float
    duration: float
    method: CutMethod
    encoded: str | None
    bytes: int
    bytes_fetched: int
    exact: ExactRange


class RecordingClock(Protocol):
    """The wall clock of the recording of a stream; ranges are in seconds from its start."""

    def times(self, start: float, end: float) -> dict[str, str]:
        """Return the range by the wall clock, as reports show it."""

    def uncertainty_of(self, start: float, end: float) -> float:
        """Return by how many seconds these times may be wrong."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """The wall clock of the recording of a stream: ``zero`` is the time of its position 0, in seconds since 1970.

    ``uncertainty`` is by how many seconds it may be wrong.
    """

    zero: Fraction
    uncertainty: float

    def uncertainty_of(self, start: float, end: float) -> float:
        """Return by how many seconds the times of this range may be wrong."""
        return self.uncertainty

    def times(self, start: float, end: float) -> dict[str, str]:
        """Return the range by the wall clock, as reports show it."""
        first, last = (self.zero + Fraction(repr(seconds)) for seconds in (start, end))
        return {"from": clock_text(first), "to": clock_text(last)}


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """A finished, verified clip. ``facts`` are the facts found about the video, as JSON values.

    ``kept`` is the retained part of the source in seconds of the video; a clip within it needs no new download.
    """

    path: Path
    requested: Requested
    actual: Actual
    notes: tuple[Note, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    kept: tuple[float, float] | None = None
    clock: RecordingClock | None = None
    """Set if the video is the recording of a stream."""

    def to_fields(self) -> dict[str, Any]:
        """Return the report as it is stored with the job: JSON values."""
        requested = {name: getattr(self.requested, name) for name in Requested.__slots__}
        actual = {name: getattr(self.actual, name) for name in Actual.__slots__}
        kept = None if self.kept is None else {"start": self.kept[0], "end": self.kept[1]}
        texts = [note.text for note in self.notes]
        actual_fields = {**actual, "notes": texts, "kept": kept}
        if self.clock is not None:
            requested |= self.clock.times(self.requested.start, self.requested.end)
            actual_fields |= self.clock.times(self.actual.start, self.actual.end)
            actual_fields["clock_uncertainty"] = self.clock.uncertainty_of(self.actual.start, self.actual.end)
        return {"requested": requested, "actual": actual_fields, **outcome_fields(self.notes)}
