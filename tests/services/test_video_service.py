"""From a link to a verified clip: every container and resolution, every wish, and every way the media can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src import errors
from src.config import Settings
from src.errors import AppError
from src.models.abilities import RUNS, Abilities
from src.models.download import DownloadReport
from src.models.media_source import NetworkSettings
from src.models.outcome import Note, NoteCode
from src.models.params import Container
from src.models.progress import Phase, Progress
from src.services.cutting.sources import media_network
from src.services.encoding.ability_store import AbilityStore
from src.services.encoding.programs import FFmpegPrograms
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.progress_cache import overall_percent, to_fields
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from src.utils.ffmpeg_program import FoundProgram
from tests.tools.media_kit import TESTED_FFMPEG, av_offset, decode_errors, frame_numbers
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube, VideoId
from tests.tools.waiting import within

pytestmark = pytest.mark.slow

START, END = 3.5, 8.5
FIRST, LAST = 88, 212  # frames of a film of 25 a second in [3.5 s, 8.5 s)
MOST_OFFSET_SECONDS = 0.01
LOW = ("144p", "240p", "360p", "480p", "720p", "1080p")
HIGH = ("1440p", "2160p")


@pytest.fixture(scope="module")
def running_site() -> Iterator[OfflineYoutube]:
    with OfflineYoutube() as running:
        yield running


@pytest.fixture
def site(running_site: OfflineYoutube) -> Iterator[OfflineYoutube]:
    running_site.reset()
    yield running_site
    assert running_site.strays == []


def service(
    site: OfflineYoutube, change: Callable[[NetworkSettings], NetworkSettings] = lambda network: network, **env: str
) -> VideoService:
    settings = Settings.load({**site.environment(), **env}, dotenv=None)
    ffmpeg = FFmpeg(TESTED_FFMPEG)
    youtube = YouTubeService(settings)
    return VideoService(settings, youtube, EncodingService(ffmpeg), ffmpeg, network=change(media_network(settings)))


def download(
    videos: VideoService,
    folder: Path,
    film: VideoId,
    container: Container = "mp4",
    resolution: str = "240p",
    start: object = START,
    end: object = END,
    **more: Any,
) -> DownloadReport:
    return videos.download_video_segment(
        f"https://youtu.be/{film}", start, end, folder / "clip", container, resolution, **more
    )


def assert_exact(path: Path, first: int, last: int, fps: Fraction = Fraction(25), *, sound: bool = True) -> None:
    """The right frames at the right times from 0 on, sound in step, and nothing that FFmpeg complains about."""
    frames = frame_numbers(path)
    assert [frame.number for frame in frames] == list(range(first, last + 1))
    for place, frame in enumerate(frames):
        assert abs(frame.pts - place / fps) <= Fraction(1, 1000)
    assert decode_errors(path) == ""
    if sound:
        assert abs(av_offset(path, fps)) < MOST_OFFSET_SECONDS


@pytest.mark.matrix(3)
@pytest.mark.parametrize(
    ("container", "resolution", "codec"),
    [
        *(("mp4", resolution, "h264") for resolution in LOW),
        *(("webm", resolution, "vp9") for resolution in LOW + HIGH),
        ("mp4", "1440p", "hevc"),
        ("mp4", "2160p", "av1"),
    ],
)
def test_a_clip_is_exact(
    site: OfflineYoutube, tmp_path: Path, container: Container, resolution: str, codec: str
) -> None:
    readings: list[Progress] = []
    videos = service(site, HIGH_RESOLUTION_MP4="remux" if codec == "av1" else "h265-lossless")
    report = download(videos, tmp_path, SITUATIONS.LADDER, container, resolution, progress_callback=readings.append)
    assert report.path == tmp_path / f"clip.{container}"
    assert list(tmp_path.iterdir()) == [report.path]
    assert_exact(report.path, FIRST, LAST)
    actual = report.actual
    assert (actual.resolution, f"{actual.height}p") == (resolution, resolution)
    assert (actual.container, actual.codec) == (container, codec)
    assert actual.audio_codec == ("opus" if container == "webm" else "aac")
    assert (actual.start, actual.end, actual.duration, actual.frames) == (3.52, 8.52, 5.0, 125)
    assert actual.method != "section"
    assert actual.bytes == report.path.stat().st_size
    _assert_told_in_order(readings, encoded=codec == "hevc")


def _assert_told_in_order(readings: list[Progress], *, encoded: bool) -> None:
    assert readings[0].phase is Phase.INITIALIZING
    assert readings[-1].phase is Phase.VERIFYING
    assert readings[-1].download_percent == 100
    overall = [overall_percent(to_fields(reading)) for reading in readings]
    assert overall == sorted(overall)
    percents = [reading.encode_percent for reading in readings if reading.phase is Phase.ENCODING]
    assert percents == sorted(percents)
    assert bool(percents) is encoded
    if encoded:
        assert len({round(percent) for percent in percents}) > 3


@pytest.mark.parametrize(
    ("video_id", "container", "fps", "first", "last"),
    [
        (SITUATIONS.FPS_30000_1001, "mp4", Fraction(30000, 1001), 105, 254),
        (SITUATIONS.FPS_30000_1001, "webm", Fraction(30000, 1001), 105, 254),
        (SITUATIONS.FPS_60, "mp4", Fraction(60), 210, 509),
        (SITUATIONS.FPS_60, "webm", Fraction(60), 210, 509),
    ],
)
def test_other_frame_rates(
    site: OfflineYoutube, tmp_path: Path, video_id: VideoId, container: Container, fps: Fraction, first: int, last: int
) -> None:
    report = download(service(site), tmp_path, video_id, container)
    assert_exact(report.path, first, last, fps)


def test_a_film_without_sound(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.NO_AUDIO)
    assert_exact(report.path, FIRST, LAST, sound=False)
    assert report.actual.audio_codec is None


def test_a_copy_from_the_key_frame_before_hides_what_lies_before_the_range(
    site: OfflineYoutube, tmp_path: Path
) -> None:
    report = download(service(site), tmp_path, SITUATIONS.LADDER, mode="keyframe")
    assert report.actual.method == "copy"
    assert (report.actual.start, report.actual.frames) == (3.52, 125)
    assert_exact(report.path, FIRST, LAST)


def test_a_copy_into_webm_begins_with_the_key_frame_and_says_so(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.LADDER, "webm", mode="keyframe")
    assert (report.actual.method, report.actual.codec, report.actual.start) == ("copy", "vp9", 0.0)
    assert any("starts with the key frame" in note.text for note in report.notes)
    assert report.path.suffix == ".webm"
    frames = [frame.number for frame in frame_numbers(report.path)]
    assert frames[0] == 0 and LAST <= frames[-1] <= LAST + 2 and frames == list(range(frames[-1] + 1))
    assert decode_errors(report.path) == ""
    assert abs(av_offset(report.path, Fraction(25))) < MOST_OFFSET_SECONDS


def test_a_film_in_segments(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.ONLY_HLS, "mp4", "360p")
    assert report.actual.method != "section"
    assert_exact(report.path, FIRST, LAST)


def test_a_recorded_stream_and_an_enciphered_film(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.WAS_LIVE)
    assert_exact(report.path, FIRST, LAST)
    fields = report.to_fields()
    for times in (fields["requested"], fields["actual"]):
        first, last = (datetime.fromisoformat(times[end]).timestamp() for end in ("from", "to"))
        assert last - first == pytest.approx(times["end"] - times["start"], abs=0.002), "the wall clock of the stream"
    assert fields["actual"]["clock_uncertainty"] == 1
    # The site accepts only addresses that a JavaScript runtime has solved.
    videos = service(site, YTDLP_OPTIONS="{}")
    assert_exact(download(videos, tmp_path, SITUATIONS.ENCIPHERED, "webm").path, FIRST, LAST)


def test_high_resolution_can_be_kept_as_it_is(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site, HIGH_RESOLUTION_MP4="remux"), tmp_path, SITUATIONS.LADDER, "mp4", "1440p", 4, 4.4)
    assert (report.actual.codec, report.actual.container, report.actual.encoded) == ("av1", "mp4", None)
    assert_exact(report.path, 100, 109, sound=False)


def test_h265_is_made_for_whoever_insists(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.LADDER, "mp4", "144p", compatibility="h265")
    assert (report.actual.codec, report.actual.encoded) == ("hevc", "lossless-h265")
    assert_exact(report.path, FIRST, LAST)


def test_an_encode_that_ffmpeg_cannot_do_is_refused_before_anything_is_fetched(
    site: OfflineYoutube, tmp_path: Path
) -> None:
    def examine(program: Path, part: str, folder: Path | None) -> Abilities:
        return Abilities("old", trials={RUNS: ""})

    settings, ffmpeg = Settings.load(site.environment(), dotenv=None), FFmpeg(TESTED_FFMPEG)
    programs = FFmpegPrograms([FoundProgram(TESTED_FFMPEG, "configured")], AbilityStore(None, examine))
    encoder = EncodingService(ffmpeg, programs=programs)
    videos = VideoService(settings, YouTubeService(settings), encoder, ffmpeg)
    with pytest.raises(errors.FormatNotAvailable, match="FFmpeg of this server"):
        download(videos, tmp_path, SITUATIONS.LADDER, "mp4", "144p", compatibility="h265")
    assert site.media_requests(SITUATIONS.LADDER) == [] and list(tmp_path.iterdir()) == []


def test_wanted_and_obtained_are_both_told(site: OfflineYoutube, tmp_path: Path) -> None:
    report = download(service(site), tmp_path, SITUATIONS.ONLY_PROGRESSIVE, "mp4", "1080p", video_id="some-job")
    assert (report.requested.resolution, report.actual.resolution) == ("1080p", "360p")
    assert report.notes == (Note(NoteCode.RESOLUTION_LOWERED, "The video does not exist in 1080p; this is 360p"),)
    assert_exact(report.path, FIRST, LAST)
    fields = report.to_fields()
    assert fields["requested"] == {
        "resolution": "1080p", "format": "mp4", "start": 3.5, "end": 8.5, "compatibility": None
    }  # fmt: skip
    assert fields["actual"]["notes"] == [note.text for note in report.notes]
    assert fields["notes"] == [note.to_fields() for note in report.notes] and fields["complete"] is True
    assert report.facts == {
        "title": "Offline film: only progressive", "source_duration": 20, "available_formats": []
    }  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end", "first", "last", "told"),
    [
        (0, 2, 0, 49, False),
        (18, 20, 450, 499, False),
        ("0:18", "0:25", 450, 499, True),
        (4, Fraction(101, 25), 100, 100, False),
        ("4.001", "4.12", 101, 102, False),
    ],
)
def test_ranges_at_the_edges(
    site: OfflineYoutube, tmp_path: Path, start: object, end: object, first: int, last: int, told: bool
) -> None:
    report = download(service(site), tmp_path, SITUATIONS.LADDER, "webm", "144p", start, end)
    assert_exact(report.path, first, last, sound=False)
    assert any("beyond the end" in note.text for note in report.notes) is told


@pytest.mark.parametrize(
    ("video_id", "container", "start", "end", "error"),
    [
        (SITUATIONS.LADDER, "mp4", 20, 25, errors.ClipRangeInvalid),
        (SITUATIONS.LADDER, "mp4", 5, 5, errors.ClipRangeInvalid),
        (SITUATIONS.LADDER, "mp4", float("nan"), 5, errors.ClipRangeInvalid),
        (SITUATIONS.ONLY_PROGRESSIVE, "webm", 3, 5, errors.FormatNotAvailable),
        (SITUATIONS.LIVE_NOW, "mp4", 3, 5, errors.LiveNotSupported),
        (SITUATIONS.UPCOMING, "mp4", 3, 5, errors.LiveNotStarted),
        (SITUATIONS.LIVE_ENDED_NOT_READY, "mp4", 3, 5, errors.LiveEndedNotReady),
        (SITUATIONS.PRIVATE, "mp4", 3, 5, errors.VideoPrivate),
    ],
)
def test_what_cannot_be_is_refused_before_any_download(
    site: OfflineYoutube,
    tmp_path: Path,
    video_id: VideoId,
    container: Container,
    start: float,
    end: float,
    error: type[AppError],
) -> None:
    with pytest.raises(error):
        download(service(site), tmp_path, video_id, container, "240p", start, end)
    assert site.media_requests(video_id) == []
    assert list(tmp_path.iterdir()) == []


def test_media_of_a_server_that_nobody_vouches_for(site: OfflineYoutube, tmp_path: Path) -> None:
    with pytest.raises(errors.TlsError):
        download(service(site, lambda network: replace(network, verify_tls=True)), tmp_path, SITUATIONS.LADDER)
    assert site.media_requests(SITUATIONS.LADDER) == [] and list(tmp_path.iterdir()) == []


def _impatient(network: NetworkSettings) -> NetworkSettings:
    return replace(network, stall_seconds=1.0, give_up_seconds=3.0)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("video_id", "possible"),
    [
        (SITUATIONS.MEDIA_FORBIDDEN, (errors.MediaForbidden,)),
        (SITUATIONS.MEDIA_GONE, (errors.MediaGone,)),
        (SITUATIONS.CUT_FOR_GOOD, (errors.Network, errors.NetworkTimeout)),
        (SITUATIONS.STALLS, (errors.NetworkTimeout,)),
    ],
)
def test_media_that_do_not_come(
    site: OfflineYoutube, tmp_path: Path, video_id: VideoId, possible: tuple[type[AppError], ...]
) -> None:
    with pytest.raises(AppError) as told:
        download(service(site, _impatient), tmp_path, video_id, "webm", "360p", 8, 13)
    assert type(told.value) in possible
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "video_id",
    [
        SITUATIONS.MEDIA_EXPIRES,
        SITUATIONS.MEDIA_UNAVAILABLE_TWICE,
        SITUATIONS.CUTS_EVERY_20_KB,
        SITUATIONS.NO_RANGES,
    ],
)
def test_media_that_come_with_difficulty(site: OfflineYoutube, tmp_path: Path, video_id: VideoId) -> None:
    report = download(service(site), tmp_path, video_id, "webm", "360p", 8, 13)
    assert_exact(report.path, 200, 324)
    assert site.extractions(video_id) == (2 if video_id is SITUATIONS.MEDIA_EXPIRES else 1)


class CancelledOnceItRuns:
    """A monitor whose job is cancelled as soon as something has been downloaded."""

    def __init__(self) -> None:
        self.percent: float | None = None

    def report(self, progress: Progress) -> None:
        if progress.bytes_done and self.percent is None:
            self.percent = progress.download_percent
        self.check()

    def check(self) -> None:
        if self.percent is not None:
            raise errors.Cancelled


def test_a_cancelled_download_stops_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    monitor = CancelledOnceItRuns()
    with within(), OfflineYoutube(bytes_per_second=20_000) as slow, pytest.raises(errors.Cancelled):
        download(service(slow), tmp_path, SITUATIONS.LADDER, "webm", "1080p", 2, 18, monitor=monitor)
    assert monitor.percent is not None and monitor.percent < 100
    assert list(tmp_path.iterdir()) == []


def test_a_clip_inside_another_one_fetches_one_byte_of_each_track(site: OfflineYoutube, tmp_path: Path) -> None:
    videos = service(site, DOWNLOADS_DIR=str(tmp_path / "downloads"))
    download(videos, tmp_path, VideoId.LADDER, owner="user anna")
    inner = download(videos, tmp_path, VideoId.LADDER, start=START + 1, end=END - 1, owner="user anna")
    assert inner.actual.bytes_fetched == 2
    assert [frame.number for frame in frame_numbers(inner.path)] == list(range(FIRST + 25, LAST - 25 + 1))
    foreign = download(videos, tmp_path, VideoId.LADDER, start=START + 1, end=END - 1, owner="user bert")
    assert foreign.actual.bytes_fetched > 1000
