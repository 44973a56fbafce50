"""Clips behind each other: every frame once, on one even axis, the sound in step, nothing encoded that need not be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.progress import SilentMonitor
from src.services.cutting.clip_joining import join_clips
from src.services.ffmpeg_utils_service import FFmpeg
from tests.engines.clip.sources import KINDS, make
from tests.tools.media_kit import decode_errors, frame_numbers
from tests.tools.media_kit.facts import media_facts, packets
from tests.tools.media_kit.film import TESTED_FFMPEG
from tests.tools.media_kit.read import audio_marks
from tests.tools.media_kit.sound import SECONDS_MODULUS

pytestmark = pytest.mark.slow

BY_NAME = {kind.name: kind for kind in KINDS}
RANGES = [("0.7", "3.5"), ("9.3", "11.1"), ("5.08", "5.12"), ("2.2", "4.9")]


@pytest.mark.parametrize("name", ["h264-sidx", "hls-fmp4-29.97", "hevc-sidx", "vp9-webm", "av1-sidx", "h264-open-gop"])
def test_clips_are_joined_without_a_seam(name: str, tmp_path: Path) -> None:
    kind = BY_NAME[name]
    made = make(kind, RANGES, tmp_path)
    parts = [frame_numbers(each.path) for each in made]
    output = tmp_path / f"batch{made[0].path.suffix}"
    join_clips([each.path for each in made], output, FFmpeg(TESTED_FFMPEG), SilentMonitor())

    frames = frame_numbers(output)
    assert [frame.number for frame in frames] == [frame.number for part in parts for frame in part]
    length = 1 / kind.film.fps
    for place, frame in enumerate(frames):
        assert abs(frame.pts - place * length) <= Fraction(1, 500), (place, frame)
    assert decode_errors(output) == ""
    assert sum(packet.key for packet in packets(output)) >= len(RANGES), "copied, not encoded as one"
    assert sorted(path.name for path in tmp_path.iterdir() if "silent" in path.name) == []


def test_sound_is_where_its_pictures_are(tmp_path: Path) -> None:
    kind = BY_NAME["h264-sidx"]
    made = make(kind, RANGES, tmp_path)
    output = tmp_path / "batch.mp4"
    join_clips([each.path for each in made], output, FFmpeg(TESTED_FFMPEG), SilentMonitor())
    frames = frame_numbers(output)
    marks = audio_marks(output)
    assert len(marks) >= 4
    for at, second in marks:
        number = int(second % SECONDS_MODULUS * kind.film.fps)
        shown = [float(frame.pts) for frame in frames if frame.number == number]
        assert min(abs(at - seconds) for seconds in shown) < 0.03, (at, second, shown)


def test_clips_without_sound_are_joined(tmp_path: Path) -> None:
    kind = BY_NAME["h264-sidx"]
    silent = replace(kind, film=replace(kind.film, audio=None))
    made = make(silent, RANGES[:2], tmp_path)
    output = tmp_path / "batch.mp4"
    join_clips([each.path for each in made], output, FFmpeg(TESTED_FFMPEG), SilentMonitor())
    assert len(frame_numbers(output)) == sum(len(frame_numbers(each.path)) for each in made)
    assert not media_facts(output).audio
