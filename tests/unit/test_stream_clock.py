"""Segments that were captured tell where a moment is in the recording, exactly, over interruptions too."""

from __future__ import annotations

from fractions import Fraction

import pytest

from src.models.stream_clock import FAR_SECONDS, JITTER_SECONDS, Anchor, StreamClock
from src.models.time_window import Window
from src.utils.clock import clock_text

BEGAN = Fraction(1_768_730_400) + Fraction(737, 1000)


def clock() -> StreamClock:
    """A stream of two-second segments that was interrupted for 20 s after its third one."""
    anchors = [Anchor(BEGAN + 2 * number, Fraction(2), Fraction(2 * number)) for number in range(3)]
    anchors += [Anchor(BEGAN + 20 + 2 * number, Fraction(2), Fraction(2 * number)) for number in range(3, 6)]
    return StreamClock(reversed(anchors))


@pytest.mark.parametrize(
    ("start", "end", "expected", "uncertainty"),
    [
        ("0.5", "5.25", ("0.5", "5.25"), 0),
        ("4", "27.5", ("4", "7.5"), 0),
        ("10", "28", ("6", "8"), 0),
        ("30", "40", ("10", "20"), JITTER_SECONDS),
        ("-3", "1", ("-3", "1"), JITTER_SECONDS),
    ],
)
def test_where_a_moment_is(start: str, end: str, expected: tuple[str, str], uncertainty: float) -> None:
    placed = clock().placed(Window(BEGAN + Fraction(start), BEGAN + Fraction(end)))
    assert placed is not None
    assert (placed.start, placed.end) == (Fraction(expected[0]), Fraction(expected[1]))
    assert placed.uncertainty == uncertainty


@pytest.mark.parametrize(
    ("start", "end", "expected", "uncertainty"),
    [
        (0.5, 5.25, ("0.5", "5.25"), 0),
        (4.5, 6, ("4.5", "6"), 0),  # what ends at the interruption ended before it
        (6, 8, ("26", "28"), 0),
        (10, 15, ("30", "35"), JITTER_SECONDS),
        (100, 110, ("120", "130"), FAR_SECONDS),
    ],
)
def test_when_a_position_was_broadcast(start: float, end: float, expected: list[str], uncertainty: float) -> None:
    times = {name: clock_text(BEGAN + Fraction(at)) for name, at in zip(("from", "to"), expected, strict=True)}
    assert clock().times(start, end) == times
    assert clock().uncertainty_of(start, end) == uncertainty


def test_nothing_was_captured() -> None:
    assert StreamClock(()).placed(Window(BEGAN, BEGAN + 1)) is None
