"""What an index of a track promises: where the bytes of a stretch of time are, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from src.models.outcome import Note
from src.services.fetch.reader import Part


@dataclass(frozen=True, slots=True)
class Layout:
    """A virtual file with a stretch of a track.

    ``container`` is FFmpeg's name of the demuxer, None if it has to find out. ``seek_to``: where to begin in a file
    that is all there, seconds. Presentation time in seconds = timestamp x time base - ``shift``
    of the stream's place in the file. ``at_start`` / ``at_end``: nothing of the track comes before / behind it.
    ``rough``: it ends where the index says that the wanted frames do, which may be wrong, and more could be had.
    ``span``: the stretch of time, in seconds, of which the eager parts hold everything, if that is known.
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
        """Bytes of the resources in the eager parts; None when a part does not tell."""
        lengths = [part.length for part in self.parts if part.eager and part.resource is not None]
        return None if None in lengths else sum(length or 0 for length in lengths)

    def shift_of(self, stream_index: int) -> Fraction:
        """What is to be subtracted from this stream's times."""
        return self.shifts.get(stream_index, self.shift)


class Index(Protocol):
    """Where the bytes of a track are. ``duration`` in seconds, if it tells."""

    duration: Fraction | None
    notes: tuple[Note, ...]

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """A layout that holds all frames of [start, end), from a key frame at or before ``start`` on."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Bytes [offset, offset + size) that begin with a random access point at time ``start`` and last until ``end``."""

    start: Fraction
    end: Fraction
    offset: int
    size: int


def pick_units(units: list[Unit], start: Fraction, end: Fraction) -> tuple[int, int]:
    """Indexes [first, last) of the units that overlap [start, end); at least one."""
    first = 0
    for index, unit in enumerate(units):
        if unit.start <= start:
            first = index
        if unit.start >= end:
            return first, max(index, first + 1)
    return first, len(units)
