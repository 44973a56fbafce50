"""Takes streams as a job does, and measures whether what was made is in time."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from src.models.media_source import NetworkSettings
from src.models.progress import Monitor, SilentMonitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.streams.recorder import StreamReport, StreamSource, record
from src.utils.clock import Clock
from tests.engines.clip.origin import Origin
from tests.engines.stream.clock import StandingClock
from tests.tools.media_kit import TESTED_FFMPEG, audio_marks, frame_numbers

MOST_APART = 0.06  # seconds: a packet of audio and a frame


def take(
    origin: Origin,
    name: str,
    folder: Path,
    *,
    clock: Clock | None = None,
    monitor: Monitor | None = None,
    retries: int = 3,
    **options: object,
) -> StreamReport:
    """The recording of a stream; pauses between retries cost no time."""
    (folder / "work").mkdir(parents=True, exist_ok=True)
    return record(
        StreamSource(origin.url(name), **options),  # type: ignore[arg-type]
        folder / "work" / "stream.mp4",
        retained_dir=folder / "kept",
        network=NetworkSettings(connections=4, retries=retries),
        ffmpeg=FFmpeg(TESTED_FFMPEG),
        monitor=monitor or SilentMonitor(),
        clock=clock or StandingClock(),
    )


def in_time(path: Path, *, missing: Collection[int] = (), partial: bool = False) -> None:
    """Every mark sounds with the frame to which it belongs (25 frames a second), and of all segments of two seconds
    that are not ``missing`` all are heard: unless the recording is ``partial``, which is then checked elsewhere."""
    at = {frame.number: float(frame.pts) for frame in frame_numbers(path)}
    marks = audio_marks(path)
    assert marks
    for mark in marks:
        frame = mark.second * 25
        if frame in at:
            assert abs(mark.at - at[frame]) < MOST_APART, (mark, at[frame])
    if not partial:
        heard = {mark.second for mark in marks}
        promised = {second for second in range(8) if second // 2 not in missing}
        # The mark of the second behind a gap may lie in the last packet before it.
        assert heard <= promised and len(promised - heard) <= len(missing), heard
