"""Bounds one attempt of a recording: its time, the recording's size, and the wish of its owner to end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from src.models.progress import Monitor, Phase, Progress
from src.models.video import WaitsFor


class AttemptOver(Exception):
    """The attempt has lasted long enough; the next one continues."""


class LargestSize(Exception):
    """The recording has reached its largest size."""


class EndRequested(Exception):
    """The owner has ended the recording."""


class RecordingMonitor:
    """Ends the capture of one attempt; the production of the file is not bounded. Counts what is in ``folder``."""

    def __init__(
        self,
        monitor: Monitor,
        folder: Path,
        *,
        seconds: float,
        most_bytes: float,
        end_requested_at: Callable[[], datetime | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seconds``: the longest capture of this attempt."""
        self._monitor, self._most_bytes, self._end_requested_at = monitor, most_bytes, end_requested_at
        self._monotonic, self._ends = monotonic, monotonic() + seconds
        self._before = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        self.capturing = True
        """Whether nothing but the capture has been reported so far."""

    def report(self, progress: Progress) -> None:
        """Report what is recorded so far.

        Raises:
            AttemptOver, LargestSize, EndRequested, and what the monitor of the job raises.
        """
        self.capturing = progress.phase in (Phase.INITIALIZING, Phase.DOWNLOADING)
        if progress.phase is Phase.INITIALIZING:
            self.check()  # the reading of the last attempt says more
            return
        if progress.phase is Phase.DOWNLOADING:
            added = progress.recorded_bytes or 0
            progress = replace(
                progress,
                download_percent=0.0,
                eta_seconds=None,
                bytes_done=added,
                recorded_bytes=self._before + added,
                waiting_for=WaitsFor.SEGMENTS.value,
            )
            if self._before + added >= self._most_bytes:
                raise LargestSize()
        self._monitor.report(progress)
        self.check()

    def check(self) -> None:
        """Raise as ``report``."""
        self._monitor.check()
        if not self.capturing:
            return
        if self._end_requested_at() is not None:
            raise EndRequested()
        if self._monotonic() > self._ends:
            raise AttemptOver()
