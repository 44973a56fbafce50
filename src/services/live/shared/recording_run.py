"""Waits in the thread of a job while a whole stream is captured, one stretch of time after the other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.models.captured import Captured
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window
from src.services.live.capture import TailToCome
from src.services.live.numbered.links import Links
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.shared.stream_capture import StreamCapture, Wanted
from src.utils.clock import Clock, to_seconds
from src.utils.whole_file import write_whole

# What is wanted at once: the work for each new segment depends on it, and not on the length of the stream.
_STRETCH_SECONDS = 60
_CHECK_SECONDS = 0.5
_LONGEST_AWAY_SECONDS = 30.0
_FILE = "complete_until"


@dataclass(frozen=True, slots=True)
class RecordingWish:
    """The window of a recording, in a folder that later attempts continue with. ``patience_seconds`` is the longest
    wait inside ``run`` for the end of the window."""

    folder: Path
    window: Window
    patience_seconds: float


class RecordingRun:
    """The part of a shared capture that a recording takes."""

    def __init__(
        self, capture: StreamCapture, links: Links, wish: RecordingWish, *, clock: Clock, monitor: Monitor
    ) -> None:
        """``links``: of the formats that ``capture`` has."""
        self._capture, self._wish, self._clock, self._monitor = capture, wish, clock, monitor
        self._segments = ClipSegments(wish.folder, links.tracks)

    def run(self) -> Captured:
        """Wait until the window or the stream is over, and store all of it.

        Raises:
            TailToCome, StreamSilent, NumbersUnavailable, MediaForbidden, AppError: as ``NumberedRun``.
        """
        window = self._wish.window
        start = self._complete_until()
        while start < window.end:
            stretch = Window(start, min(start + _STRETCH_SECONDS, window.end))
            wanted = self._capture.want(stretch)
            try:
                self._until(wanted)
            finally:
                wanted.leave()
            if self._capture.ended:
                # All numbers that exist have a time before the end of the stream: one range contains all that are left.
                if stretch.end < window.end:
                    self._last(Window(stretch.end, window.end))
                break
            start = stretch.end
            write_whole(self._wish.folder / _FILE, str(start).encode())
        return self._segments.captured(ended=self._capture.ended)

    def _last(self, window: Window) -> None:
        wanted = self._capture.want(window)
        try:
            self._until(wanted)
        finally:
            wanted.leave()

    def _until(self, wanted: Wanted) -> None:
        seen, complete = -1, False
        while not complete:
            self._monitor.check()
            news = self._capture.news
            try:
                complete = wanted.wait(_CHECK_SECONDS)
            finally:
                if complete or news != seen:
                    wanted.copy_to(self._segments)
            if complete or news != seen:
                self._report()
            seen = news
            if not complete:
                self._require_patience()

    def _require_patience(self) -> None:
        left = float(self._wish.window.end - to_seconds(self._clock.now()))
        if left > self._wish.patience_seconds and self._capture.is_idle:
            raise TailToCome(min(left, _LONGEST_AWAY_SECONDS))

    def _report(self) -> None:
        self._monitor.report(
            Progress(
                Phase.DOWNLOADING,
                recorded_seconds=float(self._segments.seconds),
                recorded_bytes=self._segments.added_bytes,
                bytes_done=self._segments.added_bytes,
            )
        )

    def _complete_until(self) -> Fraction:
        """Return from when on something may be missing that earlier attempts did not wait for."""
        try:
            return max(Fraction((self._wish.folder / _FILE).read_text("ascii")), self._wish.window.start)
        except (OSError, ValueError):
            return self._wish.window.start
