"""Examines the segments of a time range to find missing ones and runs with one continuous clock."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from statistics import median

from src.errors import AppError, SegmentMissing, SourceError
from src.models.media_source import SourceUnreadable, TimeRange
from src.services.cutting.engine.indexes.segment_facts import SegmentFacts
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.indexes.segment_junctions import Junction, has_listed_length
from src.services.hls.playlist import Segment
from src.utils.clock_turns import nearest_turn

Stretch = tuple[Fraction, Fraction]
LEAD = Fraction(1, 5)
"""The audio of a clip is read from this many seconds before its start."""
_DRIFT = Fraction(1, 10)  # seconds between clock and playlist that are tolerated without a search for a jump
_LATE_FRAMES = 2


def runs(index: SegmentIndex, wanted: TimeRange) -> tuple[list[SegmentIndex], list[Stretch]]:
    """Find the runs of a range: an index for each, with the times of the playlist. Also returns the missing stretches.

    Raises:
        AppError: a segment could not be fetched for a reason that does not mean that it is missing.
    """
    missing = listed_gaps(index, wanted)
    found: list[SegmentIndex] = []
    for group in touched_groups(index, wanted):
        survey = _Survey(index.of_group(group), wanted)
        missing += survey.missing()
        if not missing:
            found += survey.runs()
    return found, missing


def listed_gaps(index: SegmentIndex, wanted: TimeRange) -> list[Stretch]:
    """Return the stretches of a range that the playlist marks as missing."""
    return [(gap.start, gap.end) for gap in index.gaps if _touches(gap, wanted)]


def touched_groups(index: SegmentIndex, wanted: TimeRange) -> list[int]:
    """Return the groups of the segments in a range, in order; the last group if no segment is in the range."""
    groups = dict.fromkeys(segment.group for segment in index.segments if _touches(segment, wanted))
    return list(groups) or [index.segments[-1].group]


def require_all(missing: Iterable[Stretch]) -> None:
    """Require that nothing is missing.

    Raises:
        SegmentMissing: something is; adjacent stretches are reported as one.
    """
    merged: list[Stretch] = []
    for start, end in sorted(missing):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    if merged:
        raise SegmentMissing.at(merged)


def _touches(segment: Segment, wanted: TimeRange) -> bool:
    return segment.start < wanted.end and segment.end > wanted.start


class _Survey:
    """Examines the segments of one group that overlap a range."""

    def __init__(self, index: SegmentIndex, wanted: TimeRange) -> None:
        self._index, self._wanted = index, wanted
        segments = index.segments
        self._first = max((n for n, one in enumerate(segments) if one.start <= wanted.start), default=0)
        self._last = max((n for n, one in enumerate(segments) if one.start < wanted.end), default=0)
        self._last = max(self._first, self._last)
        self._lost_before = bool(index.gaps) and any(gap.end == segments[0].start for gap in index.gaps)
        self._cut_before = False

    def missing(self) -> list[Stretch]:
        """Find the stretches of the range that are missing or damaged."""
        index, numbers = self._index, range(self._first, self._last + 1)
        facts = {number: index.facts(number) for number in numbers}
        lost = {number for number, found in facts.items() if found is None or _lacks_a_stream(found, facts.values())}
        for number in numbers[:-1]:
            match index.junction(number):
                case Junction.FIRST_LOST:
                    lost.add(number)
                case Junction.SECOND_LOST:
                    lost.add(number + 1)
        shares = [found.main.length / self._listed(number) for number, found in facts.items() if found is not None]
        share = min(median(shares), Fraction(1)) if len(shares) > 2 else Fraction(1)
        for number, found in facts.items():
            edge = number in (self._first, self._last) or not self._follows(number - 1) or not self._follows(number)
            if edge and found is not None and not has_listed_length(found, self._listed(number) * share):
                lost.add(number)
        if not lost:
            self._examine_previous()
        segments = [self._index.segments[number] for number in sorted(lost)]
        stretches = [(one.start, one.end) for one in segments if _touches(one, self._wanted)]
        return stretches or self._missing_before()

    def runs(self) -> list[SegmentIndex]:
        """Create an index for each run of continuous segments."""
        starts = [n for n in range(self._first, self._last + 1) if n == self._first or not self._follows(n - 1)]
        found = []
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            inside = start == self._first and not self._cut_before
            begin = 0 if inside else start
            end = len(self._index.segments) if following is None else following
            origin = self._origin(start) if inside else self._placed(start)
            part = self._index.part(self._index.segments[begin:end], origin)
            part.checked = (start - begin, min(self._last, end - 1) - begin)
            found.append(part)
        return found

    def _listed(self, number: int) -> Fraction:
        segment = self._index.segments[number]
        return max(segment.end - segment.start, Fraction(1, 1000))

    def _follows(self, number: int) -> bool:
        """Whether both this segment and the next one were examined and are continuous."""
        inside = self._first <= number < self._last
        return inside and self._index.junction(number) is Junction.FOLLOWS

    def _examine_previous(self) -> None:
        """Examine the segment before the range if its end is needed: if the range starts with a segment."""
        begin = self._index.segments[self._first].start
        if self._first == 0 or begin <= self._wanted.start - LEAD:
            return
        found: Junction | None = None
        with suppress(SourceError):
            found = self._index.junction(self._first - 1)
        self._cut_before = found is not Junction.FOLLOWS
        self._lost_before = found in (None, Junction.FIRST_LOST)

    def _missing_before(self) -> list[Stretch]:
        """Find the missing segment before the range without which the first frames cannot be decoded."""
        if not self._lost_before:
            return []
        found, segment = self._index.facts(self._first), self._index.segments[self._first]
        if found is None or found.video is None:
            return []
        late = found.key - found.video.first
        if segment.start + late <= self._wanted.start + _LATE_FRAMES * found.video.usual:
            return []
        gap = next((one for one in self._index.gaps if one.end == segment.start), None)
        before = gap or self._index.segments[max(self._first - 1, 0)]
        return [(before.start, before.end)]

    # --- origins of runs --------------------------------------------------------------------------------------------

    def _placed(self, number: int) -> Fraction:
        """Return the origin of a run that starts with a segment, by its time in the playlist."""
        clock = self._index.clock(number)
        return Fraction(0) if clock is None else clock - self._index.segments[number].start

    def _origin(self, number: int) -> Fraction:
        """Return the origin of a segment: that of the group, unless its clock jumps in between."""
        begin = 0
        with suppress(SourceUnreadable, AppError):  # without the clocks in between, the playlist decides
            while begin < number and self._drift(begin, number):
                jump = self._jump(begin, number)
                if jump is None:
                    break
                begin = jump
            return self._placed(begin)
        return self._placed(number)

    def _jump(self, low: int, high: int) -> int | None:
        """Find a segment in (low, high] that does not follow the one before it; None if only the lengths in the
        playlist are wrong."""
        while high - low > 1:
            middle = (low + high) // 2
            if abs(self._away(low, middle)) >= abs(self._away(middle, high)):
                high = middle
            else:
                low = middle
        return None if self._index.junction(low) is Junction.FOLLOWS else high

    def _drift(self, low: int, high: int) -> bool:
        return abs(self._away(low, high)) > _DRIFT

    def _away(self, low: int, high: int) -> Fraction:
        """Return how many seconds more pass between two segments on the clock than in the playlist."""
        one, two = self._index.clock(low), self._index.clock(high)
        if one is None or two is None:
            return Fraction(0)
        listed = self._index.segments[high].start - self._index.segments[low].start
        return nearest_turn(two, one + listed) - one - listed


def _lacks_a_stream(found: SegmentFacts, others: Iterable[SegmentFacts | None]) -> bool:
    """Whether a segment has no video, or no audio, although others of the group have it."""
    readable = [other for other in others if other is not None]
    lacks_video = found.video is None and any(other.video for other in readable)
    return lacks_video or (found.audio is None and any(other.audio for other in readable))
