"""Places the parts of a recording on one time line, across clock changes, missing segments and separate tracks.

There are three time lines, all in seconds. The *clock* is that of a segment's own timestamps. The *source* line starts
with the first segment; parts with unrelated clocks follow each other on it, and a missing segment takes its length in
the playlist. The *file* line is the source line without the times that are missing in all tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from src.services.streams.segment_probe import Axis, SegmentFacts

Kind = Literal["video", "audio"]
KINDS: tuple[Kind, Kind] = ("video", "audio")
TURN_SECONDS = 2**33 / 90_000
"""The clock of a transport stream has 33 bits and 90,000 ticks per second."""
TURNING = ("mpegts", "aac", "mp3", "ac3", "eac3")
"""Containers with such a clock."""
_STEP_SECONDS = 0.5  # the largest error of a segment's listed length
TOUCHING_SECONDS = 0.25
"""A shorter distance between two segments is not a hole."""
_SAME_CLOCK_SECONDS = 2.0  # the largest difference between the playlists of two tracks for the same moment


@dataclass(frozen=True, slots=True)
class TrackSegment:
    """A segment of a track: its number, its start and end in the playlist, its group, and its contents (None if it is
    missing)."""

    place: int
    start: float
    end: float
    group: tuple[int, int | None]
    facts: SegmentFacts | None

    def axis(self, kind: Kind) -> Axis | None:
        """Return one of its streams."""
        return None if self.facts is None else getattr(self.facts, kind)

    @property
    def reference(self) -> Axis:
        """The stream that defines its time."""
        assert self.facts is not None
        axis = self.facts.video or self.facts.audio
        assert axis is not None
        return axis


@dataclass(slots=True)
class Run:
    """Adjacent segments of one track with one clock and one layout. ``offset``: seconds from the clock to the source
    line; ``moved``: from there to the file line."""

    track: int
    clock: int
    segments: list[TrackSegment]
    offset: float
    moved: float = 0.0

    @property
    def container(self) -> str:
        """FFmpeg's name for the format of its segments."""
        facts = self.segments[0].facts
        return facts.container if facts is not None else ""

    def layout(self, kind: Kind) -> tuple[str, ...] | None:
        """Return the layout of one of its streams, if it has this one."""
        return next((axis.layout for one in self.segments if (axis := one.axis(kind))), None)

    def span(self, kind: Kind) -> tuple[float, float] | None:
        """Return (start, end) of one of its streams on the source line."""
        axes = [axis for one in self.segments if (axis := one.axis(kind))]
        if not axes:
            return None
        length = self._length(kind)
        return axes[0].first + self.offset, axes[0].first + self.offset + length

    def first(self, kind: Kind) -> float:
        """Return the first time of one of its streams on its clock."""
        return next(axis.first for one in self.segments if (axis := one.axis(kind)))

    def _length(self, kind: Kind) -> float:
        axes = [axis for one in self.segments if (axis := one.axis(kind))]
        turns = 0.0
        for before, after in pairwise(axes):
            turns += TURN_SECONDS if after.first < before.first - TURN_SECONDS / 2 else 0.0
        return axes[-1].end + turns - axes[0].first

    @property
    def whole_span(self) -> tuple[float, float]:
        """(start, end) of both streams together."""
        spans = [span for kind in KINDS if (span := self.span(kind))]
        return min(start for start, _ in spans), max(end for _, end in spans)


@dataclass(frozen=True, slots=True)
class Placement:
    """The runs of all tracks with their places. ``joints``: the number of places where the distance of two runs is not
    that of the source's own clock."""

    runs: tuple[Run, ...]
    joints: int = 0

    def of_kind(self, kind: Kind) -> list[Run]:
        """Return the runs that have such a stream, in order."""
        found = [run for run in self.runs if run.span(kind) is not None]
        return sorted(found, key=lambda run: (run.span(kind) or (0.0, 0.0))[0] + run.moved)


def place(tracks: Sequence[Sequence[TrackSegment]]) -> Placement:
    """Place the segments of one or two tracks; of two, the first one defines the time."""
    runs: list[Run] = []
    for number, track in enumerate(tracks):
        found = _runs(number, track)
        if runs:
            _share_clock(runs, found, max((one.end - one.start for one in track), default=0.0))
        runs += found
    joints = _close_up(runs, apart=len(tracks) > 1)
    return Placement(tuple(runs), joints)


def follows(before: TrackSegment, after: TrackSegment) -> bool:
    """Whether the clock continues from one segment to another, even if segments between them are missing."""
    assert before.facts is not None and after.facts is not None
    hole = max(after.start - before.end, 0.0)
    if (before.facts.video is None) != (after.facts.video is None) and before.facts.audio and after.facts.audio:
        one, other = before.facts.audio, after.facts.audio
    else:
        one, other = before.reference, after.reference
    expected = (one.end + hole, one.first + after.start - before.start)
    turns = before.facts.container in TURNING
    return any(abs(difference(other.first, at, turns)) <= _STEP_SECONDS * (1 + hole) for at in expected)


