"""Uploads whose streams lie in any order: whichever is first, the main video and the sound are what is encoded."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.outcome import NoteCode
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import examine, index_frames, poster
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG, Film, audio_marks, cached_film, first_last, frame_numbers
from tests.tools.media_kit.boxes import tracks_in_order

pytestmark = pytest.mark.slow
FILM = Film(size=(320, 180), seconds=Fraction(2), bframes=2, gop_frames=20)
FRAMES = list(range(50))
KLV = b"\x06\x0e\x2b\x34\x02\x0b\x01\x01" + bytes(120)
TEXT = "1\n00:00:00,200 --> 00:00:01,500\nHello\n"
INPUTS = {"v": "0:v", "s": "0:a", "x": "1", "c": "2", "d": "3"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The inputs: a film, subtitles, a cover image, data."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "text.srt").write_text(TEXT)
    (folder / "klv.bin").write_bytes(KLV)
    image = ["-f", "lavfi", "-i", "color=red:s=64x36:d=0.04:r=25", "-frames:v", "1"]
    subprocess.run([FFMPEG, "-v", "error", *image, str(folder / "cover.jpg")], check=True)
    film = cached_film(FILM)
    named = (film, folder / "text.srt", folder / "cover.jpg")
    return (*(word for path in named for word in ("-i", str(path))), "-f", "data", "-i", str(folder / "klv.bin"))


def make(path: Path, parts: tuple[str, ...], order: str, *more: str, change: Callable[[bytes], bytes] = bytes) -> Path:
    """A file whose streams have this order: video, sound, subtitles (x), cover image, data."""
    maps = [word for letter in order for word in ("-map", INPUTS[letter])]
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *parts, *maps, "-c", "copy", *more, str(path)], check=True)
    path.write_bytes(change(path.read_bytes()))
    return path


def orders(streams: str) -> list[str]:
    """Orders in which each stream is first, last, and next to each other one."""
    turned = [streams[place:] + streams[:place] for place in range(len(streams))]
    return [*turned, *(order[::-1] for order in turned)]


def check_facts(path: Path) -> None:
    media, timeline = examine(path, check=True)
    assert media.main_video is not None and timeline.video is not None
    assert (media.main_video.width, media.main_video.height) == (320, 180)
    assert (timeline.video.units, timeline.errors, len(timeline.audio)) == (50, 0, 1)
    assert timeline.video.index == media.main_video.index
    assert timeline.audio[0].index == media.audio[0].index
    assert timeline.audio[0].units > 90


@pytest.mark.parametrize("order", orders("vsxc"))
def test_facts_of_matroska(order: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    check_facts(make(tmp_path / "film.mkv", parts, order, "-disposition:v:0", "0"))


@pytest.mark.parametrize("order", orders("vsd"))
def test_facts_of_a_transport_stream(order: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    check_facts(make(tmp_path / "film.mpg", parts, order, "-f", "mpegts"))


@pytest.mark.parametrize("order", orders("vstxc"))
def test_facts_of_mp4(order: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    check_facts(mp4(tmp_path / "film.mp4", parts, order))


def mp4(path: Path, parts: tuple[str, ...], order: str) -> Path:
    options = ("-c:s", "mov_text", "-disposition:v:1", "attached_pic", "-timecode", "01:00:00:00")
    return make(path, parts, "vsxc", *options, change=lambda data: tracks_in_order(data, order))


def klv(path: Path, parts: tuple[str, ...]) -> Path:
    return make(path, parts, "dvs", "-f", "mpegts")


def dvd(path: Path, parts: tuple[str, ...]) -> Path:
    return make(path, parts, "vs", "-f", "dvd", "-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2")


def thumbnail_track(path: Path, parts: tuple[str, ...]) -> Path:
    """A camera's thumbnail: a track of one JPEG that nothing calls a cover, before the video."""
    return make(path, parts, "cvs", "-disposition:v:0", "0", "-disposition:v:1", "default")


CASES: dict[str, tuple[str, Callable[[Path, tuple[str, ...]], Path], frozenset[NoteCode]]] = {
    "subtitles first": (".mkv", lambda path, parts: make(path, parts, "xvs"), frozenset()),
    "audio before video": (".mkv", lambda path, parts: make(path, parts, "sv"), frozenset()),
    "data first": (".mpg", klv, frozenset({NoteCode.STREAMS_DROPPED})),
    "cover first": (".mp4", lambda path, parts: mp4(path, parts, "cvs"), frozenset({NoteCode.STREAMS_DROPPED})),
    "time code first": (".mov", lambda path, parts: mp4(path, parts, "tsv"), frozenset({NoteCode.STREAMS_DROPPED})),
    "mov_text first": (".mp4", lambda path, parts: mp4(path, parts, "xtsv"), frozenset({NoteCode.STREAMS_DROPPED})),
    "navigation of a DVD": (".mpg", dvd, frozenset({NoteCode.STREAMS_DROPPED})),
    "thumbnail track": (".mp4", thumbnail_track, frozenset()),
}  # fmt: skip


@pytest.mark.matrix(3)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_becomes_the_main_video(case: str, quality: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    suffix, maker, told = CASES[case]
    source, output = maker(tmp_path / f"film{suffix}", parts), tmp_path / "out.mp4"
    report = EncodingService(FFmpeg(TESTED_FFMPEG)).encode_video_to_mp4(source, output, "h264", quality)  # type: ignore[arg-type]
    assert [frame.number for frame in frame_numbers(output)] == FRAMES
    assert [mark.second for mark in audio_marks(output)] == [0, 1]
    codes = {note.code for note in report.notes}
    assert told <= codes and NoteCode.SOURCE_DAMAGED not in codes


@pytest.mark.parametrize("order", ["cvs", "tcvs", "vsc"])
def test_the_index_and_the_poster_are_of_the_main_video(order: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    path = mp4(tmp_path / "film.mp4", parts, order)
    assert len(index_frames(path).ticks) == 50
    (tmp_path / "poster.jpg").write_bytes(poster(path))
    assert first_last(tmp_path / "poster.jpg")[0] == 0, "the first frame"
