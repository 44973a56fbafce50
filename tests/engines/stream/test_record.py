"""Streams of all kinds become whole files; what is on disk is not fetched again; a live stream ends when it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from src.config import Settings
from src.errors import Cancelled, FileTooLarge, MediaGone, StreamUnreadable
from src.models.media_source import NetworkSettings
from src.models.params import StreamParams
from src.models.progress import Monitor, Progress, SilentMonitor
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.hls.variants import Variant
from src.services.streams.recorder import StreamReport, StreamSource, choose, record
from src.services.streams.service import StreamService
from tests.engines.clip.origin import Faults, Origin
from tests.engines.stream.sites import FILM, SMALL, Files, GrowingSite, body_of, cut, encrypted, master, text_of
from tests.tools.media_kit import TESTED_FFMPEG, audio_marks, cached_film, decode_errors, frame_numbers

pytestmark = pytest.mark.slow


def take(
    origin: Origin, name: str, folder: Path, monitor: Monitor | None = None, *, connections: int = 8, **options: object
) -> StreamReport:
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    return record(
        StreamSource(origin.url(name), **options),  # type: ignore[arg-type]
        work / "stream.mp4",
        retained_dir=folder / "kept",
        network=NetworkSettings(connections=connections),
        ffmpeg=FFmpeg(TESTED_FFMPEG),
        monitor=monitor or SilentMonitor(),
    )


def numbers(path: Path) -> list[int]:
    assert decode_errors(path) == ""
    return [frame.number for frame in frame_numbers(path)]


WAYS = {
    "ts": lambda folder: cut(FILM, folder, "film"),
    "fmp4": lambda folder: cut(FILM, folder, "film", "-hls_segment_type", "fmp4"),
    "byte ranges": lambda folder: cut(FILM, folder, "film", "-hls_flags", "single_file"),
    "encrypted": lambda folder: encrypted(FILM, folder, "film"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_playlist_becomes_the_whole_film(way: str, tmp_path: Path) -> None:
    readings = Readings()
    with Origin(WAYS[way](tmp_path)) as origin:
        report = take(origin, "film.m3u8", tmp_path, readings)
    assert numbers(report.path) == list(range(200))
    assert [mark.second for mark in audio_marks(report.path)] == list(range(8))
    assert report.size == (320, 180) and report.segments == 8
    assert readings.segments[-1] == (8, 8)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["stream.mp4"]


class Readings(SilentMonitor):
    """Remembers segments, and stops after as many as it was told."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.segments: list[tuple[int | None, int | None]] = []
        self._stop_after = stop_after

    def report(self, progress: Progress) -> None:
        self.segments.append((progress.segments_done, progress.segments_total))
        self.check()

    def check(self) -> None:
        done = self.segments[-1][0] if self.segments else 0
        if self._stop_after is not None and done is not None and done >= self._stop_after:
            raise Cancelled()


def two_films(folder: Path, kind: str) -> Files:
    """Two films behind each other, with a discontinuity between; the second one has another initialisation."""
    later = replace(FILM, first_frame_number=200)
    options = ("-hls_segment_type", "fmp4") if kind == "fmp4" else ()
    files = {**cut(FILM, folder, "one", *options), **cut(later, folder, "two", *options)}
    lines = [*body_of(text_of(files["one.m3u8"])), "#EXT-X-DISCONTINUITY", *body_of(text_of(files["two.m3u8"]))]
    text = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", *lines, "#EXT-X-ENDLIST", ""]
    return {**files, "film.m3u8": "\n".join(text).encode()}


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
def test_a_film_goes_on_behind_a_discontinuity(kind: str, tmp_path: Path) -> None:
    with Origin(two_films(tmp_path, kind)) as origin:
        report = take(origin, "film.m3u8", tmp_path)
    assert numbers(report.path) == list(range(400))
    assert report.seconds == pytest.approx(16, abs=0.1)


def test_sound_that_is_apart_is_in_time(tmp_path: Path) -> None:
    files = {
        **cut(replace(FILM, audio=None, bframes=0), tmp_path, "picture"),
        **cut(replace(FILM, codec=None), tmp_path, "sound"),
        **cut(replace(SMALL, audio=None), tmp_path, "small"),
        "master.m3u8": master(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="sound.m3u8"',
            '#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=320x180,AUDIO="a"',
            "picture.m3u8",
            '#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=192x108,AUDIO="a"',
            "small.m3u8",
        ),
    }
    with Origin(files) as origin:
        report = take(origin, "master.m3u8", tmp_path)
        smaller = take(origin, "master.m3u8", tmp_path / "smaller", size=(300, 170))
    assert report.size == (320, 180) and smaller.size == (192, 108)
    assert numbers(report.path) == list(range(200))
    first = frame_numbers(report.path)[0]
    marks = audio_marks(report.path)
    assert [mark.second for mark in marks] == list(range(8))
    assert float(marks[1].at - first.pts) == pytest.approx(1, abs=0.03)