def difference(time: float, expected: float, turns: bool) -> float:
    """Return ``time - expected``; with ``turns``, for the wrap of the clock that gives the smallest difference."""
    away = time - expected
    return away - round(away / TURN_SECONDS) * TURN_SECONDS if turns else away


def _runs(number: int, track: Sequence[TrackSegment]) -> list[Run]:
    runs: list[Run] = []
    clock = 0
    before: TrackSegment | None = None
    for one in track:
        if one.facts is None:
            continue
        if before is None:
            runs.append(Run(number, clock, [one], one.start - one.reference.first))
        else:
            goes_on = follows(before, one)
            clock += not goes_on
            if goes_on and _is_same(before, one):
                runs[-1].segments.append(one)
            else:
                runs.append(Run(number, clock, [one], _offset(runs[-1], before, one, goes_on)))
        before = one
    return runs


def _is_same(before: TrackSegment, after: TrackSegment) -> bool:
    """Whether two segments of one clock belong to one run."""
    assert before.facts is not None and after.facts is not None
    if after.place != before.place + 1 or after.group != before.group:
        return False
    for kind in KINDS:
        one, other = before.axis(kind), after.axis(kind)
        if one and other and one.layout != other.layout:
            return False
    turns = before.facts.container in TURNING
    holes = [
        difference(other.first, one.end, turns)
        for kind in KINDS
        if (one := before.axis(kind)) and (other := after.axis(kind))
    ]
    return bool(holes) and min(holes) <= TOUCHING_SECONDS


def _offset(run: Run, before: TrackSegment, one: TrackSegment, goes_on: bool) -> float:
    """Return the offset from the clock of ``one`` to the source line, after ``before``, the last segment of ``run``."""
    assert before.facts is not None
    _, end = run.whole_span
    reference = one.reference
    if not goes_on:
        return end + max(one.start - before.end, 0.0) - reference.first
    turns = before.facts.container in TURNING
    last = run.span("video" if before.facts.video else "audio")
    assert last is not None
    return last[1] + difference(reference.first, before.reference.end, turns) - reference.first


def _share_clock(leading: Sequence[Run], runs: Sequence[Run], longest: float) -> None:
    """Place runs of another track by the clock of the first track if they share it: it is more exact than the lengths
    in the playlists."""
    most = max(_SAME_CLOCK_SECONDS, 1.5 * longest)
    turn = {id(run): any(one.facts and one.facts.container in TURNING for one in run.segments) for run in runs}
    correction: dict[int, float] = {}
    for run in runs:
        if run.clock not in correction:
            start, end = run.whole_span
            near = [
                difference(run.offset, other.offset, turn[id(run)])
                for other in leading
                if other.whole_span[0] - most <= end and start <= other.whole_span[1] + most
            ]
            nearest = min(near, key=abs, default=0.0)
            correction[run.clock] = nearest if abs(nearest) <= most else 0.0
        run.offset -= correction[run.clock]


def _close_up(runs: Sequence[Run], *, apart: bool) -> int:
    """Remove the times that are missing in all tracks, so that no stream overlaps itself. Returns the number of joints.
    Runs of two tracks that overlap keep their distance."""
    blocks: list[list[Run]] = []
    until = 0.0
    for run in sorted(runs, key=lambda each: each.whole_span[0]):
        start, end = run.whole_span
        if blocks and apart and start <= until + (TOUCHING_SECONDS if _shares(blocks[-1], run) else -_STEP_SECONDS):
            blocks[-1].append(run)
            until = max(until, end)
        else:
            blocks.append([run])
            until = end
    ends: dict[Kind, float] = {}
    for block in blocks:
        spans = [(kind, span) for run in block for kind in KINDS if (span := run.span(kind))]
        firsts = {kind: min(span[0] for name, span in spans if name == kind) for kind, _ in spans}
        lasts = {kind: max(span[1] for name, span in spans if name == kind) for kind, _ in spans}
        common = [ends[kind] - first for kind, first in firsts.items() if kind in ends]
        moved = max(common) if common else max(ends.values(), default=0.0) - min(firsts.values())
        for run in block:
            run.moved = moved
        ends.update({kind: last + moved for kind, last in lasts.items()})
    return len(blocks) - 1


def _shares(block: Sequence[Run], run: Run) -> bool:
    """Whether the block contains the clock of a run, or no run of its track."""
    clocks = {other.clock for other in block if other.track == run.track}
    return not clocks or run.clock in clocks
