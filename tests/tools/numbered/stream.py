"""When the segments of a stream were ingested, what they contain, and which frames were on air in a stretch of time."""

from __future__ import annotations

import bisect
import random
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from tests.tools.numbered.media import FPS, GROUP_SECONDS, NumberedTrack

PTS_OFFSET = Fraction(28_876, 1000)
"""Presentation times are the media time plus this."""


@dataclass
class NumberedStream:
    """One broadcast. ``lengths`` are seconds of media of each segment, ``ingested`` its time (since 1970); both lists
    are as long as the broadcast. ``lost`` are numbers that can never be had."""

    tracks: list[NumberedTrack]
    lengths: list[Fraction]
    ingested: list[Fraction]
    target: Fraction = Fraction(2)
    lost: set[int] = field(default_factory=set)
    states_media: bool = True
    init_in_each: bool = True

    def __post_init__(self) -> None:
        self.media_at = [Fraction(0), *accumulate(self.lengths)]

    @property
    def end(self) -> Fraction:
        """When the last segment ends."""
        return self.ingested[-1] + self.lengths[-1]

    def head(self, now: Fraction) -> int:
        """The newest number that is complete; -1 before the first."""
        number = bisect.bisect_right(self.ingested, now) - 1
        while number >= 0 and self.ingested[number] + self.lengths[number] > now:
            number -= 1
        return number

    def content(self, track: NumberedTrack, number: int) -> bytes:
        """The bytes of a segment."""
        start, end = self.media_at[number], self.media_at[number + 1]
        head = track.head(self.text(number), init=self.init_in_each or number == 0)
        return head + track.media(start, end, PTS_OFFSET)

    def text(self, number: int) -> bytes:
        """What a segment states about itself."""
        values = {
            "Sequence-Number": number,
            "Ingestion-Walltime-Us": round(self.ingested[number] * 1_000_000),
            "Ingestion-Uncertainty-Us": 46,
            **({"Stream-Duration-Us": round(self.media_at[number] * 1_000_000)} if self.states_media else {}),
            "Max-Dvr-Duration-Us": 14_400_000_000,
            "Target-Duration-Us": round(self.target * 1_000_000),
            "Streamable": "T",
            "First-Frame-Time-Us": round((self.ingested[number] + 3) * 1_000_000),
            "First-Frame-Uncertainty-Us": 66,
            "Encoding-Alias": "L1_Fg",
        }
        return b"".join(f"{name}: {value}\r\n".encode() for name, value in values.items()) + b"\r\n"

    def media_of(self, moment: Fraction) -> Fraction:
        """The media time on air at a moment: counted from the newest segment that was ingested by then."""
        number = bisect.bisect_right(self.ingested, moment) - 1
        if number < 0:
            return Fraction(0)
        return min(self.media_at[number] + moment - self.ingested[number], self.media_at[number + 1])

    def frames(self, start: Fraction, end: Fraction, *, last: int | None = None) -> list[int]:
        """Numbers of the frames that were on air from ``start`` up to ``end``, those of lost segments left out; none
        after the segment ``last``."""
        film = next(track.film for track in self.tracks if track.has_video)
        low, high = (-int(-self.media_of(moment) * FPS // 1) for moment in (start, end))
        found = []
        for place in range(low, high):
            number = bisect.bisect_right(self.media_at, Fraction(place, FPS)) - 1
            if number not in self.lost and (last is None or number <= last):
                found.append(film.first_frame_number + place % film.frame_count)
        return found


def jittered(
    began: Fraction,
    count: int,
    *,
    seed: int = 1,
    gaps: dict[int, Fraction] | None = None,
    jitter_ms: float = 24.0,
    groups: int = 5,
) -> tuple[list[Fraction], list[Fraction]]:
    """(lengths, ingestion times) of a calm stream: a short first segment, lengths of ``groups`` groups of pictures
    (2 s) and sometimes one more or less, and arrivals that vary by ``jitter_ms`` (standard deviation, at most 0.2 s).
    ``gaps``: before these numbers, so many seconds pass in which nothing arrives."""
    chance = random.Random(seed)
    lengths = [GROUP_SECONDS * (groups * 3 // 5)]
    lengths += [GROUP_SECONDS * (groups + chance.choice([-1, 0, 0, 0, 0, 0, 0, 1])) for _ in range(count - 1)]
    ingested, late = [], Fraction(0)
    for number, media_at in enumerate([Fraction(0), *accumulate(lengths)][:count]):
        late += (gaps or {}).get(number, Fraction(0))
        noise = max(-0.1, min(0.1, chance.gauss(0, jitter_ms / 1000)))
        ingested.append(began + media_at + late + Fraction(round(noise * 1_000_000), 1_000_000))
    return lengths, ingested
