"""A source is damaged when it cannot be decoded, whatever an encoder says; a short file is never excused by it."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import EncodeFailed
from src.models.media import Timeline
from src.models.outcome import NoteCode
from src.models.progress import SilentMonitor
from src.services.encoding.damage import Judge
from src.services.encoding.planner import plan_encode
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import examine, inspect_output
from tests.engines.encode.recipes import scratch
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG, Film, cached_film

pytestmark = pytest.mark.slow
FILM = Film(size=(320, 180), seconds=Fraction(2), gop_frames=10)
COMPLAINTS = (
    "x265 [error]: Invalid argument",
    "x265 [warning]: set_mempolicy: Invalid argument",
    "[libsvtav1 @ 0x1] Svt[error]: failed to set thread priority",
    "corrupt decoded frame in stream 0",
)


def judged(source: Path, made: Timeline, log: tuple[str, ...]) -> set[NoteCode]:
    media, timeline = examine(source)
    plan = plan_encode(media, "h264", "medium", timeline=timeline)
    judge = Judge(FFmpeg(TESTED_FFMPEG), source, timeline, media.start_seconds or 0.0, SilentMonitor())
    return {note.code for note in judge.notes(plan, made, log)}


def encoded(source: Path, path: Path, *options: str) -> Timeline:
    command = [FFMPEG, "-v", "quiet", "-nostdin", "-y", "-i", str(source), "-c:v", "libx264", "-preset", "ultrafast"]
    subprocess.run([*command, *options, str(path)], check=True)
    return inspect_output(path)


@pytest.mark.parametrize("said", [(), COMPLAINTS], ids=["silent", "complaining"])
def test_a_sound_source_is_not_damaged(said: tuple[str, ...], tmp_path: Path) -> None:
    source = cached_film(FILM)
    assert judged(source, encoded(source, tmp_path / "made.mp4"), said) == set()


@pytest.mark.parametrize("said", [(), COMPLAINTS], ids=["silent", "complaining"])
@pytest.mark.parametrize(
    "options",
    [("-frames:v", "49"), ("-frames:v", "20"), ("-t", "1"), ("-filter:a", "atrim=end=1"), ("-an",)],
    ids=["one frame less", "few frames", "half", "half the sound", "no sound"],
)
def test_a_short_file_is_our_failure(options: tuple[str, ...], said: tuple[str, ...], tmp_path: Path) -> None:
    source = cached_film(FILM)
    made = encoded(source, tmp_path / "made.mp4", *options)
    with pytest.raises(EncodeFailed):
        judged(source, made, said)


def test_a_spoiled_source_is_damaged(tmp_path: Path) -> None:
    source = tmp_path / "film.mkv"
    source.write_bytes(scratch(cached_film(FILM, ".mkv").read_bytes()))
    made = encoded(source, tmp_path / "made.mp4")
    assert judged(source, made, COMPLAINTS) == {NoteCode.SOURCE_DAMAGED}
    assert made.video is not None
    short = encoded(source, tmp_path / "short.mp4", "-frames:v", "20")
    with pytest.raises(EncodeFailed):
        judged(source, short, COMPLAINTS)
