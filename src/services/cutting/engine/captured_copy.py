"""Copies captured segments into as few files as possible, without decoding them. Runs inside the sandbox.

A file holds one layout of the video. Its segments follow each other by their own presentation times; time of which no
segment was captured is removed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from src.models.captured import Captured, LiveTrack, Record
from src.models.media_source import TimeRange
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window
from src.services.cutting.engine.captured_runs import ONLY_MEDIA, SegmentStart, read_start
from src.services.cutting.engine.model import ClipReport, CutOrder
from src.services.cutting.engine.packets import write_mp4
from src.services.cutting.engine.parts import Part
from src.utils.clock_turns import nearest_turn

_MAX_JUMP = Fraction(1, 4)  # seconds: the largest error of a segment's stated duration
_SAME_CLOCK = 2  # seconds: the largest offset between the stated clocks of video and audio
_MOST_SEGMENTS = 256  # of a part: a demuxer remembers every packet of the file that it reads
_REPORTED_PACKETS = 2000


@dataclass(frozen=True, slots=True)
class _Segment:
    record: Record
    start: SegmentStart


@dataclass(slots=True)
class _File:
    """The parts of one file, and how long it is so far, in seconds."""

    shape: tuple[str, int, int]
    span: Window
    length: Fraction = Fraction(0)
    parts: dict[str, list[Part]] = field(default_factory=lambda: {"video": [], "audio": []})
    sound_from: Fraction | None = None


def copy_runs(order: CutOrder, monitor: Monitor) -> list[ClipReport]:
    """Copy the segments of the range into ``order.part(n)``; ``actual`` of a report is wall clock time like the range.
    The first segment may start before the range, and the last one may end after it."""
    captured, window = order.source, Window(order.range.start, order.range.end)
    assert isinstance(captured, Captured)
    main = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    records = [record for record in captured.records[main.name] if record.span.overlaps(window)]
    files: list[_File] = []
    for run in _runs(records, captured.folder / main.name, monitor):
        span = Window(run[0].record.start, run[-1].record.span.end)
        if not files or files[-1].shape != run[0].start.shape:
            files.append(_File(run[0].start.shape, span))
        _add(files[-1], run, captured, main, span)
    total = max(len(records), 1)
    return [_written(file, order, order.part(number), monitor, total) for number, file in enumerate(files)]


def _runs(records: Sequence[Record], folder: Path, monitor: Monitor) -> list[list[_Segment]]:
    """Group segments of one layout whose presentation times follow each other."""
    runs: list[list[_Segment]] = []
    for place, record in enumerate(records):
        if place % _MOST_SEGMENTS == 0:
            monitor.report(Progress(Phase.ENCODING, 100.0, written=float(place)))
        start = read_start(record, folder)
        if start is None:
            continue
        last = runs[-1][-1] if runs else None
        if last is not None:
            start = start.near(last.start.first + last.record.duration)
        segment = _Segment(record, start)
        if last is not None and _follows(last, segment):
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _follows(one: _Segment, other: _Segment) -> bool:
    before, after = one.record, other.record
    if (before.epoch, before.group, before.number + 1) != (after.epoch, after.group, after.number):
        return False
    step = other.start.first - one.start.first
    return one.start.shape == other.start.shape and abs(step - before.duration) <= _MAX_JUMP


def _add(file: _File, run: list[_Segment], captured: Captured, main: LiveTrack, span: Window) -> None:
    """Append a run to a file."""
    first, folder = run[0].start.first, captured.folder / main.name
    shift = file.length - first
    groups = _groups([segment.record for segment in run])
    starts = {segment.record.number: segment.start.first for segment in run}
    for group in groups:
        file.parts["video"].append(_part(group, folder, shift, starts[group[0].number]))
    last = run[-1]
    end = _end_of(last.record, folder)
    length = last.record.duration if end is None else nearest_turn(end, last.start.first) - last.start.first
    separate = next((track for track in captured.tracks if track.has_audio and track is not main), None)
    if main.has_audio or separate is not None:
        sound = groups
        if not main.has_audio and separate is not None:
            folder = captured.folder / separate.name
            sound = _groups(_sound(captured.records[separate.name], run, span))
        _add_sound(file, sound, folder, shift, run[0])
    file.length += last.start.first - first + length
    file.span = Window(file.span.start, span.end)


def _add_sound(file: _File, groups: list[list[Record]], folder: Path, shift: Fraction, start: _Segment) -> None:
    for group in groups:
        heard = _first_sound(group[0], folder)
        if heard is None:
            continue
        expected = start.start.first + group[0].start - start.record.start
        if start.start.turns:
            heard = nearest_turn(heard, expected)
        # Both tracks of a stream share the clock of their presentation times, unless it differs entirely.
        moved = Fraction(0) if abs(heard - expected) <= _SAME_CLOCK else expected - heard
        file.parts["audio"].append(_part(group, folder, shift + moved, heard))
        if file.sound_from is None:
            file.sound_from = max(heard + shift + moved, Fraction(0))


def _sound(records: Sequence[Record], run: list[_Segment], span: Window) -> list[Record]:
    """Return the segments of a separate audio track that belong to a run."""
    first, last = run[0].record, run[-1].record
    if first.own_clock:  # both tracks share their numbers
        return [one for one in records if one.epoch == first.epoch and first.number <= one.number <= last.number]
    return [one for one in records if one.span.overlaps(span)]


def _groups(records: Sequence[Record]) -> list[list[Record]]:
    """Group segments that a demuxer reads as one file."""
    groups: list[list[Record]] = []
    for record in records:
        last = groups[-1][-1] if groups else None
        key = (record.epoch, record.group, record.number, record.init)
        if last is None or len(groups[-1]) == _MOST_SEGMENTS or key != _after(last):
            groups.append([])
        groups[-1].append(record)
    return groups


def _after(record: Record) -> tuple[int, int, int, str | None]:
    return record.epoch, record.group, record.number + 1, record.init


def _part(records: list[Record], folder: Path, shift: Fraction, first: Fraction) -> Part:
    paths = [folder / record.file for record in records]
    init = records[0].init
    if init is not None:
        paths.insert(0, folder / init)
    return Part(tuple(paths), _format_of(paths[0]), float(shift), float(first))


def _format_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:1] == b"\x47":
        return "mpegts"
    return "matroska" if head == b"\x1a\x45\xdf\xa3" else "mov"


def _content(record: Record, folder: Path) -> bytes:
    head = b"" if record.init is None else (folder / record.init).read_bytes()
    return head + (folder / record.file).read_bytes()


def _end_of(record: Record, folder: Path) -> Fraction | None:
    """Return the presentation time at which the last frame of a segment ends."""
    times, length = _times(_content(record, folder), "video")
    if not times:
        return None
    if not length and len(times) > 1:
        length = times[-1] - times[-2]
    return times[-1] + length


def _first_sound(record: Record, folder: Path) -> Fraction | None:
    times, _ = _times(_content(record, folder), "audio")
    return times[0] if times else None


def _times(content: bytes, kind: str) -> tuple[list[Fraction], Fraction]:
    """Return the presentation times of a stream in order, and the length of its last packet; no times if there are
    none, or it cannot be read."""
    container = "mpegts" if content[:1] == b"\x47" else None
    found: list[tuple[Fraction, Fraction]] = []
    try:
        with av.open(io.BytesIO(content), "r", format=container, container_options=ONLY_MEDIA) as opened:
            stream = next(iter(getattr(opened.streams, kind)), None)
            packets = [] if stream is None else opened.demux(stream)
            for packet in packets:
                if packet.pts is not None and packet.time_base is not None:
                    found.append((packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base))
    except FFmpegError:
        return [], Fraction(0)
    found.sort()
    if not found:
        return [], Fraction(0)
    return [start for start, _ in found], found[-1][1]


def _written(file: _File, order: CutOrder, path: Path, monitor: Monitor, segments: int) -> ClipReport:
    def report(kind: str, count: int) -> None:
        if kind == "video" and count % _REPORTED_PACKETS == 0:
            monitor.report(Progress(Phase.ENCODING, 100.0, written=float(segments + count)))

    counts = write_mp4({kind: parts for kind, parts in file.parts.items() if parts}, path, report)
    sound = None if file.sound_from is None else TimeRange(file.sound_from, file.length)
    actual = TimeRange(file.span.start, file.span.end)
    return ClipReport(order.range, actual, "copy", 0, 0, counts["video"], sound=sound, seconds=file.length)
