"""Combines the progress of an encode in chunks: finished chunks, the current chunk, and the last reports of helpers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from src.errors import StoreUnavailable
from src.models.chunk import ChunkRecord
from src.models.progress import Monitor, Phase, Progress
from src.services.encoding.chunks import VIDEO_PERCENT

_READ_SECONDS = 2.0


class OneChunk:
    """The monitor of one chunk: counts its frames. ``renewer`` renews its lease."""

    def __init__(self, frames: int, report_frames: Callable[[int], None] | None = None) -> None:
        """Start at 0 frames. ``report_frames`` receives the number of encoded frames, and raises to stop the work."""
        self.frames = 0
        self.renewer: Monitor | None = None
        self._all, self._report_frames = frames, report_frames

    def report(self, progress: Progress) -> None:
        """Report a reading whose percentage is that of the chunk."""
        self.frames = round(self._all * progress.encode_percent / 100)
        self.check()

    def check(self) -> None:
        """Raise the reason if the work should stop."""
        if self._report_frames is not None:
            self._report_frames(self.frames)
        if self.renewer is not None:
            self.renewer.check()


def _frames_done(record: ChunkRecord, own: dict[str, int]) -> int:
    if record.path:
        return record.frames
    return own.get(record.id, record.frames_done if record.lease else 0)


class ChunkProgress:
    """Sums the chunks of one encode for the monitor of its job."""

    def __init__(
        self, monitor: Monitor, read: Callable[[], Sequence[ChunkRecord]], duration_seconds: float | None
    ) -> None:
        self._monitor, self._read, self._duration = monitor, read, duration_seconds
        self._records: Sequence[ChunkRecord] = ()
        self._read_at = self._started = time.monotonic()
        self._frames_at_start: float | None = None
        self._percent = 0.0

    def read_records(self) -> Sequence[ChunkRecord]:
        """Read and report the current records.

        Raises:
            StoreUnavailable: the database is unavailable.
        """
        self._records, self._read_at = self._read(), time.monotonic()
        self._report({})
        return self._records

    def of(self, chunk: ChunkRecord) -> OneChunk:
        """Create the monitor of a chunk that this worker has claimed."""

        def report_frames(frames: int) -> None:
            if time.monotonic() - self._read_at > _READ_SECONDS:
                # Without the database the work continues with the last known progress of the helpers.
                with suppress(StoreUnavailable):
                    self._records = self._read()
                self._read_at = time.monotonic()
            self._report({chunk.id: frames})

        return OneChunk(chunk.frames, report_frames)

    def _report(self, own: dict[str, int]) -> None:
        total = sum(record.frames for record in self._records)
        if not total:
            self._monitor.check()
            return
        done = sum(_frames_done(record, own) for record in self._records)
        if self._frames_at_start is None:
            self._frames_at_start = done  # by an earlier attempt
        elapsed = max(time.monotonic() - self._started, 0.001)
        rate = (done - self._frames_at_start) / elapsed  # frames per second of all workers together
        self._percent = max(self._percent, VIDEO_PERCENT * done / total)
        reading = Progress(phase=Phase.ENCODING, encode_percent=self._percent)
        if rate > 0:
            reading = replace(reading, fps=rate, eta_seconds=(total - done) / rate)
            if self._duration:
                reading = replace(reading, speed=f"{rate * self._duration / total:.2f}x")
        self._monitor.report(reading)
