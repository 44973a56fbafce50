"""Sources whose index, sound or lengths of frames are not what one would expect: the clip is right, or it is told."""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.progress import SilentMonitor
from src.services.cutting.clip_joining import join_clips
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.model import ClipReport, Discontinuous
from src.services.ffmpeg_utils_service import FFmpeg
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import SMALL
from tests.tools.engine_calls import fetch_whole, make_clip, make_parts
from tests.tools.media_kit import (
    FFMPEG,
    TESTED_FFMPEG,
    audio_marks,
    av_offset,
    cached_film,
    decode_errors,
    frame_numbers,
    media_facts,
)
from tests.tools.media_kit.facts import packets

pytestmark = pytest.mark.slow
Files = dict[str, Path | bytes]


def ffmpeg(*arguments: object, folder: Path) -> None:
    command = [FFMPEG, "-v", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=folder)


def clip(
    files: Mapping[str, Path | bytes], name: str, start: str, end: str, folder: Path, suffix: str = ".mp4"
) -> tuple[list[int], Path, ClipReport]:
    """The numbers in the frames of a clip of ``name``, its file, and what was told."""
    output = folder / f"clip{suffix}"
    with Origin(dict(files)) as origin:
        protocol = "hls" if name.endswith(".m3u8") else "https"
        source = ClipSource((Track(origin.url(name), protocol=protocol),))  # type: ignore[arg-type]
        wanted = TimeRange(Fraction(start), Fraction(end))
        report = make_clip(source, wanted, output, work_dir=folder, network=NetworkSettings(), monitor=SilentMonitor())
    assert decode_errors(output) == ""
    return [frame.number for frame in frame_numbers(output)], output, report


