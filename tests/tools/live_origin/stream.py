"""What is on air when: films cut into segments, one after the other by the wall clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tests.tools.live_origin.packaging import FPS, SEGMENT_SECONDS, Programme


@dataclass(frozen=True)
class Part:
    """A film on air from ``at`` on (seconds since 1970). ``first_number`` is the media sequence of its first segment,
    ``group`` its discontinuity sequence. ``gaps`` are segments (by place) that are listed as not to be had, ``absent``
    ones that answer 404, ``unlisted`` ones that the playlist leaves out; the sound has them all, if it is apart."""

    programme: Programme
    at: Fraction
    first_number: int = 0
    group: int = 0
    gaps: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    unlisted: frozenset[int] = frozenset()

    @property
    def end(self) -> Fraction:
        """When it goes off air."""
        return self.at + self.programme.film.seconds

    def numbers(self, start: Fraction, end: Fraction) -> list[int]:
        """Numbers of the frames that are shown from ``start`` up to ``end``, those of lost segments left out."""
        low, high = (max(-int(-(moment - self.at) * FPS // 1), 0) for moment in (start, end))
        lost = self.gaps | self.absent | self.unlisted
        first = self.programme.film.first_frame_number
        return [
            first + place
            for place in range(low, min(high, self.programme.film.frame_count))
            if place // (SEGMENT_SECONDS * FPS) not in lost
        ]


@dataclass
class Stream:
    """Parts in order. ``clock_every``: every n-th segment of a part has ``EXT-X-PROGRAM-DATE-TIME``, none with 0;
    ``ended_at``: then the playlist says that it is over; ``encrypted``: AES-128, another key after every five segments,
    with and without an initialisation vector of its own by turns."""

    parts: list[Part] = field(default_factory=list)
    clock_every: int = 1
    ended_at: Fraction | None = None
    encrypted: bool = False

    def numbers(self, start: Fraction, end: Fraction) -> list[int]:
        """Numbers of the frames of this stretch of wall clock."""
        return [number for part in self.parts for number in part.numbers(start, end)]
