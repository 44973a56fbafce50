"""A moment of a running stream from the link to the file, with the real extractor and numbered segments."""

from __future__ import annotations

import functools
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.config import Settings
from src.data.stream_clock_data import StreamClockData
from src.errors import LiveEndedNotReady
from src.models.params import LiveClipParams
from src.models.progress import SilentMonitor
from src.models.source import Extraction, LiveStatus
from src.models.time_window import Window
from src.models.video import WaitsFor
from src.services.cutting.sources import media_network
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.cutter import LiveReport, LiveTask
from src.services.live.service import LiveService, StreamNotReady
from src.services.youtube import lookup_cache
from src.services.youtube.lookup_cache import LookupCache
from src.services.youtube_service import YouTubeService
from src.utils.ffmpeg_program import find_ffmpeg
from tests.tools.live_origin import VirtualClock
from tests.tools.media_kit import frame_numbers
from tests.tools.numbered import NumberedSite
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.live import LiveStream

pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow
VIDEO = SITUATIONS.LIVE_BY_NUMBER


class TimedYouTube(YouTubeService):
    """Looks up at the time of the test."""

    clock: VirtualClock
    looked_at: datetime | None = None

    def extract(self, *args: Any, **how: Any) -> Extraction:
        if how.get("instead_of") is not None:
            how["instead_of"] = self.looked_at  # the cache on the disk has the time of day
        found = super().extract(*args, **how)
        self.looked_at = found.looked_at
        return replace(found, looked_at=self.clock.now())


