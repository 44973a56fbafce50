"""From captured segments to one clip: each run is cut exactly; several runs are joined by encoding them anew."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from src.errors import ClipRangeInvalid
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.services.clip.engine import Session
from src.services.clip.index import Index
from src.services.clip.segment_index import SegmentIndex
from src.services.clip.source import ClipReport, ClipSource, Method, Mode, Network, TimeRange
from src.services.clip_cage import ClipCage
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.film_joining import join_films
from src.services.live.capture import Captured
from src.services.live.pieces import LocalPieces
from src.services.live.runs import Run, find_runs, sound_segments
from src.services.live.window import Window

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
    network: Network,
    ffmpeg: FFmpeg,
    cage: ClipCage,
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
    with cage.engine() as engine:
        reports = engine.run(cut_runs, arguments, [work_dir], None, monitor, reads=[captured.folder])
    parts = [
        _Part(_part(work_dir, number, output.suffix), Window(report.actual.start, report.actual.end), report)
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


def cut_runs(
    captured: Captured,
    window: Window,
    suffix: str,
    work_dir: Path,
    network: Network,
    ffmpeg: Path,
    mode: Mode,
    monitor: Monitor,
) -> list[ClipReport]:
    """The clips of all runs, as ``part<number><suffix>`` in ``work_dir``; what they are of is told in wall clock. This
    belongs into the cage: it looks into what was captured."""
    picture = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    reports: list[ClipReport] = []
    for run in find_runs(captured.records[picture.name], captured.folder / picture.name, window):
        path = _part(work_dir, len(reports), suffix)
        report = _cut_run(captured, run, window, path, work_dir, network, ffmpeg, mode, monitor)
        if report is not None:
            base = run.span.start
            actual = TimeRange(base + report.actual.start, base + report.actual.end)
            reports.append(replace(report, actual=actual))
    return reports


def _part(folder: Path, number: int, suffix: str) -> Path:
    return folder / f"part{number}{suffix}"


def _cut_run(
    captured: Captured,
    run: Run,
    window: Window,
    path: Path,
    work_dir: Path,
    network: Network,
    ffmpeg: Path,
    mode: Mode,
    monitor: Monitor,
) -> ClipReport | None:
    """The clip of a run's share of the window; None when not a single frame falls into it."""
    base = run.span.start
    share = window.common(run.span)
    wanted = TimeRange(max(share.start - base, Fraction(0)), share.end - base)
    if wanted.start >= wanted.end:
        return None
    picture = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    sound = next((track for track in captured.tracks if track.has_audio and track is not picture), None)
    with Session(ClipSource(()), work_dir, network, monitor, None, ffmpeg) as session:
        pieces = LocalPieces(session.fetcher)
        index = SegmentIndex(session.fetcher, run.segments(captured.folder / picture.name, base), pieces.open)
        video: Index | None = index if picture.has_video else None
        audio: Index | None = index if picture.has_audio else None
        if sound is not None:
            heard = sound_segments(captured.records[sound.name], captured.folder / sound.name, run, base)
            if heard:
                other = SegmentIndex(session.fetcher, heard, pieces.open)
                other.follow(index)
                audio = other
        try:
            return session.clip(video, audio, wanted, path, mode)
        except ClipRangeInvalid:
            return None
