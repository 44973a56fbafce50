"""The child process that reads media starts light, and says the same as before."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from src.models.media import FrameIndex, LightLevel, MediaInfo, StreamTimeline, Timeline, VideoStream
from src.services.media import probe_child as media_reader

ROOT = Path(__file__).parents[3]


def test_it_loads_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, src.services.media.probe_child; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"pydantic", "pydantic_core", "numpy", "PIL", "ffmpeg", "yt_dlp", "flask", "asyncio", "http"}
    assert not heavy & set(done.stdout.split())
    assert "av" in done.stdout.split()


def test_facts_survive_the_way_to_the_parent() -> None:
    from pydantic import TypeAdapter

    video = VideoStream(0, "h264", 64, 48, "yuv420p", Fraction(30000, 1001), Fraction(1, 90000), start_seconds=0.1)
    lit = VideoStream(1, "hevc", 2, 2, "yuv420p10le", None, Fraction(1, 7), light_level=LightLevel(1000, 400))
    info = MediaInfo("mov", 1.5, 100, None, video=(video, lit), tags={"title": 'ü "\n\x1b'})
    axis = StreamTimeline(0, "video", 3, 0.0, 0.1, 0.2, 0.05, 0.04, silences=((0.5, 2.0),))
    for answer in (info, Timeline((axis,), errors=2), FrameIndex(Fraction(1, 3), (0, 1, 2), (0,))):
        assert TypeAdapter(type(answer)).validate_json(media_reader.as_json(answer)) == answer
