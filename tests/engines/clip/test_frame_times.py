"""A frame's time, rounded as clients and our own status report it, means exactly that frame."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.download import decimal_seconds, exact_range
from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.progress import SilentMonitor
from src.utils.timecode import parse_time
from tests.engines.clip.origin import Origin
from tests.tools.engine_calls import make_clips
from tests.tools.media_kit import FFMPEG, Film, cached_film, frame_numbers

FINE_TIME_BASE = 15_375_360  # ticks of a second: finer than the rounding of six digits, as some editors write it
RATES = {
    "24000/1001": Film(fps=Fraction(24000, 1001), seconds=Fraction(3003, 2000), size=(320, 180), gop_frames=12),
    "30000/1001": Film(fps=Fraction(30000, 1001), seconds=Fraction(1001, 750), size=(320, 180), gop_frames=15),
    "60": Film(fps=Fraction(60), seconds=Fraction(1), size=(320, 180), gop_frames=20),
    "vfr": Film(fps=Fraction(30000, 1001), seconds=Fraction(1001, 500), size=(320, 180), gop_frames=15, vfr=True),
}


def one_by_one(film: Path, times: Sequence[Fraction], digits: int, folder: Path) -> list[list[int]]:
    """The frame numbers of the clips of each frame, requested by decimals with so many digits."""
    ends = [*times[1:], 2 * times[-1] - times[-2]]
    told = [
        TimeRange(*(parse_time(f"{float(time):.{digits}f}") for time in pair)) for pair in zip(times, ends, strict=True)
    ]
    outputs = [folder / f"{number}.mp4" for number in range(len(told))]
    with Origin({"film.mp4": film}) as origin:
        make_clips(
            ClipSource((Track(origin.url("film.mp4")),)),
            told,
            outputs,
            work_dir=folder,
            network=NetworkSettings(),
            monitor=SilentMonitor(),
        )
    return [[frame.number for frame in frame_numbers(output)] for output in outputs]


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_every_frame_can_be_requested_by_its_rounded_time(rate: str, tmp_path: Path) -> None:
    made = cached_film(RATES[rate])
    film = tmp_path / "fine.mp4"
    command = [FFMPEG, "-v", "error", "-i", str(made), "-c", "copy", "-video_track_timescale", str(FINE_TIME_BASE)]
    subprocess.run([*command, str(film)], check=True)
    frames = frame_numbers(film)
    times = [frame.pts for frame in frames]
    assert one_by_one(film, times, 6, tmp_path) == [[frame.number] for frame in frames]


def test_decimals_and_integers_tell_the_same_range() -> None:
    start, end = Fraction(106 * 1001, 30000), Fraction(112 * 1001, 30000)
    exact = exact_range(start, end)
    assert [exact["start"] * Fraction(exact["time_base"]), exact["end"] * Fraction(exact["time_base"])] == [start, end]
    assert (decimal_seconds(start), decimal_seconds(end)) == (3.536866667, 3.737066667)