def test_what_is_on_disk_is_not_fetched_again(tmp_path: Path) -> None:
    with Origin(cut(FILM, tmp_path, "film"), round_trip_seconds=0.05) as origin:
        with pytest.raises(Cancelled):
            take(origin, "film.m3u8", tmp_path, Readings(stop_after=3), connections=1)
        there = {int(path.stem.split("-")[1]) for path in (tmp_path / "kept").glob("0-0*.seg")}
        assert len(there) >= 3
        origin.log.clear()
        report = take(origin, "film.m3u8", tmp_path)
        again = {int(line.split("-")[1][:3]) for line in origin.log if "/film-" in line}
    assert again == set(range(8)) - there
    assert numbers(report.path) == list(range(200))


def test_a_flaky_site_costs_retries_and_nothing_else(tmp_path: Path) -> None:
    faults = Faults(statuses=[0, 503, 500, 0, 429], cut_every_bytes=20_000, cut_requests=6)
    with Origin(cut(FILM, tmp_path, "film"), faults=faults) as origin:
        report = take(origin, "film.m3u8", tmp_path)
    assert numbers(report.path) == list(range(200))


@pytest.mark.parametrize("no_range", [False, True])
def test_a_direct_file_arrives_as_it_is(no_range: bool, tmp_path: Path) -> None:
    film = cached_film(replace(FILM, noise=30, seconds=FILM.seconds * 2, video_bitrate="9M", crf=None), ".mp4")
    assert film.stat().st_size > 8 << 20  # of several pieces
    with Origin({"film.mp4": film}, faults=Faults(no_range=no_range)) as origin:
        report = take(origin, "film.mp4", tmp_path, kind="mp4")
    assert report.path.read_bytes() == film.read_bytes()


@pytest.mark.parametrize("content", [b"<html>no</html>", b"#EXTM3U\n#EXT-X-ENDLIST\n", b""])
def test_what_is_no_stream_is_told(content: bytes, tmp_path: Path) -> None:
    with Origin({"film": content}) as origin:
        for kind in ("hls", "mp4"):
            with pytest.raises((StreamUnreadable, MediaGone)):
                take(origin, "film", tmp_path, kind=kind)
    assert list((tmp_path / "work").glob("fetched*")) == []


@pytest.mark.parametrize("kind", ["hls", "mp4"])
def test_what_never_ends_ends_at_the_limit_of_a_job(kind: str, tmp_path: Path) -> None:
    with Origin({"film": bytes(3_000_000)}, faults=Faults(no_range=True, no_length=True)) as origin:
        url = origin.url("film")
        allowed = url.removeprefix("http://").partition("/")[0]
        settings = Settings.load({"JOB_MAX_FETCH_MB": "1", "ALLOW_PRIVATE_NETWORKS": allowed}, dotenv=None)
        service = StreamService(settings, EgressProxy.of(settings), FFmpeg(TESTED_FFMPEG))
        params = StreamParams(url=url, stream_type=kind)  # type: ignore[arg-type]
        with pytest.raises(FileTooLarge):
            service.download(params, tmp_path / "stream.mp4", tmp_path / "kept", SilentMonitor())


def test_a_playlist_without_an_end_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.services.hls.pieces.MOST_PLAYLIST_BYTES", 100_000)
    lines = b"#EXTM3U\n" + b"#EXTINF:1,\nfilm.seg\n" * 10_000 + b"#EXT-X-ENDLIST\n"
    with Origin({"film": lines}) as origin, pytest.raises(StreamUnreadable):
        take(origin, "film", tmp_path, kind="hls")


def test_a_live_stream_ends_after_the_limit_of_the_caller(tmp_path: Path) -> None:
    site = GrowingSite(cut(FILM, tmp_path, "film"), "film.m3u8", seconds=0.5)
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, max_seconds=4)
    assert report.live and report.segments == 4
    shown = numbers(report.path)
    assert len(shown) == 100 and shown == list(range(shown[0], shown[0] + 100))


def test_a_live_stream_is_left_while_there_is_time_to_finish_it(tmp_path: Path) -> None:
    site = GrowingSite(cut(FILM, tmp_path, "film"), "film.m3u8", seconds=0.5)
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, max_live_seconds=1, max_seconds=3600)
    shown = numbers(report.path)
    assert report.live and report.segments < 8
    assert shown == list(range(shown[0], shown[0] + 25 * report.segments))


def test_a_live_stream_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    site = GrowingSite(cut(FILM, tmp_path, "film"), "film.m3u8", seconds=0.5)
    with site.origin as origin, pytest.raises(Cancelled):
        take(origin, "film.m3u8", tmp_path, Readings(stop_after=4), max_seconds=60)


@pytest.mark.parametrize(
    ("wanted", "chosen"), [(None, "big"), ((1920, 1080), "big"), ((1000, 600), "middle"), ((100, 100), "small")]
)
def test_the_nearest_resolution_not_above_or_the_lowest(wanted: tuple[int, int] | None, chosen: str) -> None:
    offered = [
        Variant("middle", 900, (854, 480)),
        Variant("big", 5000, (1920, 1080)),
        Variant("small", 200, (256, 144)),
    ]
    found = choose(offered, wanted)
    assert found is not None and found.url == chosen
