"""Drives one capture by number for one clip, in the thread of its job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

from src.models.captured import Captured
from src.models.media_source import NetworkSettings
from src.models.progress import Monitor, Phase, Progress
from src.models.time_window import Window, missing
from src.services.live.capture import PADDING_SECONDS, PATIENCE_SECONDS, StreamSilent, TailToCome
from src.services.live.numbered.capture import NumberedCapture, Renew, StreamGone
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.server import SegmentServer
from src.utils.clock import Clock, to_seconds

_CHECK_SECONDS = 0.3
_LONGEST_AWAY_SECONDS = 30.0  # a stream that ends meanwhile still has what is missing then
_SILENT_TARGETS, _SILENT_SECONDS = 6, 30


class NumberedRun:
    """One window of one stream, in a folder that later attempts continue with. The counterpart of ``Capture``."""

    def __init__(
        self,
        links: Links,
        folder: Path,
        window: Window,
        *,
        network: NetworkSettings,
        clock: Clock,
        monitor: Monitor,
        renew: Renew,
        life: LinkLife,
        padding_seconds: float = PADDING_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """The arguments are those of ``Capture`` and of ``NumberedCapture``."""
        padding = Fraction(padding_seconds)
        self._links, self._folder, self._need = links, folder, window.padded(padding, padding)
        self._network, self._clock, self._monitor, self._patience = network, clock, monitor, patience_seconds
        self._renew, self._life = renew, life

    def captured(self) -> Captured:
        """Return what earlier attempts captured."""
        with SegmentServer(self._network) as server:
            return self._capture(server, None).captured()

    def run(self) -> Captured:
        """Fetch until the window is complete, as far as it is available.

        Raises:
            TailToCome, StreamSilent: see ``Capture``.
            NumbersUnavailable: its segments cannot be read by number.
            MediaForbidden: fresh links are refused too.
            AppError: the network, the disk, or what ``monitor`` raises.
        """
        with SegmentServer(self._network) as server, ThreadPoolExecutor(self._network.connections) as pool:
            capture = self._capture(server, pool)
            capture.want(self._need)
            while True:
                self._monitor.check()
                try:
                    step = capture.step()
                except StreamGone:
                    raise StreamSilent("it has no links any more") from None
                self._report(capture)
                if step.done:
                    return capture.captured()
                if step.seconds > 0:
                    self._wait(capture, step.seconds)

    def _capture(self, server: SegmentServer, pool: ThreadPoolExecutor | None) -> NumberedCapture:
        return NumberedCapture(
            self._links, self._folder, server, clock=self._clock, renew=self._renew, life=self._life, pool=pool
        )

    def _wait(self, capture: NumberedCapture, seconds: float) -> None:
        now = to_seconds(self._clock.now())
        silent = now - capture.advanced_at
        if silent > max(_SILENT_TARGETS * capture.target, Fraction(_SILENT_SECONDS)):
            raise StreamSilent(f"no new segment for {float(silent):.0f} s")
        left = float(self._need.end + 2 * capture.target - now)
        if left > self._patience:
            raise TailToCome(min(left, _LONGEST_AWAY_SECONDS))
        while seconds > 0:
            self._monitor.check()
            self._clock.sleep(min(seconds, _CHECK_SECONDS))
            seconds -= _CHECK_SECONDS

    def _report(self, capture: NumberedCapture) -> None:
        whole = self._need.end - self._need.start
        holes = missing(self._need, capture.covered_by_all())
        share = 1 - float(sum((hole.end - hole.start for hole in holes), Fraction(0)) / whole)
        left = max(float(self._need.end - to_seconds(self._clock.now())), 0.0)
        self._monitor.report(
            Progress(Phase.DOWNLOADING, download_percent=100 * max(share, 0.0), eta_seconds=left or None)
        )
