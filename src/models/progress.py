"""How far a job is, and the monitor through which an engine tells it and learns that it should stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """What a job is doing now. The first three are the documented words, the only ones that callers are told."""

    INITIALIZING = "initializing"
    DOWNLOADING = "downloading"
    ENCODING = "encoding"
    VERIFYING = "verifying"

    @property
    def documented(self) -> Phase:
        """The documented word for it: checking a file is the last part of making it."""
        return Phase.ENCODING if self is Phase.VERIFYING else self


@dataclass(frozen=True, slots=True)
class Progress:
    """One reading. Percentages are 0-100; ``speed`` is a factor of real time ("2.3x") or a rate ("4.1MB/s").

    ``written`` grows with work that no percentage tells; only the watchdog looks at it.
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


class Monitor(Protocol):
    """What an engine needs of whoever started it. Both calls are cheap and may come from any thread."""

    def report(self, progress: Progress) -> None:
        """Tell the progress, then ``check``. Call it as often as convenient: it is throttled behind."""

    def check(self) -> None:
        """Raise ``Cancelled`` (or another ``AppError``) when the work should stop; call it at least twice a second."""


class SilentMonitor:
    """A monitor for work that nobody watches."""

    def report(self, progress: Progress) -> None:
        """Forget it."""

    def check(self) -> None:
        """Never stops."""
