"""Direct links: MP4 as it is, other containers with their packets copied into one, and the rest refused."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import CodecNotRemuxable, StreamUnreadable
from src.models.outcome import NoteCode
from src.services.media.probe import probe
from tests.engines.clip.origin import Faults, Origin
from tests.engines.stream.taking import take
from tests.tools.media_kit import FFMPEG, Film, audio_marks, cached_film, decode_errors, frame_numbers
from tests.tools.media_kit.hls import HTML

pytestmark = pytest.mark.slow

FILM = Film(size=(192, 108), seconds=Fraction(4), gop_frames=25, bframes=2)
FITTING = {
    "webm": replace(FILM, codec="vp9", audio="opus"),
    "mkv": replace(FILM, codec="hevc", audio="flac"),
    "mov": FILM,
    "ts": FILM,
    "flv": FILM,
    "mp3": replace(FILM, codec=None, audio="mp3"),
    "ogg": replace(FILM, codec=None, audio="opus"),
}


@pytest.mark.parametrize(("suffix", "no_range"), [*((suffix, False) for suffix in FITTING), ("webm", True)])
def test_what_fits_is_copied_into_an_mp4(suffix: str, no_range: bool, tmp_path: Path) -> None:
    film = FITTING[suffix]
    with Origin({"film": cached_film(film, f".{suffix}")}, faults=Faults(no_range=no_range)) as origin:
        report = take(origin, "film", tmp_path, kind="mp4")
    assert report.path.read_bytes()[4:12] in (b"ftypisom", b"ftypiso4", b"ftypiso5", b"ftypiso6")
    assert "mp4" in probe(report.path, need="any").container and decode_errors(report.path) == ""
    if film.codec is not None:
        assert [frame.number for frame in frame_numbers(report.path)] == list(range(100))
    assert [mark.second for mark in audio_marks(report.path)][-3:] == [1, 2, 3]
    assert [note.code for note in report.notes] == [NoteCode.REMUXED]
    assert b"hev1" not in report.path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("webm", ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"]),
        ("webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libvorbis"]),
        ("mov", ["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
        ("avi", ["-c:v", "mjpeg", "-c:a", "pcm_s16le"]),
    ],
    ids=["vp8", "vorbis", "prores", "mjpeg"],
)
def test_what_does_not_fit_is_refused(suffix: str, options: list[str], tmp_path: Path) -> None:
    path = tmp_path / f"film.{suffix}"
    source = cached_film(replace(FILM, seconds=Fraction(1)), ".mp4")
    subprocess.run([FFMPEG, "-v", "error", "-i", str(source), *options, str(path)], check=True)
    with Origin({"film": path}) as origin, pytest.raises(CodecNotRemuxable):
        take(origin, "film", tmp_path, kind="mp4")
    assert not (tmp_path / "work" / "stream.mp4").exists()


@pytest.mark.parametrize("content", [HTML, b"#EXTM3U\n#EXT-X-ENDLIST\n", bytes(100_000)], ids=["html", "list", "zeros"])
def test_what_is_no_media_is_refused(content: bytes, tmp_path: Path) -> None:
    with Origin({"film": content}) as origin, pytest.raises(StreamUnreadable):
        take(origin, "film", tmp_path, kind="mp4")
