"""Arithmetic of the wall clock: exact seconds since 1970, and what part of a window there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from src.utils.clock import to_seconds

TOUCHING = Fraction(1, 10)  # clocks of segments are told in milliseconds, and lengths are rounded


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` up to, but without, ``end``: seconds since 1970."""

    start: Fraction
    end: Fraction

    @classmethod
    def around(cls, event: datetime, offset: float, duration: float) -> Window:
        """``[event - offset, event - offset + duration)``."""
        start = to_seconds(event) - Fraction(repr(offset))
        return cls(start, start + Fraction(repr(duration)))

    def padded(self, before: Fraction, after: Fraction) -> Window:
        """The window with some time on both sides."""
        return Window(self.start - before, self.end + after)

    def overlaps(self, other: Window) -> bool:
        """Whether they share any time."""
        return self.start < other.end and other.start < self.end

    def common(self, other: Window) -> Window:
        """The time that both have; empty or turned round when they share none."""
        return Window(max(self.start, other.start), min(self.end, other.end))


def joined(spans: Iterable[Window]) -> list[Window]:
    """The spans in order, those that touch as one."""
    found: list[Window] = []
    for span in sorted(spans, key=lambda each: each.start):
        if found and span.start <= found[-1].end + TOUCHING:
            found[-1] = Window(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def missing(window: Window, spans: Iterable[Window]) -> list[Window]:
    """What of the window no span holds, leaving out gaps that are only rounding."""
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