def playlist(folder: Path, name: str = "a", kind: str = "mpegts", film: Path | None = None) -> Files:
    """Segments of two seconds."""
    options = ["-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "vod", "-hls_segment_type", kind]
    options += ["-hls_segment_filename", f"{name}%d.seg", "-hls_fmp4_init_filename", f"{name}.init"]
    ffmpeg("-i", film or cached_film(SMALL), "-c", "copy", "-f", "hls", *options, f"{name}.m3u8", folder=folder)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("told", ["3", "1"])
def test_a_playlist_that_tells_wrong_lengths(told: str, tmp_path: Path) -> None:
    """Old playlists have whole seconds: what they say of the time is soon many segments off."""
    files = playlist(tmp_path)
    text = (tmp_path / "a.m3u8").read_text()
    files["a.m3u8"] = re.sub(r"#EXTINF:[\d.]+", f"#EXTINF:{told}", text).encode()
    numbers, path, _ = clip(files, "a.m3u8", "8.3", "11.1", tmp_path)
    assert numbers == list(range(208, 278))
    assert abs(av_offset(path, Fraction(25))) < 0.03


def test_a_playlist_as_careless_servers_send_it(tmp_path: Path) -> None:
    """Compressed though nobody asked for that, with a byte order mark, and with the line ends of Windows."""
    files = playlist(tmp_path)
    text = (tmp_path / "a.m3u8").read_text().replace("\n", "\r\n")
    files["a.m3u8"] = gzip.compress(text.encode("utf-8-sig"))
    assert clip(files, "a.m3u8", "3.3", "5", tmp_path)[0] == list(range(83, 125))


def test_another_initialisation_breaks_a_playlist_without_a_word(tmp_path: Path) -> None:
    files = playlist(tmp_path, "a", "fmp4")
    lines = (tmp_path / "a.m3u8").read_text().splitlines()
    at = lines.index("a3.seg")
    files |= playlist(tmp_path, "b", "fmp4", cached_film(replace(SMALL, bframes=0, crf=30)))
    lines = [line.replace("a", "b") if line.endswith(".seg") and n >= at else line for n, line in enumerate(lines)]
    lines.insert(at - 1, '#EXT-X-MAP:URI="b.init"')
    files["a.m3u8"] = "\n".join(lines).encode()
    with pytest.raises(Discontinuous):
        clip(files, "a.m3u8", "5.3", "7.5", tmp_path)
    with Origin(files) as origin:
        source = ClipSource((Track(origin.url("a.m3u8"), protocol="hls"),))
        wanted = TimeRange(Fraction("5.3"), Fraction("7.5"))
        made = make_parts(
            source, wanted, tmp_path, ".mp4", work_dir=tmp_path, network=NetworkSettings(), monitor=SilentMonitor()
        )
    assert [frame.number for path, _ in made for frame in frame_numbers(path)] == list(range(133, 188))


def test_frames_that_are_shown_for_seconds_do_not_make_the_clip_longer(tmp_path: Path) -> None:
    """With reordered pictures the table of an MP4 tells the length of the gap at the frame behind it."""
    film = tmp_path / "film.mp4"
    gap = ("-vf", "select='lt(n,50)+gt(n,225)'", "-fps_mode", "passthrough", "-c:v", "libx264", "-g", "25")
    ffmpeg("-i", cached_film(SMALL), *gap, "-c:a", "copy", film, folder=tmp_path)
    for mode_end, frames in (("10", 49), ("30", 99)):
        numbers, path, report = clip({"film": film}, "film", "1", mode_end, tmp_path)
        assert len(numbers) == frames
        assert report.actual == TimeRange(Fraction(1), Fraction(min(int(mode_end), 12)))
        facts = media_facts(path).video
        assert facts is not None and facts.duration is not None
        assert float(facts.duration) == pytest.approx(float(report.actual.end) - 1, abs=0.05)


def test_the_last_frame_is_shown_as_long_as_in_the_source(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    still = ("-vf", "select='eq(n,0)+eq(n,50)',setpts=N*3/TB", "-fps_mode", "passthrough", "-bf", "0", "-an")
    ffmpeg("-i", cached_film(SMALL), *still, "-c:v", "libx264", "-g", "1", film, folder=tmp_path)
    last = packets(film)[-1]
    assert last.pts is not None and last.duration is not None
    _, _, report = clip({"film": film}, "film", "0", "20", tmp_path)
    assert report.actual.end == last.pts + last.duration


def two_levels(film: bytes) -> bytes:
    """The same fragmented film, whose segment index points to one index for each half."""
    top = boxes.find(film, "sidx")
    assert top is not None
    count = struct.unpack_from(">H", film, top.end - 12 * ((top.end - top.body - 24) // 12) - 2)[0]
    entries = [film[top.end - 12 * (count - n) :][:12] for n in range(count)]
    head, media = film[top.body : top.end - 12 * count - 2], film[top.end :]
    version, times = film[top.body], ">IIQQ" if film[top.body] else ">IIII"
    reference, scale, time, _ = struct.unpack_from(times, head, 4)
    assert version in (0, 1)

    def index(start: int, found: list[bytes]) -> bytes:
        told = struct.pack(">IIQQHH", reference, scale, start, 0, 0, len(found))
        return boxes.make_full(b"sidx", 1, 0, told, *found)

    made, references, offset = [], [], 0
    for half in (entries[: count // 2], entries[count // 2 :]):
        size = sum(struct.unpack(">I", entry[:4])[0] for entry in half)
        length = sum(struct.unpack(">I", entry[4:8])[0] for entry in half)
        part = index(time, half) + media[offset : offset + size]
        references.append(struct.pack(">III", 1 << 31 | len(part), length, 0x90000000))
        made.append(part)
        offset, time = offset + size, time + length
    first = struct.unpack_from(times, head, 4)[2]
    return film[: top.start] + index(first, references) + b"".join(made)


def test_an_index_of_indexes_is_read_without_its_media(tmp_path: Path) -> None:
    film = cached_film(replace(SMALL, seconds=Fraction(24), noise=30, audio=None, fragmented="dash")).read_bytes()
    levels = two_levels(film)
    assert len(levels) > 1_000_000
    numbers, _, report = clip({"film": levels}, "film", "15.3", "16.5", tmp_path)
    assert numbers == list(range(383, 413))
    assert report.bytes_fetched < 0.6 * len(levels)


def sound_moved(folder: Path, suffix: str, *codecs: str, seconds: float | None = None, late: float = 0.0) -> Path:
    """A film whose sound has only so many seconds, or comes later."""
    path, film = folder / f"film{suffix}", cached_film(SMALL)
    trimmed = () if seconds is None else ("-t", seconds)
    ffmpeg(
        "-i", film, *trimmed, "-itsoffset", late, "-i", film, "-map", "0:v", "-map", "1:a", *codecs, path, folder=folder
    )
    return path


def test_sound_that_begins_later_and_is_encoded_stays_in_step(tmp_path: Path) -> None:
    codecs = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "50", "-c:a", "libvorbis")
    film = sound_moved(tmp_path, ".webm", *codecs, late=2)
    numbers, path, report = clip({"film": film}, "film", "1.3", "6.3", tmp_path)
    assert numbers == list(range(33, 158))
    marks = audio_marks(path)
    assert [mark.second for mark in marks] == [0, 1, 2, 3, 4]
    assert all(abs(mark.at - (mark.second + 0.68)) < 0.03 for mark in marks), marks
    assert report.sound is not None and float(report.sound.end) > 4.9


def test_a_batch_keeps_its_sound_where_one_clip_has_none(tmp_path: Path) -> None:
    film = sound_moved(tmp_path, ".mp4", "-c", "copy", seconds=4)
    paths = []
    for number, (start, end) in enumerate((("6.3", "7.1"), ("1.3", "3.3"))):
        _, path, report = clip({"film": film}, "film", start, end, tmp_path)
        assert (report.sound is None) == (number == 0)
        paths.append(path.replace(tmp_path / f"part{number}.mp4"))
    output = tmp_path / "batch.mp4"
    join_clips(paths, output, FFmpeg(TESTED_FFMPEG), SilentMonitor())
    assert [frame.number for frame in frame_numbers(output)] == [*range(158, 178), *range(33, 83)]
    assert [(round(mark.at, 1), mark.second) for mark in audio_marks(output)] == [(1.5, 2), (2.5, 3)]


@pytest.mark.parametrize("seconds", ["4", "0.12"])
def test_reordered_pictures_of_matroska_are_copied(seconds: str, tmp_path: Path) -> None:
    """Matroska does not tell when pictures are decoded."""
    film, output = tmp_path / "film.mkv", tmp_path / "whole.mp4"
    ffmpeg("-t", seconds, "-i", cached_film(SMALL), "-c:v", "libx264", "-bf", 2, "-an", film, folder=tmp_path)
    with Origin({"film": film}) as origin:
        source = ClipSource((Track(origin.url("film")),))
        report = fetch_whole(source, output, work_dir=tmp_path, network=NetworkSettings(), monitor=SilentMonitor())
    assert report.method == "copy"
    assert decode_errors(output) == ""
    assert [frame.number for frame in frame_numbers(output)] == list(range(round(float(seconds) * 25)))


def test_what_hdr_tells_of_its_light_holds_for_new_pictures(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    light = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    codec = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-g", 25, "-an")
    options = ("-x265-params", f"{light}:open-gop=0:log-level=error", "-color_trc", "smpte2084")
    ffmpeg("-t", 4, "-i", cached_film(SMALL), *codec, *options, film, folder=tmp_path)
    numbers, path, report = clip({"film": film}, "film", "0.7", "3.3", tmp_path)
    assert (numbers, report.method) == (list(range(18, 83)), "smart")
    with av.open(str(path)) as media:
        frames: list[Any] = list(media.decode(video=0))
        for frame in frames:
            told = {data.type.name for data in (frame.side_data[place] for place in range(len(frame.side_data)))}
            assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= told


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libx264"])
def test_pixels_that_are_not_square_stay_so_in_every_container(codec: str, tmp_path: Path) -> None:
    """VP9 does not tell the shape of its pixels: its container does."""
    film = tmp_path / f"film{'.webm' if codec == 'libvpx-vp9' else '.mp4'}"
    fast = ("-deadline", "realtime", "-cpu-used", "8") if codec == "libvpx-vp9" else ("-preset", "ultrafast")
    ffmpeg(
        "-t",
        4,
        "-i",
        cached_film(SMALL),
        "-vf",
        "setsar=4/3",
        "-c:v",
        codec,
        *fast,
        "-g",
        25,
        "-an",
        film,
        folder=tmp_path,
    )
    for suffix in (".webm", ".mp4"):
        numbers, path, _ = clip({"film": film}, "film", "0.5", "2.3", tmp_path, suffix)
        assert numbers == list(range(13, 58))
        with av.open(str(path)) as media:
            video = media.streams.video[0]
            assert float(video.sample_aspect_ratio or 1) == pytest.approx(4 / 3, abs=0.005)
            assert "title" not in video.metadata
