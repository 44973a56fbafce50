"""Memory stays bounded however long or large the source is. Each case runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.engines.clip.origin import Origin
from tests.tools.media_kit import Film, cached_film, packets
from tests.tools.media_kit.pattern import read_number

pytestmark = pytest.mark.slow
MOST_GROWTH_MB = 150

LONG = Film(
    size=(160, 90),
    fps=Fraction(5),
    seconds=Fraction(3660),
    gop_frames=50,
    bframes=2,
    fragmented="dash",
    crf=30,
    audio_rate=8000,
    audio_channels=1,
    extra=("-aac_coder", "fast", "-cutoff", "1000"),  # an hour of better sound takes a minute to make
)
FAT = Film(
    size=(320, 180),
    seconds=Fraction(60),
    extra=(
        *("-b:v", "24M", "-maxrate", "24M", "-minrate", "24M", "-bufsize", "24M"),
        *("-x264-params", "nal-hrd=cbr:filler=1:keyint=50:scenecut=0"),
    ),
)
"""Padded to about 180 MB."""

PROGRAM = """
import json, resource, sys
from fractions import Fraction
from pathlib import Path
from src.models.progress import SilentMonitor
from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from tests.tools.engine_calls import fetch_whole, make_clip
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
url, output, start, end = sys.argv[1:]
source = ClipSource((Track(url),))
common = dict(work_dir=Path(output).parent, network=NetworkSettings(), monitor=SilentMonitor())
before = peak()
if end == "whole":
    report = fetch_whole(source, Path(output), **common)
else:
    report = make_clip(source, TimeRange(Fraction(start), Fraction(end)), Path(output), **common)
print(json.dumps({"growth": peak() - before, "method": report.method, "bytes": report.bytes_fetched}))
"""


def run(film: Film, output: Path, start: str, end: str) -> dict[str, float | str]:
    with Origin({"film": cached_film(film)}) as origin:
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, origin.url("film"), str(output), start, end]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told: dict[str, float | str] = json.loads(done.stdout)
        return told


def test_a_clip_of_one_hour(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    told = run(LONG, output, "12.35", "3612.35")
    assert told["method"] == "smart"
    assert len(packets(output)) == 18_000
    with av.open(str(output)) as container:
        assert read_number(next(container.decode(video=0))) == 62
    assert float(told["growth"]) < MOST_GROWTH_MB, told


def test_a_whole_large_video(tmp_path: Path) -> None:
    output = tmp_path / "video.mp4"
    told = run(FAT, output, "0", "whole")
    assert int(told["bytes"]) > 150_000_000
    assert len(packets(output)) == 1500
    assert float(told["growth"]) < MOST_GROWTH_MB, told
