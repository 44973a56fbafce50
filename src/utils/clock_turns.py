"""Corrects times of MPEG-TS, whose clock wraps around after 26.5 hours."""

from __future__ import annotations

from fractions import Fraction

_TURN = Fraction(2**33, 90_000)  # seconds: the clock has 33 bits and counts 90,000 in a second (ISO 13818-1, 2.4.2)


def nearest_turn(time: Fraction, expected: Fraction) -> Fraction:
    """Return ``time``, moved by whole turns of the MPEG-TS clock to be as close to ``expected`` as possible.

    FFmpeg reports the same moment in one turn or the next, depending on where a file starts.
    """
    return time + round((expected - time) / _TURN) * _TURN
