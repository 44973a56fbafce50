"""Groups captured segments into runs of continuous time, each of which can be cut like one video."""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
from av.error import FFmpegError

from src.models.captured import Record, follows_in_time
from src.models.time_window import Window
from src.services.hls.playlist import Piece, Segment
from src.services.media.probe_child import AUDIO_FORMATS
from src.utils.clock_turns import nearest_turn

_MAX_JUMP = Fraction(1, 4)  # seconds: the largest error of a segment's stated duration
_SAME_CLOCK = 2  # seconds: the largest offset between the stated clocks of video and audio
_HEAD_BYTES = 188 * 2048
ONLY_MEDIA = {"format_whitelist": AUDIO_FORMATS}
"""Options for reading segments: a script or a list would name other files."""


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """The presentation time of the first key frame of a segment, and its codec, width and height. ``turns``: its clock
    has 33 bits and restarts after 26.5 hours."""

    first: Fraction
    shape: tuple[str, int, int]
    turns: bool = False

    def near(self, time: Fraction) -> SegmentStart:
        """Return the same in the turn of its clock that is nearest to ``time``."""
        return replace(self, first=nearest_turn(self.first, time)) if self.turns else self


@dataclass(frozen=True, slots=True)
class Run:
    """Segments that follow each other in one clock. ``offset`` is to be added to their presentation times to get the
    wall clock."""

    records: tuple[Record, ...]
    starts: tuple[SegmentStart, ...]
    offset: Fraction

    @property
    def span(self) -> Window:
        """Return when it was on air."""
        if self._own_clocks:
            return Window(self.records[0].start, self.records[-1].span.end)
        return Window(
            self.starts[0].first + self.offset, self.starts[-1].first + self.offset + self.records[-1].duration
        )

    @property
    def base(self) -> Fraction:
        """The zero of the run's index: the wall clock of its first frame by ``offset``."""
        return self.starts[0].first + self.offset

    def position(self, moment: Fraction) -> Fraction:
        """Return what was on air at a moment of ``span``, in seconds since ``base``.

        Where segments have clocks of their own, the newest one that started by then counts, and the time between the
        end of one and the start of the next is the start of the next.
        """
        if not self._own_clocks:
            return moment - self.base
        place = max(bisect_right(self.records, moment, key=lambda record: record.start) - 1, 0)
        found = self.starts[place].first - self.starts[0].first + moment - self.records[place].start
        return (
            found if place + 1 == len(self.records) else min(found, self.starts[place + 1].first - self.starts[0].first)
        )

    def moment(self, position: Fraction, *, ending: bool = False) -> Fraction:
        """Return the wall clock of a position, the reverse of ``position``. ``ending``: what ends there was on air
        before, so at the border of two segments the earlier one counts."""
        if not self._own_clocks:
            return position + self.base
        firsts = [start.first - self.starts[0].first for start in self.starts]
        place = max((bisect_left if ending else bisect_right)(firsts, position) - 1, 0)
        return self.records[place].start + position - firsts[place]

    @property
    def _own_clocks(self) -> bool:
        return self.records[0].own_clock

    @property
    def shape(self) -> tuple[str, int, int]:
        """Return codec, width and height."""
        return self.starts[0].shape

    def segments(self, folder: Path, base: Fraction) -> list[Segment]:
        """Return the run as segments for an index of the engine, in seconds since ``base``."""
        starts = [start.first + self.offset - base for start in self.starts]
        ends = [*starts[1:], starts[-1] + self.records[-1].duration]
        return [
            _segment(record, folder, start, end) for record, start, end in zip(self.records, starts, ends, strict=True)
        ]


