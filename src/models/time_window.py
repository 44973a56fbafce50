"""Calculates with windows of the wall clock, in exact seconds since 1970, and with the parts of them that exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from src.utils.clock import to_seconds

TOUCHING = Fraction(1, 10)  # segment clocks have millisecond precision, and durations are rounded


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` to ``end`` (excluded), in seconds since 1970."""

    start: Fraction
    end: Fraction

    @classmethod
    def around(cls, event: datetime, offset: float, duration: float) -> Window:
        """Return ``[event - offset, event - offset + duration)``."""
        start = to_seconds(event) - Fraction(repr(offset))
        return cls(start, start + Fraction(repr(duration)))

    def padded(self, before: Fraction, after: Fraction) -> Window:
        """Return the window extended on both sides."""
        return Window(self.start - before, self.end + after)

    def overlaps(self, other: Window) -> bool:
        """Return whether the windows have any time in common."""
        return self.start < other.end and other.start < self.end

    def common(self, other: Window) -> Window:
        """Return the intersection; its end is not after its start when the windows do not overlap."""
        return Window(max(self.start, other.start), min(self.end, other.end))


def joined(spans: Iterable[Window]) -> list[Window]:
    """Return the spans in order, with adjacent ones merged."""
    found: list[Window] = []
    for span in sorted(spans, key=lambda each: each.start):
        if found and span.start <= found[-1].end + TOUCHING:
            found[-1] = Window(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def missing(window: Window, spans: Iterable[Window]) -> list[Window]:
    """Return the parts of the window that no span covers, without gaps that come from rounding."""
    holes: list[Window] = []
    position = window.start
    for span in joined(spans):
        if span.end <= position:
            continue
        if span.start >= window.end:
            break
        if span.start > position + TOUCHING:
            holes.append(Window(position, span.start))
        position = max(position, span.end)
    if window.end > position + TOUCHING:
        holes.append(Window(position, window.end))
    return holes
