"""The media kit reads back what it wrote, for every codec and container, and notices what is wrong."""

from __future__ import annotations

import subprocess
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.tools.media_kit import (
    FFMPEG,
    Film,
    FilmNotMade,
    FrameUnreadable,
    SoundUnreadable,
    audio_gaps,
    audio_marks,
    av_offset,
    cached_film,
    decode_errors,
    first_last,
    frame_numbers,
    make_film,
    media_facts,
    packets,
    pattern,
    sound,
)

SHORT = Fraction(3)
FILMS = {
    "h264": (Film(codec="h264", seconds=SHORT), ".mp4"),
    "h264 dash, B-frames, open GOPs": (
        Film(codec="h264", seconds=SHORT, bframes=3, open_gop=True, fragmented="dash"),
        ".mp4",
    ),
    "h264 full range": (Film(codec="h264", seconds=SHORT, pixel_format="yuvj420p"), ".mp4"),
    "h264 10 bits, 4:4:4": (Film(codec="h264", seconds=SHORT, pixel_format="yuv444p10le"), ".mkv"),
    "h264 ts, 30000/1001": (Film(codec="h264", seconds=SHORT, fps=Fraction(30000, 1001)), ".ts"),
    "h264 144p, far into the film": (
        Film(codec="h264", seconds=SHORT, size=(256, 144), first_frame_number=101_013, start_seconds=Fraction(10)),
        ".mp4",
    ),
    "h264 with noise": (Film(codec="h264", seconds=SHORT, noise=30), ".mp4"),
    "hevc": (Film(codec="hevc", seconds=SHORT, bframes=2), ".mp4"),
    "vp9": (Film(codec="vp9", seconds=SHORT, audio="opus"), ".webm"),
    "vp9 with hidden frames, Cues behind": (
        Film(codec="vp9", seconds=SHORT, audio="opus", bframes=1, cues_first=False),
        ".webm",
    ),
    "av1": (Film(codec="av1", seconds=SHORT, audio="opus"), ".webm"),
    "av1 reordered": (Film(codec="av1", seconds=SHORT, bframes=2, fragmented="dash", audio_rate=44100), ".mp4"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("film", "suffix"), FILMS.values(), ids=FILMS)
def test_film_reads_back(film: Film, suffix: str) -> None:
    path = cached_film(film, suffix)

    frames = frame_numbers(path)
    start = frames[0].pts
    expected = [(film.first_frame_number + index, index / film.fps) for index in range(film.frame_count)]
    assert [number for _, number in frames] == [number for number, _ in expected]
    rounding = Fraction(1, 1000) if suffix in (".webm", ".mkv", ".ts") else Fraction(1, 15000)
    assert max(abs(pts - start - time) for (pts, _), (_, time) in zip(frames, expected, strict=True)) <= rounding
    if suffix != ".ts":  # MPEG-TS adds a start of its own
        assert start == film.start_seconds
    assert decode_errors(path) == ""
    keys = [index for index, packet in enumerate(packets(path)) if packet.key]
    assert keys == list(range(0, film.frame_count, film.gop_frames))
    assert abs(av_offset(path, film.fps)) < 0.003
    facts = media_facts(path)
    assert facts.video is not None and facts.audio is not None
    assert (facts.video.codec, facts.audio.codec) == (film.codec, film.audio)
    assert (facts.video.width, facts.video.height) == film.size


@pytest.mark.slow
def test_frames_missing_from_a_film_of_variable_rate_leave_the_others_in_place() -> None:
    film = Film(seconds=SHORT, vfr=True)
    frames = frame_numbers(cached_film(film))
    assert [frame.number for frame in frames][:6] == [0, 1, 2, 4, 5, 6]
    assert all(frame.pts == frame.number / film.fps for frame in frames)


@pytest.mark.slow
@pytest.mark.parametrize(("audio", "suffix"), [("aac", ".m4a"), ("opus", ".webm"), ("mp3", ".mp3"), ("flac", ".mkv")])
def test_marks_of_sound_alone(audio: str, suffix: str) -> None:
    film = Film(codec=None, audio=audio, seconds=SHORT, first_frame_number=50)  # type: ignore[arg-type]
    path = cached_film(film, suffix)
    marks = [mark for mark in audio_marks(path) if mark.at > 0.1]  # an encoder may blur the very first sample
    assert [second for _, second in marks] == [3, 4]
    facts = media_facts(path)
    assert facts.audio is not None
    start = float(facts.audio.start or 0)  # an MP3's encoder delay counts as time
    assert [at - start for at, _ in marks] == pytest.approx([1, 2], abs=0.003)


@pytest.mark.slow
def test_dash_has_one_index_in_front_and_one_fragment_for_each_group() -> None:
    data = cached_film(Film(seconds=SHORT, fragmented="dash", audio=None)).read_bytes()
    assert data.count(b"sidx") == 1
    assert data.index(b"sidx") < data.index(b"moof")
    assert data.count(b"moof") == 2


@pytest.mark.slow
def test_late_sound_is_measured(tmp_path: Path) -> None:
    source = cached_film(Film(seconds=SHORT))
    late = tmp_path / "late.mp4"
    _ffmpeg("-i", source, "-itsoffset", "0.120", "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    assert av_offset(late, Fraction(25)) == pytest.approx(0.120, abs=0.002)


@pytest.mark.slow
def test_sound_that_is_missing_or_jumps_is_noticed(tmp_path: Path) -> None:
    source = cached_film(Film(seconds=SHORT))
    holed, jumping = tmp_path / "holed.mp4", tmp_path / "jumping.mp4"
    _ffmpeg("-i", source, "-c:v", "copy", "-af", "volume=0:enable='between(t,1.4,1.6)'", holed)
    _ffmpeg("-i", source, "-c:v", "copy", "-af", "aselect='not(between(t,1.4,1.6))',asetpts=N/SR/TB", jumping)
    (gap,) = [gap for gap in audio_gaps(holed) if gap[1] < 2.9]
    assert gap == pytest.approx((1.4, 1.6), abs=0.03)
    with pytest.raises(SoundUnreadable):
        av_offset(jumping, Fraction(25))


@pytest.mark.slow
def test_scaled_and_encoded_twice_is_still_read(tmp_path: Path) -> None:
    small = tmp_path / "small.webm"
    _ffmpeg("-i", cached_film(Film(seconds=SHORT)), "-vf", "scale=256:144", "-crf", "50", "-cpu-used", "8", small)
    assert first_last(small) == (0, 74)


@pytest.mark.slow
def test_corruption_is_noticed(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mp4"
    data = bytearray(cached_film(Film(seconds=SHORT)).read_bytes())
    middle = data.index(b"mdat") + len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    damaged.write_bytes(data)
    assert decode_errors(damaged)
    with pytest.raises((FrameUnreadable, av.FFmpegError)):
        frame_numbers(damaged)


@pytest.mark.slow
def test_a_mix_of_two_frames_is_no_number(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.mp4"
    _ffmpeg("-i", cached_film(Film(seconds=SHORT)), "-vf", "tmix=frames=2", "-an", mixed)
    with pytest.raises(FrameUnreadable):
        frame_numbers(mixed)


@pytest.mark.slow
def test_cache_makes_a_film_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MEDIA_CACHE", str(tmp_path))
    film = Film(seconds=Fraction(1), audio=None)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(cached_film(film))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = found[0].stat().st_mtime_ns
    assert cached_film(film).stat().st_mtime_ns == written
    assert cached_film(Film(seconds=Fraction(1), audio=None, noise=1)) != found[0]
    assert len(set(found)) == 1
    assert len(list(tmp_path.glob("*.mp4"))) == 2


def test_a_recipe_that_ffmpeg_refuses_says_why(tmp_path: Path) -> None:
    with pytest.raises(FilmNotMade, match=r"\w"):
        make_film(tmp_path / "film.webm", Film(codec="h264", seconds=Fraction(1, 5)))


@pytest.mark.parametrize("number", [0, 1, 499, 1_000_000, 2**28 - 1])
def test_one_wrong_block_is_never_another_number(number: int) -> None:
    blocks = pattern.blocks(number)
    assert pattern.read_number(_picture(blocks)) == number
    for row in range(pattern.ROWS):
        for column in range(pattern.COLUMNS):
            wrong = blocks.copy()
            wrong[row, column] = pattern.DARK if wrong[row, column] == pattern.BRIGHT else pattern.BRIGHT
            with pytest.raises(FrameUnreadable):
                pattern.read_number(_picture(wrong))


def test_number_at_is_the_first_frame_not_before() -> None:
    film = Film(fps=Fraction(30000, 1001))
    assert film.number_at(Fraction(0)) == 0
    assert film.number_at(Fraction(1001, 30000)) == 1
    assert film.number_at(Fraction(1)) == 30
    assert film.number_at(Fraction(1001, 1000)) == 30


@pytest.mark.parametrize("start", [0.0, 3.25, 4000.5])
def test_marks_of_pure_sound_are_exact_to_a_sample(start: float) -> None:
    marks = sound.find_marks(sound.render(start, 4.0, 48000), 48000)
    assert len(marks) >= 3
    for at, second in marks:
        assert (start + at) % sound.SECONDS_MODULUS == pytest.approx(second, abs=1.5 / 48000)


def test_noise_holds_no_marks() -> None:
    assert sound.find_marks(np.random.default_rng(5).normal(0, 0.3, 480_000), 48000) == []


def _picture(blocks: np.typing.NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.kron(blocks, np.ones((32, 32), np.uint8)), format="gray")


def _ffmpeg(*arguments: object) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)