def find_runs(records: Sequence[Record], folder: Path, window: Window) -> list[Run]:
    """Return the runs that overlap the window, in the order in which they were on air."""
    near = _near(records, window)
    runs: list[Run] = []
    part: list[tuple[Record, SegmentStart]] = []
    for record in near:
        first = read_start(record, folder)
        if first is None:
            continue
        if part:
            first = first.near(part[-1][1].first + part[-1][0].duration)
            if not _follows(part[-1], (record, first)):
                runs.append(_run(part))
                part = []
        part.append((record, first))
    if part:
        runs.append(_run(part))
    return [run for run in runs if run.span.overlaps(window)]


def sound_segments(records: Sequence[Record], folder: Path, run: Run, base: Fraction) -> list[Segment]:
    """Return the audio segments that were on air with a run, for an index of the separate audio track.

    Both tracks of a stream share the clock of their presentation times, which is more exact than the playlists. A
    segment is placed by that clock, unless it differs entirely.
    """
    found: list[tuple[Record, Fraction]] = []
    for record in _near(records, run.span):
        first = read_start(record, folder)
        if first is None or (found and record.init != found[0][0].init):
            continue
        at = first.near(record.start - run.offset).first + run.offset
        found.append((record, at))
    same = [(record, at) for record, at in found if abs(at - record.start) <= _SAME_CLOCK]
    placed = same or [(record, record.start) for record, _ in found]
    return [_segment(record, folder, at - base, at + record.duration - base) for record, at in placed]


def read_start(record: Record, folder: Path) -> SegmentStart | None:
    """Return the start of a captured segment; None if it has no key frame or cannot be read."""
    head = b"" if record.init is None else (folder / record.init).read_bytes()
    with (folder / record.file).open("rb") as file:
        start = file.read(_HEAD_BYTES)
        found = _start_of(head + start)
        return found or _start_of(head + start + file.read())


def _start_of(content: bytes) -> SegmentStart | None:
    container = "mpegts" if content[:1] == b"\x47" else None
    try:
        with av.open(io.BytesIO(content), "r", format=container, container_options=ONLY_MEDIA) as opened:
            stream = next(iter(opened.streams.video), None) or next(iter(opened.streams.audio), None)
            if stream is None or stream.codec_context is None:  # None: a codec without a decoder
                return None
            context = stream.codec_context
            shape = (context.name, getattr(context, "width", 0), getattr(context, "height", 0))
            for packet in opened.demux(stream):
                if packet.pts is not None and packet.is_keyframe and packet.time_base is not None:
                    return SegmentStart(packet.pts * packet.time_base, shape, opened.format.name == "mpegts")
    except FFmpegError:
        return None
    return None


def _near(records: Sequence[Record], window: Window) -> list[Record]:
    """Return the records of the window, and up to two on each side for key frames and reordered frames."""
    inside = [place for place, record in enumerate(records) if record.span.overlaps(window)]
    return list(records[max(inside[0] - 2, 0) : inside[-1] + 3]) if inside else []


def _follows(before: tuple[Record, SegmentStart], after: tuple[Record, SegmentStart]) -> bool:
    one, other = before[0], after[0]
    if (one.epoch, one.group, one.number + 1, one.init) != (other.epoch, other.group, other.number, other.init):
        return False
    if one.own_clock and not follows_in_time(one, other):
        return False
    step = after[1].first - before[1].first
    return before[1].shape == after[1].shape and abs(step - one.duration) <= _MAX_JUMP


def _run(part: list[tuple[Record, SegmentStart]]) -> Run:
    """Return ``part`` as a run. Clocks of single segments may be off by milliseconds, so the median counts."""
    offsets = sorted(record.start - first.first for record, first in part)
    offset = Fraction(median(offsets[: len(offsets) - 1 + len(offsets) % 2]))
    return Run(tuple(record for record, _ in part), tuple(first for _, first in part), offset)


def _segment(record: Record, folder: Path, start: Fraction, end: Fraction) -> Segment:
    init = None if record.init is None else Piece(str(folder / record.init))
    return Segment(Piece(str(folder / record.file)), start, end, record.number, 0, init)
