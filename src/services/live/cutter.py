"""Turns what was captured of a moment into a verified clip and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.models.captured import Captured
from src.models.media import MediaInfo
from src.models.media_source import TimeRange
from src.models.outcome import Note, NoteCode, outcome_fields
from src.models.params import LiveClipParams
from src.models.progress import Monitor
from src.models.time_window import Window
from src.services.cutting.cutter import CutResult, CutterFactory
from src.services.cutting.engine.model import CutOrder
from src.services.encoding_service import EncodingService
from src.services.live.report import LiveCut, actual_fields, clamped_notes, gaps_of, stream_times
from src.services.live.state import CaptureState
from src.services.media.probe import probe
from src.utils.clock import clock_text


@dataclass(frozen=True, slots=True)
class LiveReport:
    """A finished live clip. ``fields`` is for the job's report, ``facts`` for its record: JSON values."""

    path: Path
    fields: dict[str, Any]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveTask:
    """One clip. ``retained_dir`` outlives the attempt. ``last_chance``: use what is available, do not wait.

    ``in_lane``: the process does nothing else than to wait and to read, so the end of the window is awaited in it.
    ``whole``: this is the recording of a whole stream.
    """

    params: LiveClipParams
    work_dir: Path
    retained_dir: Path
    monitor: Monitor
    last_chance: bool = False
    in_lane: bool = False
    whole: bool = False

    @property
    def window(self) -> Window:
        """The wanted range of wall clock time."""
        return Window.around(self.params.event_at, self.params.clip_offset, self.params.clip_duration)


class LiveCutter:
    """Has the clip cut, and encodes it where that is requested."""

    def __init__(self, encoder: EncodingService, cutters: CutterFactory) -> None:
        self._encoder, self._cutters = encoder, cutters

    def cut(self, task: LiveTask, state: CaptureState, captured: Captured) -> LiveReport:
        """The clip of what was captured of the window.

        Raises:
            ClipRangeInvalid: no frame of the window was captured.
            ClipIncomplete, EncodeFailed, DiskFull, and what the task's monitor raises.
        """
        params, window = task.params, task.window
        suffix = ".webm" if params.format_preference == "webm" else ".mp4"
        with self._cutters.start(offline=True) as cutter:
            order = CutOrder(
                source=captured,
                ranges=(TimeRange(window.start, window.end),),
                outputs=(task.work_dir / f"clip{suffix}",),
                work_dir=task.work_dir,
                network=cutter.network,
                mode=params.clip_mode,
                ffmpeg=cutter.program,
            )
            result = cutter.runs(order, task.monitor)
        cut = LiveCut.of(result)
        path, media, encoded, encode_notes = self._encode(task, result)
        notes = (*clamped_notes(window, cut, captured), *resolution_note(params, state))
        notes = (*notes, *result.report.notes, *encode_notes)
        start, end = stream_times(cut.span, state.released_at)
        requested = {
            "resolution": params.resolution_preference,
            "format": params.format_preference,
            "compatibility": params.compatibility,
            "from": clock_text(window.start),
            "to": clock_text(window.end),
        }
        actual = actual_fields(path, media, cut, state, captured, encoded, notes)
        outcome = outcome_fields(notes, gaps_of(window, cut, captured))
        fields = {"requested": requested, "actual": actual, "source": state.source, **outcome}
        return LiveReport(path, fields, {**state.facts, "start_time": start, "end_time": end})

    def _encode(self, task: LiveTask, cut: CutResult) -> tuple[Path, MediaInfo, str | None, tuple[Note, ...]]:
        """(the finished file, its facts, how it was encoded after the cut, notes about that)."""
        media, codec = cut.accepted.media, cut.accepted.video.codec
        wanted = task.params.compatibility == "h265" and task.params.format_preference == "mp4"
        if not wanted or codec == "hevc":
            return cut.path, media, None, ()
        target = task.work_dir / "encoded.mp4"
        report = self._encoder.encode_lossless_h265(cut.path, target, monitor=task.monitor)
        return target, probe(target), "lossless-h265", report.notes


def resolution_note(params: LiveClipParams, state: CaptureState) -> tuple[Note, ...]:
    """Say that the captured resolution is not the requested one."""
    wanted = params.resolution_preference
    if wanted in ("best", state.resolution):
        return ()
    text = f"The stream was captured in {state.resolution}, not in {wanted}"
    return (Note(NoteCode.RESOLUTION_LOWERED, text),)
