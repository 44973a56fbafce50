"""Completes the readings of an attempt: what an engine told once, or leaves to arithmetic, is not lost."""

from __future__ import annotations

from dataclasses import replace

from src.models.progress import Phase, Progress

_FETCH_SHARE = 0.8  # of the whole, where something is fetched; the rest is for what follows


class Readings:
    """The numbers of one attempt, which began at ``began`` (monotonic, in seconds)."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._fps: float | None = None

    def complete(self, progress: Progress, now: float) -> Progress:
        """The same reading with ``fps`` and ``eta_seconds`` as soon as either can be known.

        A rate stays until a newer one is told. The time left is the engine's own word, otherwise what the share that is
        done took so far says about the rest. Streams tell segments, whose number may still grow: they have no end to
        estimate.
        """
        if progress.phase is Phase.INITIALIZING:
            return progress
        self._fps = progress.fps or self._fps
        left = progress.eta_seconds
        if left is None and progress.segments_total is None:
            left = self._left(progress, now)
        return replace(progress, fps=self._fps, eta_seconds=left)

    def _left(self, progress: Progress, now: float) -> float | None:
        fetched, made = progress.download_percent / 100, progress.encode_percent / 100
        done = _FETCH_SHARE * fetched + (1 - _FETCH_SHARE) * made if fetched else made
        if progress.phase is Phase.VERIFYING or done >= 1:
            return 0.0
        return max(now - self._began, 0.0) * (1 - done) / done if done > 0 else None
