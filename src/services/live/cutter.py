"""From what was captured of a moment to the finished, checked clip, and what is told about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.models.captured import Captured
from src.models.media import MediaInfo
from src.models.media_source import NetworkSettings
from src.models.outcome import Note, NoteCode, outcome_fields
from src.models.params import LiveClipParams
from src.models.progress import Monitor
from src.models.time_window import Window
from src.services.cutting.acceptance import Expectation, accept
from src.services.cutting.sandbox import EngineSandbox
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.report import actual_fields, clamped_notes, clock_text, gaps_of, stream_times
from src.services.live.run_cutter import LiveCut, cut_captured
from src.services.live.state import CaptureState
from src.services.media.probe import probe


@dataclass(frozen=True, slots=True)
class LiveReport:
    """A finished live clip. ``fields`` is for the job's report, ``facts`` for its record: JSON values."""

    path: Path
    fields: dict[str, Any]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveTask:
    """One clip. ``retained_dir`` outlives the attempt. ``last_chance``: use what is available, do not wait."""

    params: LiveClipParams
    work_dir: Path
    retained_dir: Path
    monitor: Monitor
    last_chance: bool = False

    @property
    def window(self) -> Window:
        """The wanted stretch of wall clock."""
        return Window.around(self.params.event_at, self.params.clip_offset, self.params.clip_duration)


class LiveCutter:
    """Cuts, verifies, and encodes where that was asked for."""

    def __init__(
        self, encoder: EncodingService, ffmpeg: FFmpeg, sandbox: EngineSandbox, network: NetworkSettings
    ) -> None:
        self._encoder, self._ffmpeg, self._sandbox, self._network = encoder, ffmpeg, sandbox, network

    def cut(self, task: LiveTask, state: CaptureState, captured: Captured) -> LiveReport:
        """The clip of what there is of the window.

        Raises:
            ClipRangeInvalid: no frame of the window is there.
            ClipIncomplete, EncodeFailed, DiskFull, and what the task's monitor raises.
        """
        params, window = task.params, task.window
        suffix = ".webm" if params.format_preference == "webm" else ".mp4"
        cut = cut_captured(
            captured,
            window,
            task.work_dir / f"clip{suffix}",
            work_dir=task.work_dir,
            network=self._network,
            ffmpeg=self._ffmpeg,
            sandbox=self._sandbox,
            mode=params.clip_mode,
            monitor=task.monitor,
        )
        path, media, encoded, told = self._encode(task, cut, captured)
        notes = (*clamped_notes(window, cut, captured), *_resolution_note(params, state), *cut.notes, *told)
        start, end = stream_times(cut.span, state.released_at)
        requested = {
            "resolution": params.resolution_preference,
            "format": params.format_preference,
            "compatibility": params.compatibility,
            "from": clock_text(window.start),
            "to": clock_text(window.end),
        }
        actual = actual_fields(path, media, cut, state, encoded, notes)
        outcome = outcome_fields(notes, gaps_of(window, cut, captured))
        fields = {"requested": requested, "actual": actual, "source": state.source, **outcome}
        return LiveReport(path, fields, {**state.facts, "start_time": start, "end_time": end})

    def _encode(
        self, task: LiveTask, cut: LiveCut, captured: Captured
    ) -> tuple[Path, MediaInfo, str | None, tuple[Note, ...]]:
        """(the finished file, its facts, how it was encoded after the cut, what is to be told about that)."""
        seconds = float(sum(part.end - part.start for part in cut.parts))
        missed = cut.sound is None and len(cut.parts) == 1 and any(track.has_audio for track in captured.tracks)
        promise = Expectation(
            seconds=seconds,
            frames=cut.frames,
            sound=(0.0, seconds) if missed else cut.sound,
            to_the_end=True,
        )
        media = accept(cut.path, promise, task.monitor).media
        video = media.main_video
        if task.params.compatibility != "h265" or cut.path.suffix != ".mp4" or (video and video.codec == "hevc"):
            return cut.path, media, None, ()
        target = task.work_dir / "encoded.mp4"
        report = self._encoder.encode_lossless_h265(cut.path, target, monitor=task.monitor)
        return target, probe(target), "lossless-h265", report.notes


def _resolution_note(params: LiveClipParams, state: CaptureState) -> tuple[Note, ...]:
    wanted = params.resolution_preference
    if wanted in ("best", state.resolution):
        return ()
    text = f"The stream was captured in {state.resolution}; {wanted} was requested"
    return (Note(NoteCode.RESOLUTION_LOWERED, text),)
