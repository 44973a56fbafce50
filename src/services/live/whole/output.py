"""Turns the captured segments of a whole stream into one file, and reports what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from src.models.captured import MOST_BETWEEN_CLOCKS, Captured, Record
from src.models.media_source import TimeRange
from src.models.outcome import Gap, Note, NoteCode, outcome_fields
from src.models.time_window import Window, joined
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.engine.model import CutOrder
from src.services.live.cutter import LiveReport, LiveTask, resolution_note
from src.services.live.report import LiveCut, actual_fields, stream_times
from src.services.live.state import CaptureState
from src.utils.clock import clock_text, to_seconds

_REPORTED_SECONDS = Fraction(1, 10)
# The site states when a stream began as the time of its page, up to some seconds after the first segment, and some
# encoders send nothing for the first seconds.
_START_TOLERANCE_SECONDS = 60


class RecordingCutter:
    """Joins all segments of a recording without encoding them."""

    def __init__(self, cutters: CutterFactory) -> None:
        self._cutters = cutters

    def cut(self, task: LiveTask, state: CaptureState, captured: Captured) -> LiveReport:
        """Produce the file of everything that was captured of the task's window.

        Raises:
            ClipRangeInvalid: no frame was captured.
            ClipIncomplete, EncodeFailed, DiskFull, and what the task's monitor raises.
        """
        params, window = task.params, task.window
        with self._cutters.start(offline=True) as cutter:
            order = CutOrder(
                source=captured,
                ranges=(TimeRange(window.start, window.end),),
                outputs=(task.work_dir / "recording.mp4",),
                work_dir=task.work_dir,
                network=cutter.network,
                ffmpeg=cutter.program,
            )
            result = cutter.copies(order, task.monitor)
        cut = LiveCut.of(result)
        begins_at = to_seconds(params.event_at)
        gaps = [Window(max(gap.start, begins_at), gap.end) for gap in _gaps(task, captured)]
        notes = (*_notes(gaps), *resolution_note(params, state), *result.report.notes)
        start, end = stream_times(cut.span, state.released_at)
        requested = {
            "resolution": params.resolution_preference,
            "format": params.format_preference,
            "from": clock_text(begins_at),
        }
        actual = actual_fields(result.path, result.accepted.media, cut, state, captured, None, notes)
        outcome = outcome_fields(notes, [_gap(gap, begins_at) for gap in gaps])
        fields = {"requested": requested, "actual": actual, "source": state.source, **outcome}
        return LiveReport(result.path, fields, {**state.facts, "start_time": start, "end_time": end})


def _gaps(task: LiveTask, captured: Captured) -> list[Window]:
    """Return what the stream had and the recording lacks, by the wall clock."""
    begins_at, gaps = to_seconds(task.params.event_at), []
    by_track = [
        [record for record in captured.records[track.name] if record.span.overlaps(task.window)]
        for track in captured.tracks
    ]
    last = max((records[-1] for records in by_track if records), key=lambda record: record.span.end)
    for records in by_track:
        if not records:
            gaps.append(Window(begins_at, last.span.end))
            continue
        if _ends_before(records[-1], last):
            gaps.append(Window(records[-1].span.end, last.span.end))
        late = records[0].start - begins_at
        if late > _REPORTED_SECONDS and (records[0].number > 0 or late > _START_TOLERANCE_SECONDS):
            gaps.append(Window(begins_at, records[0].start))
        gaps += _between(records)
    return [gap for gap in joined(gaps) if gap.end - gap.start > _REPORTED_SECONDS]


def _between(records: Sequence[Record]) -> list[Window]:
    """Return the times of segments that are missing between others.

    Where the stream was interrupted, nothing is missing: its numbers go on, or a new broadcast starts with the first.
    """
    return [
        Window(one.span.end, other.start)
        for one, other in pairwise(records)
        if other.start > one.span.end and _lacks_some(one, other)
    ]


def _ends_before(one: Record, last: Record) -> bool:
    """Return whether a track that ends with ``one`` lacks its end. ``last``: the last segment of all tracks."""
    if last.own_clock:  # all tracks share their numbers
        return (one.epoch, one.number) < (last.epoch, last.number)
    return last.span.end - one.span.end > MOST_BETWEEN_CLOCKS + last.duration


def _lacks_some(one: Record, other: Record) -> bool:
    """Return whether the stream had segments between these two."""
    return other.number != one.number + 1 if one.epoch == other.epoch else other.number > 0


def _gap(gap: Window, begins_at: Fraction) -> Gap:
    start, end = float(gap.start - begins_at), float(gap.end - begins_at)
    return Gap(start, end, clock_text(gap.start), clock_text(gap.end))


def _notes(gaps: Sequence[Window]) -> list[Note]:
    if not gaps:
        return []
    missing = float(sum((gap.end - gap.start for gap in gaps), Fraction(0)))
    text = f"The stream did not offer {missing:.1f} s any more, from {clock_text(gaps[0].start)} on"
    return [Note(NoteCode.SEGMENTS_MISSING, text)]
