"""Adds the frame rate and the estimated time left to the readings of an attempt."""

from __future__ import annotations

from dataclasses import replace

from src.models.progress import Phase, Progress

_FETCH_SHARE = 0.8  # of the whole work, if there is a download; the rest is for the steps after it


class Readings:
    """Completes the readings of one attempt, which started at ``started`` (monotonic, in seconds)."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._fps: float | None = None

    def complete(self, progress: Progress, now: float) -> Progress:
        """Return the reading with ``fps`` and ``eta_seconds`` if they are known.

        The last reported frame rate stays until a newer one arrives. The time left is the engine's estimate if it gives
        one, otherwise it is extrapolated from the time and share done so far. Streams report segments, whose number may
        still grow: they have no estimate.
        """
        if progress.phase is Phase.INITIALIZING:
            return progress
        self._fps = progress.fps or self._fps
        left = progress.eta_seconds
        if left is None and progress.segments_total is None:
            left = self._left(progress, now)
        return replace(progress, fps=self._fps, eta_seconds=left)

    def _left(self, progress: Progress, now: float) -> float | None:
        fetched, encoded = progress.download_percent / 100, progress.encode_percent / 100
        done = _FETCH_SHARE * fetched + (1 - _FETCH_SHARE) * encoded if fetched else encoded
        if progress.phase is Phase.VERIFYING or done >= 1:
            return 0.0
        return max(now - self._started, 0.0) * (1 - done) / done if done > 0 else None
