"""Sound taken out: every format and quality, tags and cover, loudness, and refusals."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mutagen
import pytest

from src.errors import EncodeFailed, FormatNotAvailable, MediaInvalid
from src.models.audio import AudioTags
from src.models.outcome import NoteCode
from src.services.encoding.audio_extraction import FORMATS, QUALITIES, AudioService
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.ffmpeg_limits import Limits
from tests.engines.encode.recipes import AAC, FAST, SOUND, Row, make, video
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG, audio_marks

pytestmark = pytest.mark.slow
TAGS = AudioTags(title="Ein Lied: Überblick", artist="A = B; C", album="Best", date="2026")


@pytest.fixture(scope="module")
def audio() -> AudioService:
    return AudioService(FFmpeg(TESTED_FFMPEG))


@pytest.fixture(scope="module")
def source() -> Path:
    return make(Row("with sound", ((*video(), *SOUND, *FAST, *AAC, "-ac", "2"),)))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("form", FORMATS)
def test_formats(audio: AudioService, source: Path, tmp_path: Path, form: str, quality: str) -> None:
    out = tmp_path / f"out.{form}"
    report = audio.extract(source, out, form, quality, tags=TAGS)  # type: ignore[arg-type]
    assert report.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert report.channels == 2
    if form == "mp3" and quality[0].isdigit():
        assert report.size_bytes * 8 / report.duration_seconds == pytest.approx(int(quality[:-1]) * 1000, rel=0.15)
    if quality != "worst":
        marks = audio_marks(out)
        assert marks
        assert all(abs(mark.at - mark.second) < 0.06 for mark in marks)
    if form == "flac":
        assert mutagen.File(out)["title"] == [TAGS.title]
    if form == "mp3":
        assert mutagen.File(out, easy=True)["artist"] == [TAGS.artist]


@pytest.mark.parametrize("form", ["mp3", "flac"])
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_cover_art(audio: AudioService, source: Path, tmp_path: Path, form: str, kind: str) -> None:
    cover = tmp_path / f"cover.{kind}"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=320x180:d=0.04", "-frames:v", "1", "-update", "1")
    subprocess.run([FFMPEG, "-v", "error", "-y", *picture, str(cover)], check=True)
    report = audio.extract(source, tmp_path / f"out.{form}", form, tags=AudioTags(title="x", cover=cover))  # type: ignore[arg-type]
    assert report.has_cover


def test_a_playlist_is_no_cover(audio: AudioService, source: Path, tmp_path: Path) -> None:
    cover = tmp_path / "cover.jpg"
    cover.write_text("#EXTM3U\n/etc/passwd\n")
    assert not audio.extract(source, tmp_path / "out.mp3", "mp3", tags=AudioTags(cover=cover)).has_cover


def test_loudness(audio: AudioService, tmp_path: Path) -> None:
    source = make(
        Row("quiet", (("-f", "lavfi", "-i", "sine=f=400:d=8", "-af", "volume=-20dB", "-c:a", "flac"),), ".flac")
    )
    out = tmp_path / "out.flac"
    audio.extract(source, out, "flac", normalize_loudness=True)
    command = [FFMPEG, "-hide_banner", "-i", str(out), "-filter:a", "ebur128", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    integrated = float(told.rsplit("I:", 1)[1].split("LUFS")[0])
    assert integrated == pytest.approx(-16.0, abs=1.0)


def test_silence_has_no_loudness(audio: AudioService, tmp_path: Path) -> None:
    source = make(Row("silence", (("-f", "lavfi", "-i", "anullsrc=d=2", "-c:a", "flac"),), ".flac"))
    report = audio.extract(source, tmp_path / "out.mp3", "mp3", normalize_loudness=True)
    assert report.loudness_lufs is None and report.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".opus", ".m4a", ".mp4"])
def test_a_file_s_own_tags_are_kept(audio: AudioService, tmp_path: Path, suffix: str) -> None:
    codec = {".opus": "libopus", ".m4a": "aac", ".mp4": "aac"}.get(suffix, suffix[1:])
    tags = (
        "-metadata",
        "title=Ein Lied",
        "-metadata",
        "artist=A",
        "-metadata",
        "album_artist=B",
        "-metadata",
        "track=3",
    )
    place = ("-metadata", "location=+48.1/+11.5/", "-metadata", "encoded_by=somebody")
    picture = (*video(seconds=1), *FAST) if suffix == ".mp4" else ()
    made = ("-f", "lavfi", "-i", "sine=d=1", *picture, "-c:a", codec, *tags, *place)
    source = make(Row(f"tagged {suffix}", (made,), suffix))
    audio.extract(source, tmp_path / "out.flac", "flac", keep_tags=True)
    kept = mutagen.File(tmp_path / "out.flac")
    assert (kept["title"], kept["artist"], kept["tracknumber"]) == (["Ein Lied"], ["A"], ["3"])
    assert set(dict(kept)) <= {"title", "artist", "albumartist", "album_artist", "tracknumber", "encoder"}


def test_the_best_mp3_of_an_mp3_is_itself(audio: AudioService, source: Path, tmp_path: Path) -> None:
    audio.extract(source, tmp_path / "a.mp3", "mp3", "128k")
    assert audio.extract(tmp_path / "a.mp3", tmp_path / "b.mp3", "mp3", "best").copied


def test_refusals(audio: AudioService, source: Path, tmp_path: Path) -> None:
    silent = make(Row("no sound", ((*video(), *FAST),)))
    with pytest.raises(MediaInvalid):
        audio.extract(silent, tmp_path / "o.mp3", "mp3")
    with pytest.raises(FormatNotAvailable):
        audio.extract(source, tmp_path / "o.ogg", "ogg")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def _many_channels(tmp_path: Path, channels: int, layout: str) -> Path:
    path = tmp_path / "many.mka"
    each = "|".join(f"sin({440 + 10 * place}*2*PI*t)" for place in range(channels))
    tone = ("-f", "lavfi", "-i", f"aevalsrc={each}:c={layout}:s=48000:d=4", "-c:a", "pcm_s16le")
    subprocess.run([FFMPEG, "-v", "error", "-y", *tone, str(path)], check=True)
    return path


def test_a_failure_that_is_not_about_channels_makes_no_stereo_file(tmp_path: Path) -> None:
    """4 s of six channels are 2.3 MB; the limit of 1 MB would admit two channels of them."""
    limited = AudioService(FFmpeg(TESTED_FFMPEG), limits=Limits(file_bytes=1_000_000))
    with pytest.raises(EncodeFailed):
        limited.extract(_many_channels(tmp_path, 6, "5.1"), tmp_path / "out.wav", "wav")
    assert not (tmp_path / "out.wav").exists()


def test_more_channels_than_the_format_has_become_the_first_two(audio: AudioService, tmp_path: Path) -> None:
    report = audio.extract(_many_channels(tmp_path, 16, "hexadecagonal"), tmp_path / "out.flac", "flac")
    assert (report.channels, [note.code for note in report.notes]) == (2, [NoteCode.SOUND_CONVERTED])
