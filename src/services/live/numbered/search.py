"""Finds the number of the segment that was broadcast at a moment.

Numbers and times run almost in proportion, so a few jumps by (wanted - found) / length arrive. Where the wall clock has
gaps, which numbers have not, jumps may miss; then the interval between the known bounds is halved.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from fractions import Fraction

from src.services.live.numbered.facts import Facts

_MOST_JUMPS = 10
_USUAL_SECONDS = Fraction(2)


class Absence(Enum):
    """Why a number has no facts: its segment is no longer stored, does not exist yet, or cannot be read."""

    GONE = auto()
    LATER = auto()
    BROKEN = auto()


def find_number(moment: Fraction, head: int, facts_of: Callable[[int], Facts | Absence]) -> int:
    """Return the newest number whose segment was ingested at or before ``moment``; of equal times the last one.

    If the segments of that time are no longer stored, the oldest available number; behind the newest one, ``head``.
    ``facts_of`` is called once for each number, at most about 10 + log2(head) times.
    """
    low, high = -1, head + 1  # the number is at least ``low`` and less than ``high``
    inside = False  # whether ``low`` is a segment from before the moment
    number, jumps = head, 0
    broken: set[int] = set()
    while high - low > 1:
        found = facts_of(number)
        if found is Absence.BROKEN:
            broken.add(number)
            beside = _beside(number, low, high, broken)
            if beside is None:
                break
            number = beside
            continue
        middle = True
        if found is Absence.GONE:
            low, inside = max(low, number), False
        elif found is Absence.LATER:
            high = min(high, number)
        else:
            assert isinstance(found, Facts)
            if found.ingested <= moment:
                low, inside = number, True
            else:
                high = number
            middle = jumps >= _MOST_JUMPS
            jumps += 1
        if middle:
            number = (low + high) // 2
        elif isinstance(found, Facts):
            step = int((moment - found.ingested) / (found.target or _USUAL_SECONDS))
            number += step or (1 if found.ingested <= moment else -1)
        number = min(max(number, low + 1), high - 1)
        if number in broken:
            beside = _beside(number, low, high, broken)
            if beside is None:
                break
            number = beside
    return low if inside else max(min(high, head), 0)


def _beside(number: int, low: int, high: int, broken: set[int]) -> int | None:
    """Return the nearest number between the bounds that is not broken."""
    for distance in range(1, high - low):
        for other in (number + distance, number - distance):
            if low < other < high and other not in broken:
                return other
    return None
