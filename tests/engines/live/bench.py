"""Clips of a live origin in virtual time, and how far their frames are off."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from src.errors import MediaForbidden
from src.models.captured import Captured, LiveTrack
from src.models.media_source import NetworkSettings, TimeRange
from src.models.progress import Monitor, Progress, SilentMonitor
from src.models.time_window import Window
from src.services.cutting.cutter import ClipCutter, CutResult
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sandbox import EngineSandbox
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.capture import Capture, TailToCome
from src.services.live.recent_pieces import RecentPieces
from src.utils.ffmpeg_program import find_ffmpeg
from tests.tools.live_origin import Broadcast, LiveOrigin, Part, Stream, programme
from tests.tools.live_origin.packaging import FPS
from tests.tools.media_kit import av_offset, frame_numbers

BEGAN = datetime(2026, 1, 18, 10, 0, 0, 480_000, tzinfo=UTC)
"""When the broadcasts of the tests start."""
LENGTH = 600  # seconds


class WorkerDied(Exception):
    """What ends an attempt in a test."""


@dataclass
class DiesAfter:
    """A monitor that ends the work after so many looks."""

    looks: int

    def report(self, progress: Progress) -> None:
        self.check()

    def check(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise WorkerDied()


@dataclass
class Bench:
    """One origin and a place to work."""

    origin: LiveOrigin
    folder: Path
    padding: float = 4
    patience: float = 15
    attempts: int = 0
    sound_late: float = 0
    recent: RecentPieces | None = None
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def tracks(self, name: str) -> list[LiveTrack]:
        """The playlists of a broadcast, as a site would tell them now."""
        names = self.origin.broadcasts[name].stream.parts[0].programme.tracks
        return [
            LiveTrack(each, self.origin.url(name, each), has_video=each != "sound", has_audio=each != "picture")
            for each in names
        ]

    def capture(self, name: str, window: Window, folder: Path, monitor: Monitor | None = None) -> Captured:
        """Capture to the end, coming back as often as that takes, with fresh links when the old ones are refused."""
        while True:
            self.attempts += 1
            capture = Capture(
                self.tracks(name),
                folder,
                window,
                network=NetworkSettings(),
                clock=self.origin.clock,
                monitor=monitor or SilentMonitor(),
                padding_seconds=self.padding,
                patience_seconds=self.patience,
                recent=self.recent,
            )
            try:
                return capture.run()
            except TailToCome as wait:
                self.origin.clock.sleep(wait.seconds)
            except MediaForbidden:
                self.origin.broadcasts[name].renew()

    def clip(
        self, name: str, window: Window, *, dies_after: int | None = None, hear: bool = False
    ) -> tuple[CutResult, list[int]]:
        """(the clip, numbers of its frames). With ``dies_after`` a first worker ends after so many looks; with ``hear``
        it is measured how late the sound is."""
        folder = self.folder / f"kept{next(self._numbers)}"
        if dies_after is not None:
            try:
                self.capture(name, window, folder, DiesAfter(dies_after))
            except WorkerDied:
                self.origin.clock.sleep(7)
        captured = self.capture(name, window, folder)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        try:
            program, wanted = find_ffmpeg(""), TimeRange(window.start, window.end)
            order = CutOrder(captured, (wanted,), (work / "clip.mp4",), work, NetworkSettings(), ffmpeg=program)
            with EngineSandbox(program, EgressProxy(Policy())).engine() as engine:
                cut = ClipCutter(FFmpeg(program), engine, order.network).runs(order, SilentMonitor())
            if hear:
                self.sound_late = av_offset(cut.path, Fraction(FPS))
            return cut, [frame.number for frame in frame_numbers(cut.path)]
        finally:
            shutil.rmtree(work)
            shutil.rmtree(folder)


def window_at(start: Fraction, seconds: Fraction) -> Window:
    """A window of this length."""
    return Window(start, start + seconds)


def began() -> Fraction:
    return Fraction(int(BEGAN.timestamp() * 1000), 1000)


def on_air(
    origin: LiveOrigin, *parts: Part, ended_at: Fraction | None = None, clock_every: int = 1, **how: object
) -> Broadcast:
    stream = Stream(list(parts), clock_every=clock_every, ended_at=ended_at)
    origin.broadcasts["s"] = broadcast = Broadcast(stream, **how)  # type: ignore[arg-type]
    return broadcast


def plain(seconds: int = LENGTH, **how: object) -> Part:
    return Part(programme(seconds), began(), **how)  # type: ignore[arg-type]
