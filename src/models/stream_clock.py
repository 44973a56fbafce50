"""Restores the wall clock of a recording from segments that were captured while the stream ran.

The site reports when a stream began in whole seconds, and not as the time of the recording's first frame. A captured
segment states both: when it was broadcast, and how much of the stream's media came before it, which is its position in
the recording. The wall clock has holes where the stream was interrupted, the media has none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from src.models.time_window import Window
from src.utils.clock import clock_text

# Segments of calm streams arrive up to a quarter of a second early or late: by so much a time before or after all
# captured segments may be wrong.
JITTER_SECONDS = 0.25
_NEAR_SECONDS = 60
FAR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A captured segment: its broadcast time, its length, and its position in the media of the stream, in seconds."""

    start: Fraction
    duration: Fraction
    media_at: Fraction


@dataclass(frozen=True, slots=True)
class Placement:
    """A moment in a recording, in seconds from its start. ``uncertainty``: by how many seconds it may be wrong."""

    start: Fraction
    end: Fraction
    uncertainty: float


class StreamClock:
    """Translates times of the wall clock to positions in the recording, and back."""

    def __init__(self, anchors: Iterable[Anchor]) -> None:
        self._anchors = sorted(set(anchors), key=lambda anchor: (anchor.start, anchor.media_at))

    def __bool__(self) -> bool:
        return bool(self._anchors)

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """All captured segments, in order."""
        return tuple(self._anchors)

    def placed(self, window: Window) -> Placement | None:
        """Return where the recording shows this window; ``None`` if no segment of the stream was captured."""
        if not self._anchors:
            return None
        known = self._anchors[0].start <= window.start and window.end <= self._end
        return Placement(self._position(window.start), self._position(window.end), 0.0 if known else JITTER_SECONDS)

    def times(self, start: float, end: float) -> dict[str, str]:
        """Return when a range of the recording was broadcast, as reports show it; the range is in seconds."""
        first, last = self._moment(Fraction(repr(start))), self._moment(Fraction(repr(end)), ending=True)
        return {"from": clock_text(first), "to": clock_text(last)}

    def uncertainty_of(self, start: float, end: float) -> float:
        """Return by how many seconds these times may be wrong: nothing where the segments at both ends are known.

        Far from all of them the stream may have been interrupted.
        """
        positions = Fraction(repr(start)), Fraction(repr(end))
        distance = max(map(self._distance, positions))
        if distance <= 0:
            return 0.0
        return JITTER_SECONDS if distance <= _NEAR_SECONDS else FAR_SECONDS

    def _distance(self, position: Fraction) -> Fraction:
        """Return how far a position is from the nearest captured segment; 0 inside of one."""
        place = bisect_right(self._anchors, position, key=lambda anchor: anchor.media_at)
        around = self._anchors[max(place - 1, 0) : place + 1]
        return min(
            max(anchor.media_at - position, position - anchor.media_at - anchor.duration, Fraction(0))
            for anchor in around
        )

    def _moment(self, position: Fraction, *, ending: bool = False) -> Fraction:
        """Return when a position was broadcast. ``ending``: what ends there was broadcast before, so at the border of
        two segments the earlier one counts."""
        find = bisect_left if ending else bisect_right
        place = max(find(self._anchors, position, key=lambda anchor: anchor.media_at) - 1, 0)
        return self._anchors[place].start + position - self._anchors[place].media_at

    @property
    def _end(self) -> Fraction:
        return self._anchors[-1].start + self._anchors[-1].duration

    def _position(self, moment: Fraction) -> Fraction:
        before = [anchor for anchor in self._anchors if anchor.start <= moment]
        anchor = before[-1] if before else self._anchors[0]
        position = anchor.media_at + moment - anchor.start
        following = self._anchors[len(before)] if before and len(before) < len(self._anchors) else None
        # A moment at which the stream was interrupted is where the media continues.
        return position if following is None else min(position, following.media_at)
