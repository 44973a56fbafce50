"""Converts the readings of a running FFmpeg to the progress of a job."""

from __future__ import annotations

from collections.abc import Callable

from src.models.progress import Monitor, Phase, Progress
from src.services.ffmpeg_utils_service import FFmpegProgress


def encode_reporter(monitor: Monitor, *, begin: float = 0.0, end: float = 100.0) -> Callable[[FFmpegProgress], None]:
    """Return a callback for ``FFmpeg.run`` whose process is ``begin`` to ``end`` percent of the encode."""

    def report(reading: FFmpegProgress) -> None:
        monitor.report(
            Progress(
                phase=Phase.ENCODING,
                encode_percent=begin + (reading.percent or 0.0) * (end - begin) / 100,
                speed=None if reading.speed is None else f"{reading.speed:.2f}x",
                eta_seconds=reading.eta_seconds,
                fps=reading.fps,
            )
        )

    return report
