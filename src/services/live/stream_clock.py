"""Restores the wall clock of a recording from segments that were captured while the stream ran.

The site reports when a stream began in whole seconds, and not as the time of the recording's first frame. A captured
segment states both: when it was broadcast, and how much of the stream's media came before it, which is its position in
the recording. The wall clock has holes where the stream was interrupted, the media has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from src.models.time_window import Window

# Segments of calm streams arrive up to a quarter of a second early or late: by so much a time before or after all
# captured segments may be wrong.
JITTER_SECONDS = 0.25


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
    """Translates times of the wall clock to positions in the recording."""

    def __init__(self, anchors: Iterable[Anchor]) -> None:
        self._anchors = sorted(anchors, key=lambda anchor: anchor.start)

    def placed(self, window: Window) -> Placement | None:
        """Return where the recording shows this window; ``None`` if no segment of the stream was captured."""
        if not self._anchors:
            return None
        known = self._anchors[0].start <= window.start and window.end <= self._end
        return Placement(self._position(window.start), self._position(window.end), 0.0 if known else JITTER_SECONDS)

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
