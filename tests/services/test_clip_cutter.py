"""The ways to a clip of awkward sources: which one is taken, that it is told, and that the clip is right."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from src.models.media_source import NetworkSettings, TimeRange
from src.models.source import Extraction, MediaAddress, SourceFormat, VideoInfo
from src.services.cutting.cutter import CutResult
from src.services.youtube.selection import Preferences, choose
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import SMALL
from tests.tools.engine_calls import cut_clip
from tests.tools.media_kit import FFMPEG, audio_gaps, av_offset, cached_film, decode_errors, frame_numbers

pytestmark = pytest.mark.slow
RANGE = TimeRange(Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second
FRAMES = list(range(83, 219))


def cut(url: str, entry: SourceFormat, folder: Path, wanted: TimeRange = RANGE, *, seconds: float = 12) -> CutResult:
    """A clip of the only format of a video."""
    info = VideoInfo("a-video", "A video", "", duration_seconds=seconds, formats=(entry,))
    video = Extraction(info, {entry.id: MediaAddress(url)})
    selection = choose(info.formats, Preferences(entry.container, "best", None, "remux"))  # type: ignore[arg-type]
    return cut_clip(video, selection, wanted, folder, NetworkSettings())


def test_pictures_of_ten_bits_are_copied_beside_edges_of_the_ffmpeg_program(tmp_path: Path) -> None:
    film = replace(SMALL, codec="vp9", bframes=0, pixel_format="yuv420p10le", audio="opus")
    entry = SourceFormat("v", "webm", "https", "vp9", "opus", 320, 180, 180)
    with Origin({"film.webm": cached_film(film, ".webm")}) as origin:
        made = cut(origin.url("film.webm"), entry, tmp_path)
    assert (made.method, made.report.notes) == ("smart", ())
    assert [frame.number for frame in frame_numbers(made.path)] == FRAMES
    assert decode_errors(made.path) == ""
    with av.open(str(made.path)) as opened:
        assert opened.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


def with_break(folder: Path, kind: str, *, after: tuple[int, int] = (320, 180), offset: int = 300) -> dict[str, Path]:
    """A playlist of two films, the second with other pictures and a clock of its own."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:3"]
    films = (SMALL, replace(SMALL, size=after, bframes=0, first_frame_number=offset, crf=30))
    for name, film in zip("ab", films, strict=True):
        options = ["-hls_time", "2", "-hls_list_size", "0", "-hls_segment_type", kind, "-hls_playlist_type", "vod"]
        options += ["-hls_segment_filename", f"{name}%d.seg", "-hls_fmp4_init_filename", f"{name}.init"]
        command = [FFMPEG, "-v", "error", "-i", str(cached_film(film)), "-c", "copy", "-f", "hls", *options]
        subprocess.run([*command, f"{name}.m3u8"], check=True, cwd=folder)
        body = (folder / f"{name}.m3u8").read_text().splitlines()
        lines += ["#EXT-X-DISCONTINUITY"] if name == "b" else []
        lines += [line for line in body if not line.startswith("#") or line.startswith(("#EXTINF", "#EXT-X-MAP"))]
    (folder / "film.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    return {path.name: path for path in folder.iterdir()}


HLS = SourceFormat("h", "mp4", "m3u8_native", "avc1", "mp4a", 320, 180, 180)


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_a_clip_across_a_discontinuity_is_joined_of_its_parts(kind: str, tmp_path: Path) -> None:
    served, work = tmp_path / "served", tmp_path / "work"
    served.mkdir()
    work.mkdir()
    with Origin(dict(with_break(served, kind))) as origin:
        across = TimeRange(Fraction("10.3"), Fraction("14.1"))
        made = cut(origin.url("film.m3u8"), HLS, work, across, seconds=24)
        assert made.method == "reencode", made.report
        assert any("2 parts were joined" in note.text for note in made.report.notes)
        assert [frame.number for frame in frame_numbers(made.path)] == list(range(258, 353))
        assert decode_errors(made.path) == ""
        assert all(end - start < 0.03 for start, end in audio_gaps(made.path)), "less than a packet, at the join"
        assert list(work.iterdir()) == [made.path]
        behind = cut(origin.url("film.m3u8"), HLS, work, TimeRange(Fraction("12.1"), Fraction(14)), seconds=24)
        assert [frame.number for frame in frame_numbers(behind.path)] == list(range(303, 350))


def test_parts_of_other_sizes_become_one_film(tmp_path: Path) -> None:
    served, work = tmp_path / "served", tmp_path / "work"
    served.mkdir()
    work.mkdir()
    with Origin(dict(with_break(served, "mpegts", after=(640, 360)))) as origin:
        made = cut(origin.url("film.m3u8"), HLS, work, TimeRange(Fraction(11), Fraction(13)), seconds=24)
    assert (made.accepted.frames, made.accepted.video.width) == (50, 640)
    assert decode_errors(made.path) == ""


@pytest.mark.parametrize(
    ("seconds", "late", "told"),
    [
        ("2", "0", "in this range"),
        ("12", "7", "in this range"),
        ("5", "0", "last 3.7 s"),
        ("12", "5", "first 1.7 s"),
    ],
)
def test_sound_that_is_not_there_in_the_source_is_told(seconds: str, late: str, told: str, tmp_path: Path) -> None:
    film, work, whole = tmp_path / "film.mp4", tmp_path / "work", str(cached_film(SMALL))
    work.mkdir()
    inputs = ["-i", whole, "-t", seconds, "-itsoffset", late, "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy"]
    subprocess.run([FFMPEG, "-v", "error", *inputs, str(film)], check=True)
    entry = SourceFormat("v", "mp4", "https", "avc1", "mp4a", 320, 180, 180)
    wanted = TimeRange(RANGE.start, Fraction("6.7" if late == "7" else "8.75"))
    with Origin({"film.mp4": film}) as origin:
        made = cut(origin.url("film.mp4"), entry, work, wanted)
    assert made.method == "smart"
    assert any(told in note.text for note in made.report.notes), made.report.notes
    assert bool(made.accepted.media.audio) == (made.report.sound is not None) == ("this range" not in told)


def tagged(adts: bytes, seconds: Fraction) -> bytes:
    """A segment of packed audio behind the ID3 tag that tells its time."""
    owner = b"com.apple.streaming.transportStreamTimestamp\0"
    frame = owner + round(seconds * 90_000).to_bytes(8, "big")
    body = b"PRIV" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
    return b"ID3\4\0\0" + bytes((0, 0, len(body) >> 7, len(body) & 127)) + body + adts


@pytest.mark.parametrize("with_clock", [True, False])
def test_packed_audio_beside_a_picture(with_clock: bool, tmp_path: Path) -> None:
    served, work = tmp_path / "served", tmp_path / "work"
    served.mkdir()
    work.mkdir()
    film = ["-v", "error", "-i", str(cached_film(SMALL)), "-c", "copy"]
    hls = ["-an", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "vod", "picture.m3u8"]
    packed = ["-vn", "-f", "segment", "-segment_format", "adts", "-segment_time", "2", "-segment_list_type", "m3u8"]
    subprocess.run([FFMPEG, *film, *hls], check=True, cwd=served)
    subprocess.run([FFMPEG, *film, *packed, "-segment_list", "sound.m3u8", "%d.aac"], check=True, cwd=served)
    if with_clock:
        with av.open(str(served / "picture0.ts")) as opened:
            first = next(packet for packet in opened.demux(video=0) if packet.is_keyframe)
            assert first.pts is not None
            at = first.pts * first.time_base - Fraction(1024, 48_000)  # the encoder's delay comes first
        for number in range(len(list(served.glob("*.aac")))):
            path = served / f"{number}.aac"
            with av.open(str(path)) as opened:
                packets = sum(packet.size > 0 for packet in opened.demux())
            path.write_bytes(tagged(path.read_bytes(), at))
            at += Fraction(1024 * packets, 48_000)
    picture = SourceFormat("v", "mp4", "m3u8_native", "avc1", None, 320, 180, 180)
    sound = SourceFormat("a", "mp4", "m3u8_native", None, "mp4a")
    with Origin({path.name: path for path in served.iterdir()}) as origin:
        info = VideoInfo("a-video", "A video", "", duration_seconds=12, formats=(picture, sound))
        media = {"v": MediaAddress(origin.url("picture.m3u8")), "a": MediaAddress(origin.url("sound.m3u8"))}
        selection = choose(info.formats, Preferences("mp4", "best", None, "remux"))
        made = cut_clip(Extraction(info, media), selection, RANGE, work, NetworkSettings())
    assert made.method == "smart"
    assert [frame.number for frame in frame_numbers(made.path)] == FRAMES
    assert decode_errors(made.path) == ""
    assert abs(av_offset(made.path, Fraction(25))) < (0.01 if with_clock else 0.03)
