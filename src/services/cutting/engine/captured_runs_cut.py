"""Cuts each run of captured segments exactly. Runs inside the sandbox: it reads what a site sent."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from src.errors import ClipRangeInvalid
from src.models.captured import Captured
from src.models.media_source import ClipSource, Mode, NetworkSettings, TimeRange
from src.models.progress import Monitor
from src.models.time_window import Window
from src.services.cutting.engine.captured_files import LocalPieces
from src.services.cutting.engine.captured_runs import Run, find_runs, sound_segments
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.model import ClipReport
from src.services.cutting.engine.session import Session


def cut_runs(
    captured: Captured,
    window: Window,
    suffix: str,
    work_dir: Path,
    network: NetworkSettings,
    ffmpeg: Path,
    mode: Mode,
    monitor: Monitor,
) -> list[ClipReport]:
    """The clips of all runs, as ``part<number><suffix>`` in ``work_dir``; what they are of is told in wall clock. This
    belongs into the sandbox: it looks into what was captured."""
    picture = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    reports: list[ClipReport] = []
    for run in find_runs(captured.records[picture.name], captured.folder / picture.name, window):
        path = part_path(work_dir, len(reports), suffix)
        report = _cut_run(captured, run, window, path, work_dir, network, ffmpeg, mode, monitor)
        if report is not None:
            base = run.span.start
            actual = TimeRange(base + report.actual.start, base + report.actual.end)
            reports.append(replace(report, actual=actual))
    return reports


def part_path(folder: Path, number: int, suffix: str) -> Path:
    """Where the clip of a run is written."""
    return folder / f"part{number}{suffix}"


def _cut_run(
    captured: Captured,
    run: Run,
    window: Window,
    path: Path,
    work_dir: Path,
    network: NetworkSettings,
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
