"""Clips of a recording state exact wall-clock times where other clips captured the stream while it ran."""

from __future__ import annotations

import bisect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from pymongo.database import Database

from src.config import Settings
from src.data.stream_clock_data import StreamClockData
from src.models.progress import SilentMonitor
from src.models.stream_clock import Anchor
from src.services.cutting.sources import media_network
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.cutter import LiveTask
from src.services.video_service import VideoService
from src.services.youtube.lookup_cache import LookupCache
from src.services.youtube_service import YouTubeService
from src.utils.ffmpeg_program import find_ffmpeg
from tests.engines.live.test_numbered_site import VIDEO, Place, place

__all__ = ["place"]
pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow


def test_an_ordinary_clip_of_a_stream_that_was_seen(place: Place, mongo_database: Database[dict[str, Any]]) -> None:
    clocks, stream = StreamClockData(mongo_database), place.numbers.stream
    place.remember(clocks)
    began = stream.ingested[0]
    moment = place.default_moment().model_copy(
        update={"event_at": datetime.fromtimestamp(float(began + 40), UTC), "clip_offset": 10, "clip_duration": 20}
    )
    work = place.folder / "work"
    work.mkdir()
    place.service.capture(LiveTask(moment, work, place.folder / "kept", SilentMonitor()))
    place.site.live.end()
    place.site.live.recorded = True
    environment, ffmpeg = place.site.environment(), FFmpeg(find_ffmpeg(""))
    settings = Settings(ytdlp_proxy=environment["YTDLP_PROXY"], ytdlp_verify_tls=False, data_dir=place.folder / "data")
    youtube = YouTubeService(settings, lookup_cache=LookupCache(place.folder / "later"))
    network = replace(media_network(settings), proxy=place.site.proxy_url)
    videos = VideoService(settings, youtube, EncodingService(ffmpeg), ffmpeg, network=network, stream_clock=clocks.find)
    url = f"https://www.youtube.com/watch?v={VIDEO}"
    report = videos.download_video_segment(url, "35.3", "37.9", work / "clip.mp4", resolution_preference="144p")
    fields = report.to_fields()
    number = bisect.bisect_right(stream.media_at, Fraction("35.3")) - 1
    expected = stream.ingested[number] + Fraction("35.3") - stream.media_at[number]
    told = datetime.fromisoformat(fields["requested"]["from"])
    assert abs(Fraction(told.timestamp()) - expected) <= Fraction(1, 1000)
    assert fields["actual"]["clock_uncertainty"] == 0
    far = videos.download_video_segment(url, "130", "131", work / "far.mp4", resolution_preference="144p")
    assert far.to_fields()["actual"]["clock_uncertainty"] == 1


def test_the_times_of_a_stream_that_runs_for_years_fit_into_the_store(mongo_database: Database[dict[str, Any]]) -> None:
    clocks, until = StreamClockData(mongo_database), datetime.now(UTC) + timedelta(days=30)
    anchors = {
        number: Anchor(Fraction(2 * number), Fraction(2), Fraction(2 * number)) for number in (7, 999, 1000, 5007)
    }
    clocks.note("video", ["first"], {7: anchors[7], 5007: anchors[5007]}, until)
    clocks.note("video", ["first"], {999: anchors[999], 1000: anchors[1000]}, until)
    clocks.note("another", ["first"], {1: anchors[7]}, until)
    assert clocks.find("video").anchors == tuple(anchors.values())
    stored = mongo_database[StreamClockData.COLLECTION].find({"video_id": "video"})
    assert sorted(len(document["segments"]) for document in stored) == [1, 1, 2]
    clocks.note("video", ["second"], {5000: anchors[7]}, until)
    assert not clocks.find("video"), "nobody knows where the second broadcast starts in the recording"
