"""A running stream as a whole: the real extractor, numbered segments, every frame once, through restarts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.config import Settings
from src.errors import Cancelled, ClipRangeInvalid, LiveNotStarted
from src.models.job_kinds import CAPTURES
from src.models.params import RecordingParams
from src.models.progress import Phase, Progress
from src.models.video import Owner, Status, VideoJob, WaitsFor
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.sources import media_network
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.jobs.handler import JobContext, JobResult, Postponed
from src.services.live.service import LiveService
from src.services.live.whole.kind import RecordingHandler, RecordingLimits
from src.services.live.whole.output import RecordingCutter
from src.services.youtube.lookup_cache import LookupCache
from src.services.youtube_service import YouTubeService
from src.utils.ffmpeg_program import find_ffmpeg
from tests.tools.live_origin import VirtualClock
from tests.tools.media_kit import frame_numbers
from tests.tools.numbered import NumberedSite, NumberedStream
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube
from tests.tools.offline_youtube.live import LiveStream
from tests.tools.offline_youtube.situations import VideoId

pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow
VIDEO = SITUATIONS.LIVE_BY_NUMBER


class WorkerDied(Exception):
    """What a killed worker does to its attempt."""


@dataclass
class Monitor:
    """Remembers readings; the attempt dies when so many bytes are there."""

    dies_at: int | None = None
    readings: list[Progress] = field(default_factory=list)

    def report(self, progress: Progress) -> None:
        self.readings.append(progress)
        if self.dies_at is not None and (progress.recorded_bytes or 0) >= self.dies_at:
            raise WorkerDied()

    def check(self) -> None:
        return


class Desk:
    """A service with one recording, over the offline site, whose time passes only when somebody waits."""

    def __init__(self, site: OfflineYoutube, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.clock = VirtualClock(datetime.now(UTC))
        site.live = LiveStream(lambda: float(self.clock.seconds))
        environment = site.environment()
        self.settings = Settings(
            ytdlp_proxy=environment["YTDLP_PROXY"],
            ytdlp_verify_tls=False,
            ytdlp_options={"extractor_args": {"youtube": {"player_client": ["visionos"]}}},
            data_dir=folder / "data",
        )
        self.limits = RecordingLimits(hours=12, bytes=20e9, attempt_seconds=900)
        self.monitor = Monitor()
        self.waits: list[Postponed] = []
        self.params = self.wish()
        self.queued_at = self.clock.now()

    def wish(self, video: VideoId = VIDEO, **changes: Any) -> RecordingParams:
        fields = {"url": "", "youtube_video_id": video, "requested_at": self.clock.now(), **changes}
        return RecordingParams(resolution_preference="144p", **fields)

    @property
    def numbers(self) -> NumberedSite:
        return self.site.live.numbered()

    @property
    def stream(self) -> NumberedStream:
        return self.numbers.stream

    def handler(self) -> RecordingHandler:
        """That of a worker which has just started."""
        live = self.live_service()
        return RecordingHandler(live, self.youtube, self.limits, clock=self.clock)

    def live_service(self) -> LiveService:
        ffmpeg, egress = FFmpeg(find_ffmpeg("")), EgressProxy.of(self.settings)
        youtube = self.youtube = YouTubeService(
            self.settings, lookup_cache=LookupCache(self.folder / f"looks{len(self.waits)}")
        )
        return LiveService(
            self.settings,
            youtube,
            EncodingService(ffmpeg),
            ffmpeg,
            clock=self.clock,
            network=replace(media_network(self.settings), proxy=self.site.proxy_url),
            whole_cutter=RecordingCutter(CutterFactory(self.settings, ffmpeg, egress)),
        )

    def attempt(self) -> JobResult:
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        job = VideoJob(
            "1",
            Owner.user("1"),
            self.params,
            Status.PROCESSING,
            self.queued_at,
            queued_at=self.queued_at,
            queue=CAPTURES,
        )
        context = JobContext(
            job, work, self.folder / "kept", self.monitor, latest=lambda: replace(job, params=self.params)
        )
        return self.handler().run(self.params, context)

    def waited(self) -> None:
        """One attempt that has to be postponed, and the time until the next one."""
        with pytest.raises(Postponed) as wait:
            self.attempt()
        self.waits.append(wait.value)
        self.clock.sleep(wait.value.seconds)

    def to_the_end(self) -> JobResult:
        for _ in range(100):
            try:
                return self.attempt()
            except Postponed as wait:
                self.waits.append(wait)
                self.clock.sleep(wait.seconds)
        raise AssertionError(f"it never ends: {self.waits[-1]}")

    def cancel(self) -> None:
        self.params = self.params.model_copy(update={"end_requested_at": self.clock.now()})

    def on_air(self, start: Fraction, last: int) -> list[int]:
        """The frames from the segment on air at ``start`` up to that of a number."""
        begins = max((at for at in self.stream.ingested if at <= start), default=self.stream.ingested[0])
        return self.stream.frames(begins, self.stream.ingested[last + 1])


@pytest.fixture
def desk(offline_youtube: OfflineYoutube, tmp_path: Path) -> Iterator[Desk]:
    kept = offline_youtube.live
    try:
        yield Desk(offline_youtube, tmp_path)
    finally:
        offline_youtube.live = kept


def shown(result: JobResult) -> list[int]:
    return [frame.number for frame in frame_numbers(result.path)]


def test_from_the_start_through_a_restart_and_an_outage_to_the_end(desk: Desk) -> None:
    desk.params = desk.wish(from_start=True)
    desk.monitor.dies_at = 60_000
    with pytest.raises(WorkerDied):
        desk.attempt()
    there = sum(1 for _ in (desk.folder / "kept/video").glob("0-*"))
    assert 0 < there < desk.stream.head(desk.clock.seconds)
    desk.monitor = Monitor()
    desk.waited()
    assert desk.waits[-1].waiting_for is WaitsFor.SEGMENTS and 0 < desk.waits[-1].seconds <= 30
    desk.numbers.dead = True
    desk.waited()
    desk.numbers.dead = False
    desk.waited()
    last = desk.stream.head(desk.clock.seconds)
    desk.site.live.end()
    result = desk.to_the_end()
    assert shown(result) == desk.on_air(Fraction(0), last)
    report = result.report
    assert (report["complete"], report["gaps"], report["notes"], report["source"]) == (True, [], [], "post_live")
    assert result.facts["title"] and result.retains_source is False


def test_progress_shows_what_is_recorded(desk: Desk) -> None:
    desk.params = desk.wish(from_start=True)
    desk.waited()
    first = desk.monitor.readings[-1]
    assert first.phase is Phase.DOWNLOADING and first.waiting_for == "segments"
    assert 50 < (first.recorded_seconds or 0) < 80
    assert first.recorded_bytes == pytest.approx(first.bytes_done, abs=1000)
    desk.monitor = Monitor()
    desk.waited()
    then = desk.monitor.readings[-1]
    assert 20 < (then.recorded_seconds or 0) - (first.recorded_seconds or 0) < 60
    assert (then.recorded_bytes or 0) > (first.recorded_bytes or 0) > (then.bytes_done or 0) > 0


def test_from_now_on_until_its_owner_ends_it(desk: Desk) -> None:
    desk.clock.sleep(20)
    desk.params = desk.wish()
    started = desk.clock.seconds
    desk.waited()
    desk.clock.sleep(15)
    desk.cancel()
    last = desk.stream.head(desk.clock.seconds)
    result = desk.to_the_end()
    assert shown(result) in (desk.on_air(started, last), desk.on_air(started, last + 1)), "the one on air then is whole"
    report = result.report
    assert report["complete"] is True and [note["code"] for note in report["notes"]] == ["ends_early"]
    assert report["actual"]["from"] <= report["requested"]["from"]


def test_a_recording_that_is_ended_before_it_starts_is_cancelled(desk: Desk) -> None:
    desk.cancel()
    with pytest.raises(Cancelled):
        desk.attempt()


def test_the_beginning_may_be_gone(desk: Desk) -> None:
    desk.numbers.oldest = 10
    desk.params = desk.wish(from_start=True)
    desk.waited()
    desk.cancel()
    last = desk.stream.head(desk.clock.seconds)
    result = desk.to_the_end()
    first = desk.stream.ingested[10]
    assert shown(result) in (desk.on_air(first, last), desk.on_air(first, last + 1))
    (gap,) = result.report["gaps"]
    assert result.report["complete"] is False and gap["start"] == 0
    assert gap["end"] == pytest.approx(float(desk.stream.ingested[10]) - desk.site.live.began_at, abs=0.01)


def test_the_longest_time_and_the_largest_size(desk: Desk) -> None:
    desk.limits = RecordingLimits(hours=100 / 3600, bytes=20e9, attempt_seconds=900)
    desk.params = desk.wish(from_start=True)
    result = desk.to_the_end()
    assert 98 <= result.report["actual"]["duration"] <= 104
    assert "longest time" in result.report["notes"][0]["text"]
    shutil.rmtree(desk.folder / "kept")
    desk.limits = RecordingLimits(hours=12, bytes=1_000_000, attempt_seconds=900)
    result = desk.to_the_end()
    assert result.report["notes"][0]["code"] == "ends_early" and "largest size" in result.report["notes"][0]["text"]
    assert 500_000 < result.path.stat().st_size < 1_500_000


@pytest.mark.matrix(0)
def test_a_site_that_fails_for_long_ends_the_recording_with_what_there_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.services.live.whole.kind._GIVE_UP_SECONDS", 60)
    desk.params = desk.wish(from_start=True)
    desk.waited()
    last = desk.stream.head(desk.clock.seconds - Fraction(repr(desk.waits[-1].seconds)))
    desk.numbers.dead = True
    assert shown(desk.to_the_end()) == desk.on_air(Fraction(0), last)
    assert [wait.waiting_for for wait in desk.waits[1:]] == [WaitsFor.STREAM] * (len(desk.waits) - 1)


def test_only_a_running_stream_is_recorded(desk: Desk) -> None:
    for video in (VideoId.LADDER, VideoId.WAS_LIVE):
        desk.params = desk.wish(video)
        with pytest.raises(ClipRangeInvalid):
            desk.attempt()
    desk.params = desk.wish(VideoId.UPCOMING)
    with pytest.raises(LiveNotStarted):
        desk.attempt()
    desk.params = desk.wish(VideoId.UPCOMING, when_live=True)
    with pytest.raises(Postponed) as wait:
        desk.attempt()
    assert wait.value.waiting_for is WaitsFor.STREAM and wait.value.seconds >= 60
    desk.clock.sleep(timedelta(days=14).total_seconds())
    with pytest.raises(LiveNotStarted):
        desk.attempt()
