"""A clip by its times from the start of a stream that still runs: what was on air, also what comes later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from src.config import Settings
from src.errors import ClipRangeInvalid, LiveNotStarted, LiveNotSupported
from src.models.media_source import NetworkSettings
from src.models.params import ClipParams
from src.models.progress import SilentMonitor
from src.models.source import LiveStatus
from src.models.video import Owner, Status, VideoJob
from src.services.clips.kind import ClipHandler
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.jobs.handler import JobContext, JobResult, Postponed
from src.services.live.kind import LiveClipHandler
from src.services.live.ranges import StreamRanges
from src.services.live.service import LiveService
from src.services.video_service import VideoService
from src.utils.ffmpeg_program import find_ffmpeg
from tests.engines.live.bench import BEGAN, began, on_air, plain
from tests.engines.live.site import VIDEO, LiveSite
from tests.tools.live_origin import Broadcast, LiveOrigin, VirtualClock
from tests.tools.media_kit import frame_numbers

pytestmark = pytest.mark.slow


@dataclass
class Worker:
    """A worker with one job, 200 seconds after the stream began."""

    site: LiveSite
    handler: ClipHandler
    folder: Path
    broadcast: Broadcast
    waits: list[float]
    queue: str | None = None

    def attempt(self, start: float, end: float, *, when_live: bool = False) -> JobResult:
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        params = ClipParams(
            url="https://www.youtube.com/watch?v=" + VIDEO,
            youtube_video_id=VIDEO,
            start_time=start,
            end_time=end,
            resolution_preference="144p",
            when_live=when_live,
        )
        now = BEGAN + timedelta(seconds=200)
        job = VideoJob("1", Owner.user("1"), params, Status.PROCESSING, now, queued_at=now, queue=self.queue)
        try:
            return self.handler.run(params, JobContext(job, work, self.folder / "kept", SilentMonitor()))
        except Postponed as wait:
            self.queue = wait.queue or self.queue
            raise

    def to_the_end(self, start: float, end: float) -> JobResult:
        """Come back as late as a postponed job does."""
        while True:
            try:
                return self.attempt(start, end)
            except Postponed as wait:
                self.waits.append(wait.seconds)
                self.site.origin.clock.sleep(wait.seconds)

    def numbers(self, first: float, last: float) -> list[int]:
        return self.broadcast.stream.numbers(began() + Fraction(str(first)), began() + Fraction(str(last)))


@pytest.fixture(scope="module")
def origin() -> Iterator[LiveOrigin]:
    with LiveOrigin(VirtualClock(BEGAN)) as running:
        yield running


@pytest.fixture
def worker(origin: LiveOrigin, tmp_path: Path) -> Worker:
    broadcast, site = on_air(origin, plain()), LiveSite(origin, BEGAN)
    origin.clock.set(began() + 200)
    settings, ffmpeg, youtube = Settings(), FFmpeg(find_ffmpeg("")), cast(Any, site)
    encoder = EncodingService(ffmpeg)
    videos = VideoService(settings, youtube, encoder, ffmpeg)
    live = LiveService(settings, youtube, encoder, ffmpeg, clock=origin.clock, network=NetworkSettings())
    moments = LiveClipHandler(live, videos, youtube, clock=origin.clock)
    handler = ClipHandler(videos, StreamRanges(moments, youtube, clock=origin.clock))
    return Worker(site, handler, tmp_path, broadcast, [])


def shown(result: JobResult) -> list[int]:
    return [frame.number for frame in frame_numbers(result.path)]


def test_a_range_from_the_past_into_the_future(worker: Worker) -> None:
    result = worker.to_the_end(190.4, 262.2)
    assert shown(result) == worker.numbers(190.4, 262.2) and worker.waits
    assert result.report["complete"] is True and result.repair is None
    assert (result.report["source"], result.report["actual"]["start"]) == ("live", 190.4)
    requested = result.report["requested"]
    assert (requested["start"], requested["end"], requested["from"]) == (190.4, 262.2, "2026-01-18T10:03:10.880Z")
    assert result.facts["title"] == "A stream"
    assert not {"start_time", "end_time"} & result.facts.keys(), "the request stays as it was"


def test_a_range_that_starts_later_takes_no_worker_until_then(worker: Worker) -> None:
    with pytest.raises(Postponed) as wait:
        worker.attempt(500, 508)
    assert 270 < wait.value.seconds < 300 and worker.broadcast.requests.total() == 0
    assert shown(worker.to_the_end(500, 508)) == worker.numbers(500, 508)
    assert worker.site.extractions <= 3


def test_the_stream_ends_before_the_range_does(worker: Worker) -> None:
    worker.broadcast.stream.ended_at = began() + 230
    result = worker.to_the_end(195, 300)
    assert shown(result) == worker.numbers(195, 230)
    assert [note["code"] for note in result.report["notes"]] and result.report["complete"] is True


def test_the_stream_ends_before_the_range_starts(worker: Worker) -> None:
    with pytest.raises(Postponed):
        worker.attempt(500, 508)
    worker.site.status, worker.site.duration = LiveStatus.WAS_LIVE, 230
    with pytest.raises(ClipRangeInvalid):
        worker.to_the_end(500, 508)


def test_without_the_start_of_the_stream_there_is_no_range(worker: Worker) -> None:
    worker.site.released_at = cast(Any, None)
    with pytest.raises(LiveNotSupported):
        worker.attempt(190, 195)


def test_a_stream_that_starts_is_captured_from_its_first_second(worker: Worker) -> None:
    worker.site.status = LiveStatus.IS_UPCOMING
    with pytest.raises(LiveNotStarted):
        worker.attempt(180, 190)
    with pytest.raises(Postponed) as wait:
        worker.attempt(180, 190, when_live=True)
    assert 60 <= wait.value.seconds <= 900
    worker.site.status = LiveStatus.IS_LIVE
    assert shown(worker.to_the_end(180, 190)) == worker.numbers(180, 190)
