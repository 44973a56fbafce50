"""Cuts each run of captured segments exactly. Runs inside the sandbox: it reads what a site sent."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from src.errors import ClipRangeInvalid
from src.models.captured import Captured
from src.models.media_source import TimeRange
from src.models.progress import Monitor
from src.models.time_window import Window
from src.services.cutting.engine.captured_files import LocalPieces
from src.services.cutting.engine.captured_runs import Run, find_runs, sound_segments
from src.services.cutting.engine.indexes.layout import Index
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.cutting.engine.model import ClipReport, CutOrder
from src.services.cutting.engine.session import Session


def cut_runs(order: CutOrder, monitor: Monitor) -> list[ClipReport]:
    """Cut the share of each run in the range; ``actual`` of a report is wall clock time like the range."""
    captured = order.source
    assert isinstance(captured, Captured)
    window = Window(order.range.start, order.range.end)
    main = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    reports: list[ClipReport] = []
    for run in find_runs(captured.records[main.name], captured.folder / main.name, window):
        report = _cut_run(order, captured, run, window, order.part(len(reports)), monitor)
        if report is not None:
            shown = report.actual
            actual = TimeRange(run.moment(shown.start), run.moment(shown.end, ending=True))
            reports.append(replace(report, actual=actual, seconds=shown.end - shown.start))
    return reports


def _cut_run(
    order: CutOrder, captured: Captured, run: Run, window: Window, path: Path, monitor: Monitor
) -> ClipReport | None:
    """The clip of a run's share of the window; None when it contains no frame."""
    base = run.base
    share = window.common(run.span)
    wanted = TimeRange(max(run.position(share.start), Fraction(0)), run.position(share.end))
    if wanted.start >= wanted.end:
        return None
    main = next((track for track in captured.tracks if track.has_video), captured.tracks[0])
    separate = next((track for track in captured.tracks if track.has_audio and track is not main), None)
    with Session(order, monitor) as session:
        pieces = LocalPieces(session.fetcher)
        index = SegmentIndex(session.fetcher, run.segments(captured.folder / main.name, base), pieces.open)
        video: Index | None = index if main.has_video else None
        audio: Index | None = index if main.has_audio else None
        if separate is not None:
            segments = sound_segments(captured.records[separate.name], captured.folder / separate.name, run, base)
            if segments:
                other = SegmentIndex(session.fetcher, segments, pieces.open)
                other.follow(index)
                audio = other
        try:
            return session.clip(video, audio, wanted, path, order.mode)
        except ClipRangeInvalid:
            return None
