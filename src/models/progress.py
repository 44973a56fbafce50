"""Defines the progress of a job, and the monitor through which an engine reports it and learns that it should stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """The current step of a job. The first three are documented, and callers see only those."""

    INITIALIZING = "initializing"
    DOWNLOADING = "downloading"
    ENCODING = "encoding"
    VERIFYING = "verifying"

    @property
    def documented(self) -> Phase:
        """The documented phase: verifying is shown as the last part of encoding."""
        return Phase.ENCODING if self is Phase.VERIFYING else self


@dataclass(frozen=True, slots=True)
class Progress:
    """A progress report. Percentages are 0-100; ``speed`` is a factor of real time ("2.3x") or a rate ("4.1MB/s").

    ``written`` grows with work that no percentage shows; only the watchdog uses it.
    """

    phase: Phase = Phase.INITIALIZING
    download_percent: float = 0.0
    encode_percent: float = 0.0
    speed: str | None = None
    eta_seconds: float | None = None
    fps: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    segments_done: int | None = None
    segments_total: int | None = None
    written: float = 0.0
    recorded_seconds: float | None = None
    recorded_bytes: int | None = None
    """How much of a running stream is recorded so far, by all attempts."""
    waiting_for: str | None = None
    """What the work waits for now, as in ``VideoJob.waiting_for``."""


class Monitor(Protocol):
    """What an engine needs from the caller that runs it. Both calls are cheap and may come from any thread."""

    def report(self, progress: Progress) -> None:
        """Report progress, then ``check``. Call it as often as convenient: the implementation limits the rate."""

    def check(self) -> None:
        """Raise ``Cancelled`` (or another ``AppError``) when the work should stop; call it at least twice a second."""


class SilentMonitor:
    """A monitor for unattended work."""

    def report(self, progress: Progress) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Never stop the work."""