class Place:
    """A service over the offline site, whose time passes only when somebody waits."""

    def __init__(self, site: OfflineYoutube, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.clock = VirtualClock(datetime.now(UTC))
        site.live = LiveStream(lambda: float(self.clock.seconds))
        site.live.advance(600)
        environment = site.environment()
        settings = Settings(
            ytdlp_proxy=environment["YTDLP_PROXY"],
            ytdlp_verify_tls=False,
            ytdlp_options={"extractor_args": {"youtube": {"player_client": ["visionos"]}}},
            data_dir=folder / "data",
        )
        ffmpeg = FFmpeg(find_ffmpeg(""))
        self.youtube = TimedYouTube(settings, lookup_cache=LookupCache(folder / "lookups"))
        self.youtube.clock = self.clock
        network = replace(media_network(settings), proxy=site.proxy_url)
        self._build = functools.partial(
            LiveService, settings, self.youtube, EncodingService(ffmpeg), ffmpeg, clock=self.clock, network=network
        )
        self.service = self._build()

    def remember(self, clocks: StreamClockData) -> None:
        """Have the times of segments stored from now on."""
        self.service = self._build(clocks=clocks)

    @property
    def numbers(self) -> NumberedSite:
        return self.site.live.numbered()

    def task(self, params: LiveClipParams) -> LiveTask:
        """Another attempt, which goes on with what the earlier ones left."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        return LiveTask(params, work, self.folder / "kept", SilentMonitor())

    def make(self, params: LiveClipParams) -> LiveReport | None:
        """As workers do it: come back when told to."""
        while True:
            try:
                task = self.task(params)
                self.service.capture(task)
                return self.service.cut(task)
            except StreamNotReady as later:
                self.clock.sleep(later.seconds)

    def wait_until_refused(self, params: LiveClipParams) -> StreamNotReady:
        """Capture until the site refuses a lookup; return what the worker is told then."""
        while True:
            try:
                self.service.capture(self.task(params))
            except StreamNotReady as later:
                if "the site refuses: RATE_LIMITED" in later.why:
                    return later
                self.clock.sleep(later.seconds)
            else:
                raise AssertionError("the site was never asked")

    def default_moment(self) -> LiveClipParams:
        """The command of a viewer, now."""
        return LiveClipParams(
            url="",
            youtube_video_id=VIDEO,
            resolution_preference="144p",
            event_at=self.clock.now() - timedelta(seconds=20),
            clip_offset=60,
            clip_duration=120,
        )

    def frames(self, params: LiveClipParams) -> list[int]:
        window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
        return self.numbers.stream.frames(window.start, window.end)


@pytest.fixture
def place(offline_youtube: OfflineYoutube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    # The cache counts the time of day, in which a slow machine needs longer for a moment than a lookup is good for.
    monkeypatch.setattr(lookup_cache, "LIVE_SECONDS", 3600.0)
    kept = offline_youtube.live
    try:
        yield Place(offline_youtube, tmp_path)
    finally:
        offline_youtube.live = kept


def shown(report: LiveReport | None) -> list[int]:
    assert report is not None
    return [frame.number for frame in frame_numbers(report.path)]


def test_the_default_moment_where_the_playlist_covers_half_a_minute(place: Place) -> None:
    params = place.default_moment()
    report = place.make(params)
    assert shown(report) == place.frames(params)
    assert report is not None and report.fields["actual"]["notes"] == [] and report.fields["source"] == "live"
    assert place.site.extractions(VIDEO) == 1
    playlists = [r for r in place.site.requests if r.path.startswith("/api/manifest/hls_playlist")]
    assert playlists == []


@pytest.mark.matrix(0)
@pytest.mark.parametrize("states_time", [True, False], ids=["half a minute", "half a minute without a clock"])
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_random_moments(place: Place, seed: int, states_time: bool) -> None:
    """The default window at any instant, whatever the playlist has."""
    place.site.live.states_time = states_time
    place.clock.sleep(random.Random(seed).randrange(600_000) / 1000)
    params = place.default_moment()
    report = place.make(params)
    assert shown(report) == place.frames(params)
    assert report is not None and report.fields["complete"] is True and report.fields["actual"]["notes"] == []


def test_links_that_die_after_half_a_minute(place: Place) -> None:
    """One extraction for each lifetime, and a redirect to another host that is kept."""
    place.numbers.life = Fraction(30)
    place.numbers.moves_to = "rr2---sn-offline.googlevideo.com"
    params = place.default_moment()
    assert shown(place.make(params)) == place.frames(params)
    assert place.site.extractions(VIDEO) <= 6


def test_a_moment_in_which_the_audio_goes_back_by_half_a_packet(place: Place) -> None:
    """As where an encoder starts again; the offline film does so at its end, every 180 s."""
    seam = datetime.fromtimestamp(float(place.numbers.stream.ingested[0]) + 360, UTC)
    params = place.default_moment().model_copy(update={"event_at": seam, "clip_offset": 10, "clip_duration": 20})
    report = place.make(params)
    assert shown(report) == place.frames(params)
    assert report is not None and report.fields["actual"]["notes"] == []


def test_a_stream_that_ends_meanwhile_is_completed_from_its_segments(place: Place) -> None:
    params = place.default_moment()
    with pytest.raises(StreamNotReady):
        place.service.capture(place.task(params))
    place.clock.sleep(30)
    ended_at = place.site.live.now
    place.site.live.end()
    place.clock.sleep(120)
    report = place.make(params)
    window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
    stream = place.numbers.stream
    last = stream.head(ended_at)
    assert shown(report) == stream.frames(window.start, window.end, last=last)
    assert report is not None and report.fields["source"] == "post_live"


@pytest.mark.parametrize("heals", [True, False], ids=["for a minute", "for good"])
def test_lookups_that_are_refused_meanwhile_cost_nothing_that_was_captured(place: Place, heals: bool) -> None:
    """Links die after half a minute, and the site wants no more requests from here."""
    place.numbers.life = Fraction(30)
    params = place.default_moment()
    with pytest.raises(StreamNotReady):
        place.service.capture(place.task(params))
    place.site.fault(VIDEO, Fault(extraction_status=429))
    later = place.wait_until_refused(params)
    assert later.waiting_for is WaitsFor.STREAM
    if heals:
        place.clock.sleep(later.seconds)
        place.site.heal(VIDEO)
    report = place.make(params)
    assert report is not None and report.fields["complete"] is heals
    frames = place.frames(params)
    assert shown(report) == frames if heals else shown(report) == frames[: len(shown(report))] != []


def test_where_numbers_do_not_work_the_playlist_is_followed(place: Place) -> None:
    place.numbers.dead = True
    params = place.default_moment()
    now = place.clock.now()
    near = params.model_copy(update={"event_at": now, "clip_offset": 20, "clip_duration": 12})
    report = place.make(near)
    assert report is not None and len(shown(report)) == 12 * 25


def test_a_stream_that_has_ended_has_no_clips_of_its_last_hours(place: Place) -> None:
    assert place.youtube.extract(VIDEO).numbered
    place.site.live.end()
    with pytest.raises(LiveEndedNotReady):
        place.youtube.extract(VIDEO, instead_of=datetime.now(UTC))
    found = place.youtube.extract(VIDEO, instead_of=datetime.now(UTC), numbered=True)
    assert found.info.live_status is LiveStatus.POST_LIVE and found.info.formats == ()
    assert {entry.id for entry in found.numbered} == {"140", "160", "133"} == set(found.media)
