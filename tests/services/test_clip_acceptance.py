"""What a finished clip must be, and the faulty ones that must never be handed out."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import pytest

from src.errors import Cancelled, ClipIncomplete
from src.models.progress import Progress, SilentMonitor
from src.services.cutting.acceptance import Expectation, accept
from src.services.media.probe import examine
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


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("key", [True, False])
def test_a_frame_that_was_overwritten_does_not_pass(
    tmp_path: Path, codec: Literal["h264", "hevc"], *, key: bool
) -> None:
    """A decoder returns no frame of it, but no error either."""
    film = replace(FILM, codec=codec, faststart=True)
    broken = tmp_path / "clip.mp4"
    data = bytearray(cached_film(film, ".mp4").read_bytes())
    with av.open(str(cached_film(film, ".mp4"))) as media:
        frames = [(packet.pos, packet.size) for packet in media.demux(video=0) if packet.is_keyframe == key]
    place, size = [(place, size) for place, size in frames if place and size][1]
    data[place : place + size] = b"\xff" * size
    broken.write_bytes(data)
    with pytest.raises(ClipIncomplete, match="cannot be decoded"):
        accept(broken, WHOLE, SilentMonitor())


def test_checking_can_be_cancelled() -> None:
    class Stopped:
        def report(self, progress: Progress) -> None:
            """Nobody listens."""

        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        accept(cached_film(FILM, ".mp4"), WHOLE, Stopped())


def test_a_clip_is_written_to_the_disk_while_it_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check starts with the sync and does not wait for it: here it waits, to show that both run."""
    path, synced, sync = tmp_path / "clip.mp4", threading.Event(), os.fsync
    shutil.copyfile(cached_film(FILM, ".mp4"), path)

    def watched(file: int) -> None:
        if os.path.samestat(os.fstat(file), path.stat()):
            sync(file)
            synced.set()

    def after_the_sync(path: Path, **given: Any) -> Any:
        assert synced.wait(30)
        return examine(path, **given)

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr("src.services.cutting.acceptance.examine", after_the_sync)
    assert accept(path, WHOLE, SilentMonitor()).frames == 100


def test_a_pipe_or_a_link_in_the_place_of_a_clip_does_not_pass(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.mp4", tmp_path / "link.mp4"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "missing.mp4")
    for path in (pipe, link):
        with pytest.raises(ClipIncomplete):
            accept(path, WHOLE, SilentMonitor())
