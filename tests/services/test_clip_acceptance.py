"""What a finished clip must be, and the faulty ones that must never be handed out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import Cancelled, ClipIncomplete
from src.models.progress import Progress, SilentMonitor
from src.services.cutting.acceptance import Expectation, accept
from tests.tools.media_kit import Film, cached_film

pytestmark = pytest.mark.slow

FILM = Film(size=(320, 180), seconds=Fraction(4), bframes=2)
WHOLE = Expectation(seconds=4.0, frames=100, sound=(0.0, 4.0))


@pytest.mark.parametrize(
    ("film", "suffix"),
    [
        (FILM, ".mp4"),
        (replace(FILM, codec="vp9", audio="opus"), ".webm"),
        (replace(FILM, codec="av1", bframes=0), ".mp4"),
        (replace(FILM, fps=Fraction(30000, 1001)), ".mp4"),
    ],
)
def test_a_whole_clip_passes(film: Film, suffix: str) -> None:
    path = cached_film(film, suffix)
    seconds = float(film.frame_count / film.fps)
    found = accept(path, replace(WHOLE, seconds=seconds, frames=film.frame_count), SilentMonitor())
    assert found.frames == film.frame_count
    assert (found.video.width, found.video.height) == (320, 180)
    assert len(found.media.audio) == 1


@pytest.mark.parametrize(
    ("promise", "why"),
    [
        (replace(WHOLE, frames=101), "100 frames instead of 101"),
        (replace(WHOLE, frames=None, seconds=5.0), "4.00 s long instead of 5.00 s"),
        (replace(WHOLE, frames=None, seconds=3.8), "4.00 s long instead of 3.80 s"),
    ],
)
def test_a_clip_of_another_length_does_not_pass(promise: Expectation, why: str) -> None:
    with pytest.raises(ClipIncomplete, match=why):
        accept(cached_film(FILM, ".mp4"), promise, SilentMonitor())


def test_a_clip_without_its_sound_does_not_pass() -> None:
    silent = cached_film(replace(FILM, audio=None), ".mp4")
    accept(silent, replace(WHOLE, sound=None), SilentMonitor())
    with pytest.raises(ClipIncomplete, match="lost its audio"):
        accept(silent, WHOLE, SilentMonitor())


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_part_of_a_file_does_not_pass(tmp_path: Path, part: float) -> None:
    data = cached_film(replace(FILM, faststart=True), ".mp4").read_bytes()
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ClipIncomplete):
        accept(broken, WHOLE, SilentMonitor())


def test_damaged_pictures_do_not_pass(tmp_path: Path) -> None:
    data = bytearray(cached_film(replace(FILM, faststart=True), ".mp4").read_bytes())
    media = data.index(b"mdat") + 8
    data[media + 200 : media + 6000] = b"\x55" * 5800
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(data)
    with pytest.raises(ClipIncomplete):
        accept(broken, WHOLE, SilentMonitor())


def test_checking_can_be_cancelled() -> None:
    class Stopped:
        def report(self, progress: Progress) -> None:
            """Nobody listens."""

        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        accept(cached_film(FILM, ".mp4"), WHOLE, Stopped())
