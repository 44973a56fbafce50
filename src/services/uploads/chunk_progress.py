"""How far an encode in chunks is: what is finished, what this worker has, and what the others told last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from src.errors import StoreUnavailable
from src.models.chunk import ChunkRecord
from src.models.progress import Monitor, Phase, Progress
from src.services.encoding.chunks import PICTURE_PERCENT

_LOOK_SECONDS = 2.0


class OneChunk:
    """The monitor of one chunk: counts its frames. ``keeper`` keeps its lease."""

    def __init__(self, frames: int, tell: Callable[[int], None] | None = None) -> None:
        """``tell`` hears the number of frames, and may raise why to stop."""
        self.frames = 0
        self.keeper: Monitor | None = None
        self._all, self._tell = frames, tell

    def report(self, progress: Progress) -> None:
        """Take a reading whose percentage is that of the chunk."""
        self.frames = round(self._all * progress.encode_percent / 100)
        self.check()

    def check(self) -> None:
        """Raise why the work should stop, if it should."""
        if self._tell is not None:
            self._tell(self.frames)
        if self.keeper is not None:
            self.keeper.check()


class ChunkProgress:
    """Adds the chunks of one encode up for the monitor of its job."""

    def __init__(
        self, monitor: Monitor, read: Callable[[], Sequence[ChunkRecord]], duration_seconds: float | None
    ) -> None:
        self._monitor, self._read, self._duration = monitor, read, duration_seconds
        self._records: Sequence[ChunkRecord] = ()
        self._looked = self._began = time.monotonic()
        self._began_with: float | None = None
        self._percent = 0.0

    def look(self) -> Sequence[ChunkRecord]:
        """The records as they are now.

        Raises:
            StoreUnavailable: the database is away.
        """
        self._records, self._looked = self._read(), time.monotonic()
        self._report({})
        return self._records

    def of(self, chunk: ChunkRecord) -> OneChunk:
        """The monitor of a chunk that this worker has taken."""

        def tell(frames: int) -> None:
            if time.monotonic() - self._looked > _LOOK_SECONDS:
                # Without the database the work goes on, and what the others do stays as it was told last.
                with suppress(StoreUnavailable):
                    self._records = self._read()
                self._looked = time.monotonic()
            self._report({chunk.id: frames})

        return OneChunk(chunk.frames, tell)

    def _report(self, own: dict[str, int]) -> None:
        everything = sum(record.frames for record in self._records)
        if not everything:
            self._monitor.check()
            return
        done = sum(
            record.frames if record.path else own.get(record.id, record.frames_done if record.lease else 0)
            for record in self._records
        )
        if self._began_with is None:
            self._began_with = done  # of an earlier attempt
        elapsed = max(time.monotonic() - self._began, 0.001)
        rate = (done - self._began_with) / elapsed  # frames a second, of all hands together
        self._percent = max(self._percent, PICTURE_PERCENT * done / everything)
        seconds = (self._duration or 0.0) / everything
        self._monitor.report(
            Progress(
                phase=Phase.ENCODING,
                encode_percent=self._percent,
                speed=f"{rate * seconds:.2f}x" if rate > 0 and seconds else None,
                fps=rate if rate > 0 else None,
                eta_seconds=(everything - done) / rate if rate > 0 else None,
            )
        )
