"""Where each part of a recording belongs: clocks that begin again, segments that are missing, tracks that break apart.

Three kinds of seconds are used. The *clock* is that of a segment's own timestamps. The *source* line starts with the
first segment; on it, parts whose clocks have nothing to do with each other stand one behind the other, and what is
missing takes the time that the playlist tells. The *file* line is the same without the time that no track has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from src.services.streams.segment_probe import Axis, Look

Kind = Literal["video", "audio"]
KINDS: tuple[Kind, Kind] = ("video", "audio")
TURN_SECONDS = 2**33 / 90_000
"""The clock of a transport stream has 33 bits and counts 90,000 in a second."""
TURNING = ("mpegts", "aac", "mp3", "ac3", "eac3")
"""Containers with such a clock."""
_STEP_SECONDS = 0.5  # by which the length of a segment may be told wrongly in one clock
TOUCHING_SECONDS = 0.25
"""Less than this between two segments is no hole."""
_SAME_CLOCK_SECONDS = 2.0  # by which the playlists of two tracks tell the same moment differently


@dataclass(frozen=True, slots=True)
class Seen:
    """A segment of a track: its place in the tape, from when to when the playlist has it, its stretch, and what it
    holds (None: it is missing)."""

    place: int
    start: float
    end: float
    group: tuple[int, int | None]
    look: Look | None

    def axis(self, kind: Kind) -> Axis | None:
        """One of its streams."""
        return None if self.look is None else getattr(self.look, kind)

    @property
    def reference(self) -> Axis:
        """The stream that tells its time."""
        assert self.look is not None
        axis = self.look.video or self.look.audio
        assert axis is not None
        return axis


@dataclass(slots=True)
class Run:
    """Segments of one track that follow each other in one clock and have one layout. ``offset`` leads from the clock
    to the source line; ``moved`` from there to the file line."""

    track: int
    clock: int
    segments: list[Seen]
    offset: float
    moved: float = 0.0

    @property
    def container(self) -> str:
        """FFmpeg's name for the format of its segments."""
        look = self.segments[0].look
        return look.container if look is not None else ""

    def layout(self, kind: Kind) -> tuple[str, ...] | None:
        """That of one of its streams, if it has this one."""
        return next((axis.layout for one in self.segments if (axis := one.axis(kind))), None)

    def span(self, kind: Kind) -> tuple[float, float] | None:
        """From when to when one of its streams lasts, on the source line."""
        axes = [axis for one in self.segments if (axis := one.axis(kind))]
        if not axes:
            return None
        length = self._length(kind)
        return axes[0].first + self.offset, axes[0].first + self.offset + length

    def first(self, kind: Kind) -> float:
        """The first time of one of its streams, by its clock."""
        return next(axis.first for one in self.segments if (axis := one.axis(kind)))

    def _length(self, kind: Kind) -> float:
        axes = [axis for one in self.segments if (axis := one.axis(kind))]
        turns = 0.0
        for before, after in pairwise(axes):
            turns += TURN_SECONDS if after.first < before.first - TURN_SECONDS / 2 else 0.0
        return axes[-1].end + turns - axes[0].first

    @property
    def whole_span(self) -> tuple[float, float]:
        """The same for both streams together."""
        spans = [span for kind in KINDS if (span := self.span(kind))]
        return min(start for start, _ in spans), max(end for _, end in spans)


@dataclass(frozen=True, slots=True)
class Placement:
    """The runs of all tracks, placed. ``joints`` counts where they stand behind each other with another distance than
    by the source's own clock."""

    runs: tuple[Run, ...]
    joints: int = 0

    def of_kind(self, kind: Kind) -> list[Run]:
        """The runs that have such a stream, in order."""
        found = [run for run in self.runs if run.span(kind) is not None]
        return sorted(found, key=lambda run: (run.span(kind) or (0.0, 0.0))[0] + run.moved)


def place(tracks: Sequence[Sequence[Seen]]) -> Placement:
    """Place all that there is of one or two tracks; of two, the first one tells the time."""
    runs: list[Run] = []
    for number, track in enumerate(tracks):
        found = _runs(number, track)
        if runs:
            _share_clock(runs, found, max((one.end - one.start for one in track), default=0.0))
        runs += found
    joints = _close_up(runs, apart=len(tracks) > 1)
    return Placement(tuple(runs), joints)


def follows(before: Seen, after: Seen) -> bool:
    """Whether the clock goes on from one segment to another, whatever is missing between them."""
    assert before.look is not None and after.look is not None
    hole = max(after.start - before.end, 0.0)
    if (before.look.video is None) != (after.look.video is None) and before.look.audio and after.look.audio:
        one, other = before.look.audio, after.look.audio
    else:
        one, other = before.reference, after.reference
    expected = (one.end + hole, one.first + after.start - before.start)
    turns = before.look.container in TURNING
    return any(abs(difference(other.first, at, turns)) <= _STEP_SECONDS * (1 + hole) for at in expected)


def difference(time: float, expected: float, turns: bool) -> float:
    """``time - expected``, with ``turns`` in the turn of the clock in which that is least."""
    away = time - expected
    return away - round(away / TURN_SECONDS) * TURN_SECONDS if turns else away


def _runs(number: int, track: Sequence[Seen]) -> list[Run]:
    runs: list[Run] = []
    clock = 0
    before: Seen | None = None
    for one in track:
        if one.look is None:
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


def _is_same(before: Seen, after: Seen) -> bool:
    """Whether two segments of one clock belong to one run."""
    assert before.look is not None and after.look is not None
    if after.place != before.place + 1 or after.group != before.group:
        return False
    for kind in KINDS:
        one, other = before.axis(kind), after.axis(kind)
        if one and other and one.layout != other.layout:
            return False
    turns = before.look.container in TURNING
    holes = [
        difference(other.first, one.end, turns)
        for kind in KINDS
        if (one := before.axis(kind)) and (other := after.axis(kind))
    ]
    return bool(holes) and min(holes) <= TOUCHING_SECONDS


def _offset(run: Run, before: Seen, one: Seen, goes_on: bool) -> float:
    """From the clock of ``one`` to the source line, behind ``before``, the last segment of ``run``."""
    assert before.look is not None
    _, end = run.whole_span
    reference = one.reference
    if not goes_on:
        return end + max(one.start - before.end, 0.0) - reference.first
    turns = before.look.container in TURNING
    last = run.span("video" if before.look.video else "audio")
    assert last is not None
    return last[1] + difference(reference.first, before.reference.end, turns) - reference.first


def _share_clock(leading: Sequence[Run], runs: Sequence[Run], longest: float) -> None:
    """Where a run of another track was recorded with the clock of the first track, that clock places it: it is more
    exact than the lengths that the playlists tell."""
    most = max(_SAME_CLOCK_SECONDS, 1.5 * longest)
    turn = {id(run): any(one.look and one.look.container in TURNING for one in run.segments) for run in runs}
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
    """Move the runs together where no track has anything, so that no stream overlaps itself; how many joints that
    makes. Runs of two tracks that overlap stay as they are to each other."""
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
    """Whether a run goes on with a clock of its track that the block has, or is the first one of its track there."""
    clocks = {other.clock for other in block if other.track == run.track}
    return not clocks or run.clock in clocks
