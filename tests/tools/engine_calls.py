"""Calls the clip engine in the process of the test, where its steps can be watched and stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.models.media_source import ClipSource, NetworkSettings, TimeRange
from src.models.progress import Monitor, SilentMonitor
from src.models.source import Extraction
from src.services.cutting.cutter import ClipCutter, CutResult, Engine
from src.services.cutting.engine.engine import METHODS, clip, clips, parts, whole
from src.services.cutting.engine.model import Call, ClipReport, CutOrder
from src.services.cutting.sources import ChosenFormats
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.youtube.selection import Selection
from tests.tools.media_kit import TESTED_FFMPEG

Refresh = Callable[[], ClipSource]


@dataclass
class InProcessEngine:
    """An engine for a ``ClipCutter``. ``orders`` are those that it was given."""

    orders: list[tuple[Call, CutOrder]] = field(default_factory=list)

    def run(self, call: Call, order: CutOrder, monitor: Monitor, refresh: Refresh | None = None) -> list[ClipReport]:
        """The reports of one call."""
        self.orders.append((call, order))
        return METHODS[call](order, monitor, refresh)


def cut_clip(
    video: Extraction,
    selection: Selection,
    wanted: TimeRange,
    folder: Path,
    network: NetworkSettings,
    *,
    youtube: Any = None,
    engine: Engine | None = None,
    monitor: Monitor | None = None,
) -> CutResult:
    """A clip by all the methods of a job."""
    cutter = ClipCutter(FFmpeg(TESTED_FFMPEG), engine or InProcessEngine(), network)
    chosen = ChosenFormats.of(youtube, video, selection)
    outputs = (folder / f"cut.{selection.cut_container}",)
    order = CutOrder(chosen.source(), (wanted,), outputs, folder, network, ffmpeg=cutter.program)
    return cutter.clip(order, chosen, monitor or SilentMonitor())


def make_clip(
    source: ClipSource,
    wanted: TimeRange,
    output: Path,
    *,
    monitor: Monitor,
    refresh: Refresh | None = None,
    **order: Any,
) -> ClipReport:
    """One clip. ``order`` has the other fields of the order."""
    (report,) = clip(CutOrder(source, (wanted,), (output,), **order), monitor, refresh)
    return report


def make_clips(
    source: ClipSource,
    ranges: Sequence[TimeRange],
    outputs: Sequence[Path],
    *,
    monitor: Monitor,
    **order: Any,
) -> list[ClipReport]:
    """A clip for each range."""
    return clips(CutOrder(source, tuple(ranges), tuple(outputs), **order), monitor)


def make_parts(
    source: ClipSource, wanted: TimeRange, folder: Path, suffix: str, *, monitor: Monitor, **order: Any
) -> list[tuple[Path, ClipReport]]:
    """The parts of a range between discontinuities."""
    asked = CutOrder(source, (wanted,), (folder / f"cut{suffix}",), **order)
    return [(asked.part(number), report) for number, report in enumerate(parts(asked, monitor))]


def fetch_whole(source: ClipSource, output: Path, *, monitor: Monitor, **order: Any) -> ClipReport:
    """The whole video."""
    (report,) = whole(CutOrder(source, (TimeRange(0, 1),), (output,), **order), monitor)  # type: ignore[arg-type]
    return report
