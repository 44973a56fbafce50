"""From captured segments to one clip: each run is cut exactly; several runs are joined by encoding them anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from src.errors import ClipRangeInvalid
from src.models.captured import Captured
from src.models.media_source import Mode, NetworkSettings
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.models.time_window import Window
from src.services.cutting.engine.captured_runs_cut import cut_runs, part_path
from src.services.cutting.engine.model import ClipReport, Method
from src.services.cutting.film_joining import join_films
from src.services.cutting.sandbox import EngineSandbox
from src.services.ffmpeg_utils_service import FFmpeg

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveCut:
    """A clip. ``parts`` are the stretches of wall clock that it shows, one for each run; ``sound`` is from when to
    when it has sound for certain, in seconds of the clip."""

    path: Path
    parts: tuple[Window, ...]
    frames: int
    method: Method
    notes: tuple[Note, ...]
    sound: tuple[float, float] | None

    @property
    def span(self) -> Window:
        """From the first frame to the end of the last one."""
        return Window(self.parts[0].start, self.parts[-1].end)


@dataclass(frozen=True, slots=True)
class _Part:
    """The clip of one run."""

    path: Path
    span: Window
    report: ClipReport


def cut_captured(
    captured: Captured,
    window: Window,
    output: Path,
    *,
    work_dir: Path,
    network: NetworkSettings,
    ffmpeg: FFmpeg,
    sandbox: EngineSandbox,
    mode: Mode,
    monitor: Monitor,
) -> LiveCut:
    """Write exactly the frames of the window that were captured, by the wall clock. The suffix of ``output`` is the
    container.

    Raises:
        ClipRangeInvalid: no frame of the window is there.
        ClipIncomplete: the clip did not stand the verification. AppError: disk, or whatever ``monitor`` raises.
    """
    arguments = {
        "captured": captured,
        "window": window,
        "suffix": output.suffix,
        "work_dir": work_dir,
        "network": network,
        "ffmpeg": ffmpeg.program,
        "mode": mode,
    }
    with sandbox.engine() as engine:
        reports = engine.run(cut_runs, arguments, [work_dir], None, monitor, reads=[captured.folder])
    parts = [
        _Part(part_path(work_dir, number, output.suffix), Window(report.actual.start, report.actual.end), report)
        for number, report in enumerate(reports)
    ]
    if not parts:
        raise ClipRangeInvalid("No picture of this moment was captured.")
    frames = sum(part.report.encoded_frames + part.report.copied_frames for part in parts)
    notes = [note for part in parts for note in part.report.notes]
    method: Method = parts[0].report.method
    sound: tuple[float, float] | None = None
    if len(parts) == 1:
        if (heard := parts[0].report.sound) is not None:
            sound = float(heard.start), float(heard.end)
        parts[0].path.replace(output)
    else:
        log.info("%d runs are joined", len(parts))
        text = f"The stream was interrupted or changed its format: {len(parts)} parts were joined and encoded"
        notes.append(Note(NoteCode.PARTS_JOINED, text))
        method = "reencode"
        notes += join_films([part.path for part in parts], output, frames, ffmpeg, monitor)
    return LiveCut(output, tuple(part.span for part in parts), frames, method, tuple(dict.fromkeys(notes)), sound)
