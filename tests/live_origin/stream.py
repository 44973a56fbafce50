"""What is on air when: films cut into segments, one after the other by the wall clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tests.media_kit import Film
from tests.offline_youtube.hls import Rendition

SEGMENT_SECONDS = 2
FPS = 25


def rendition(seconds: int, *, size: tuple[int, int] = (256, 144), first_frame_number: int = 0) -> Rendition:
    """A film whose frames are numbered on from ``first_frame_number``, in segments of two seconds."""
    film = Film(
        size=size,
        seconds=Fraction(seconds),
        gop_frames=SEGMENT_SECONDS * FPS,
        crf=38,
        audio_bitrate="32k",
        first_frame_number=first_frame_number,
    )
    return Rendition(0, film, SEGMENT_SECONDS, 0)


@dataclass(frozen=True)
class Part:
    """A film on air from ``at`` on (seconds since 1970). ``first_number`` is the media sequence of its first segment,
    ``group`` its discontinuity sequence. ``gaps`` are segments (by place) that are listed as not to be had, ``absent``
    ones that answer 404, ``unlisted`` ones that the playlist leaves out."""

    rendition: Rendition
    at: Fraction
    first_number: int = 0
    group: int = 0
    gaps: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    unlisted: frozenset[int] = frozenset()

    @property
    def end(self) -> Fraction:
        """When it goes off air."""
        return self.at + self.rendition.film.seconds

    def numbers(self, start: Fraction, end: Fraction) -> list[int]:
        """Numbers of the frames that are shown from ``start`` up to ``end``, those of lost segments left out."""
        low, high = (max(-int(-(moment - self.at) * FPS // 1), 0) for moment in (start, end))
        lost = self.gaps | self.absent | self.unlisted
        first = self.rendition.film.first_frame_number
        return [
            first + place
            for place in range(low, min(high, self.rendition.film.frame_count))
            if place // (SEGMENT_SECONDS * FPS) not in lost
        ]


@dataclass
class Stream:
    """Parts in order. ``clocked``: the playlist has ``EXT-X-PROGRAM-DATE-TIME``; ``ended_at``: then it says that it
    is over."""

    parts: list[Part] = field(default_factory=list)
    clocked: bool = True
    ended_at: Fraction | None = None

    def numbers(self, start: Fraction, end: Fraction) -> list[int]:
        """Numbers of the frames of this stretch of wall clock."""
        return [number for part in self.parts for number in part.numbers(start, end)]
