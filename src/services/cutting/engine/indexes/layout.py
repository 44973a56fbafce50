"""Defines what an index provides: the byte ranges of a time range of a track, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from src.models.outcome import Note
from src.services.fetch.reader import Part


@dataclass(frozen=True, slots=True)
class Layout:
    """A virtual file with a time range of a track.

    ``container``: FFmpeg's name of the demuxer; None lets FFmpeg detect it. ``seek_to``: where to start in a complete
    file, seconds. Presentation time in seconds = timestamp x time base - ``shift`` of the stream. ``at_start``,
    ``at_end``: it contains the start or the end of the track. ``rough``: its end relies on the times in the index,
    which may be wrong, and the track continues. ``span``: the time range, in seconds, that the eager parts contain
    completely, if known.
    """

    parts: tuple[Part, ...]
    container: str | None
    shifts: dict[int, Fraction] = field(default_factory=dict)
    shift: Fraction = Fraction(0)
    seekable: bool = False
    at_start: bool = False
    at_end: bool = False
    rough: bool = False
    seek_to: Fraction | None = None
    span: tuple[Fraction, Fraction] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the resources in the eager parts; None if the length of a part is unknown."""
        lengths = [part.length for part in self.parts if part.eager and part.resource is not None]
        return None if None in lengths else sum(length or 0 for length in lengths)

    def shift_of(self, stream_index: int) -> Fraction:
        """Return the seconds to subtract from this stream's times."""
        return self.shifts.get(stream_index, self.shift)


class Index(Protocol):
    """An index of a track. ``duration`` in seconds, if known."""

    duration: Fraction | None
    notes: tuple[Note, ...]

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """Return a layout with all frames of [start, end), from a key frame at or before ``start`` on."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Bytes [offset, offset + size) that start with a random access point at time ``start`` and last until ``end``."""

    start: Fraction
    end: Fraction
    offset: int
    size: int


def pick_units(units: list[Unit], start: Fraction, end: Fraction) -> tuple[int, int]:
    """Return the indexes [first, last) of the units that overlap [start, end); at least one."""
    first = 0
    for index, unit in enumerate(units):
        if unit.start <= start:
            first = index
        if unit.start >= end:
            return first, max(index, first + 1)
    return first, len(units)
