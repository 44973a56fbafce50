"""Waits in the thread of a job until the capture of its stream has the segments of one clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from src.errors import CapturesFull
from src.models.captured import Captured
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window
from src.services.live.capture import PADDING_SECONDS, PATIENCE_SECONDS, TailToCome
from src.services.live.numbered.links import Links
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.shared.stream_capture import StreamCapture, Wanted
from src.utils.clock import Clock, to_seconds

_CHECK_SECONDS = 0.5
_FULL_SECONDS = 60
_LONGEST_AWAY_SECONDS = 30.0  # a stream that ends meanwhile still has what is missing then


@dataclass(frozen=True, slots=True)
class ClipWish:
    """One window of one stream, in a folder that later attempts continue with.

    ``padding_seconds`` are captured on both sides of the window, so that its edges can be moved later; those after it
    are not waited for. ``patience_seconds`` is the longest wait inside ``run`` for the end of the window.
    """

    folder: Path
    window: Window
    padding_seconds: float = PADDING_SECONDS
    patience_seconds: float = PATIENCE_SECONDS

    @property
    def padded(self) -> Window:
        """The window with its padding."""
        padding = Fraction(self.padding_seconds)
        return self.window.padded(padding, padding)


class NumberedRun:
    """The part of a shared capture that one clip waits for. The counterpart of ``Capture``."""

    def __init__(self, capture: StreamCapture, links: Links, wish: ClipWish, *, clock: Clock, monitor: Monitor) -> None:
        """``links``: of the formats that ``capture`` has."""
        self._capture, self._wish, self._clock, self._monitor = capture, wish, clock, monitor
        self._segments = ClipSegments(wish.folder, links.tracks)

    def run(self) -> Captured:
        """Wait until the window is complete, as far as it is available; the padding follows later.

        Raises:
            TailToCome, StreamSilent: see ``Capture``.
            NumbersUnavailable: its segments cannot be read by number.
            MediaForbidden: fresh links are refused too.
            CapturesFull: the disk space for all captures is used up, and other clips still need it.
            AppError: the network, the disk, or what ``monitor`` raises.
        """
        padded = self._wish.padded
        # The same start as the padded window: it is searched for once. A segment whose first half contains the end of
        # the window is the last one that is needed; nothing needs the next one, which tells how long it is.
        needed = self._capture.want(Window(padded.start, self._wish.window.end - self._capture.target / 2))
        padding = self._capture.want(padded)
        stays = False
        try:
            captured = self._until(needed)
            if captured.holes(self._wish.window):  # later segments may show that some were only late
                captured = self._until(padding)
            padding.then(_late(padding, self._segments))
            stays = True
            return captured
        finally:
            needed.leave()
            if not stays:
                padding.leave()

    def _until(self, wanted: Wanted) -> Captured:
        seen = -1
        while True:
            self._monitor.check()
            news = self._capture.news
            try:
                complete = wanted.wait(_CHECK_SECONDS)
            finally:
                if news != seen:
                    wanted.copy_to(self._segments)
            if news != seen:
                self._report()
            seen = news
            if complete:
                wanted.copy_to(self._segments)
                return self._segments.captured(ended=self._capture.ended)
            self._require_room()
            self._require_patience()

    def _require_room(self) -> None:
        """Wait for disk space until some time after the end of the window.

        Raises:
            CapturesFull.
        """
        if self._capture.is_full and to_seconds(self._clock.now()) > self._wish.window.end + _FULL_SECONDS:
            raise CapturesFull()

    def _require_patience(self) -> None:
        left = float(self._wish.window.end + 2 * self._capture.target - to_seconds(self._clock.now()))
        if left > self._wish.patience_seconds and self._capture.is_idle:
            raise TailToCome(min(left, _LONGEST_AWAY_SECONDS))

    def _report(self) -> None:
        share = self._segments.covered_share(self._wish.padded)
        left = max(float(self._wish.window.end - to_seconds(self._clock.now())), 0.0)
        self._monitor.report(
            Progress(
                Phase.DOWNLOADING,
                download_percent=100 * max(share, 0.0),
                eta_seconds=left or None,
                bytes_done=self._segments.added_bytes,
            )
        )


def _late(padding: Wanted, segments: ClipSegments) -> Callable[[], None]:
    return lambda: padding.copy_to(segments)
