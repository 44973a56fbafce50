"""The real yt-dlp against a server that plays YouTube: facts, formats, and every refusal with its code."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from src import errors
from src.config import Settings
from src.errors import SourceError
from src.models.progress import Progress
from src.models.source import LiveStatus
from src.services.youtube_service import YouTubeService
from src.utils.stream_names import name_of_video
from src.utils.validators import canonical_url
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube, VideoId
from tests.tools.offline_youtube.faults import Fault
from tests.tools.waiting import HANG_SECONDS, within

pytestmark = pytest.mark.slow

REFUSALS = {
    SITUATIONS.PRIVATE: errors.VideoPrivate,
    SITUATIONS.REMOVED: errors.VideoRemoved,
    SITUATIONS.UNAVAILABLE: errors.VideoUnavailable,
    SITUATIONS.ACCOUNT_TERMINATED: errors.VideoRemoved,
    SITUATIONS.COPYRIGHT: errors.CopyrightBlocked,
    SITUATIONS.AGE_RESTRICTED: errors.AgeRestricted,
    SITUATIONS.GEO_BLOCKED: errors.GeoBlocked,
    SITUATIONS.GEO_BLOCKED_BY_OWNER: errors.GeoBlocked,
    SITUATIONS.MEMBERS_ONLY: errors.MembersOnly,
    SITUATIONS.PREMIUM_ONLY: errors.PremiumOnly,
    SITUATIONS.PAYMENT_REQUIRED: errors.PremiumOnly,
    SITUATIONS.BOT_CHECK: errors.BotCheck,
    SITUATIONS.SESSION_RATE_LIMITED: errors.RateLimited,
    SITUATIONS.RATE_LIMITED: errors.RateLimited,
    SITUATIONS.IP_BLOCKED: errors.IpBlocked,
    SITUATIONS.DRM: errors.DrmProtected,
    SITUATIONS.UPCOMING: errors.LiveNotStarted,
    SITUATIONS.PREMIERE: errors.LiveNotStarted,
    SITUATIONS.LIVE_ENDED_NOT_READY: errors.LiveEndedNotReady,
    SITUATIONS.RECORDING_NOT_READY: errors.LiveEndedNotReady,
    SITUATIONS.EXTRACTOR_BROKEN: errors.ExtractorBroken,
    SITUATIONS.APP_OUTDATED: errors.ExtractorBroken,
    SITUATIONS.FORMATS_WITHHELD: errors.FormatsWithheld,
    SITUATIONS.LIVE_WITHHELD: errors.FormatsWithheld,
    SITUATIONS.CIPHER_UNSOLVABLE: errors.JsRuntimeRequired,
}


class Notebook:
    """A cache that shows what was put into it."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, float]] = {}

    def get(self, key: str) -> Any | None:
        return self.values[key][0] if key in self.values else None

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        self.values[key] = (value, ttl_seconds)
        return True


class Stopped:
    """A monitor of a job that was cancelled."""

    def report(self, progress: Progress) -> None:
        """Nobody listens."""

    def check(self) -> None:
        raise errors.Cancelled


@pytest.fixture(scope="module")
def site() -> Iterator[OfflineYoutube]:
    with OfflineYoutube() as running:
        yield running


def service(site: OfflineYoutube, cache: Notebook | None = None, **env: str) -> YouTubeService:
    return YouTubeService(Settings.load({**site.environment(), **env}, dotenv=None), cache)


def test_the_facts_of_a_video(site: OfflineYoutube) -> None:
    info = service(site).get_video_info(SITUATIONS.LADDER)
    assert (info.id, info.title) == (SITUATIONS.LADDER, "Offline film: ladder")
    assert info.url == canonical_url(SITUATIONS.LADDER)
    assert (info.duration_seconds, info.view_count, info.uploader) == (20, 12345, "Offline Films")
    assert info.uploaded_on == date(2026, 3, 1)
    assert info.thumbnail is not None
    assert info.thumbnail.startswith("https://i.ytimg.com/")
    assert (info.live_status, info.changes_soon) == (LiveStatus.NOT_LIVE, False)


def test_what_can_be_chosen(site: OfflineYoutube) -> None:
    youtube = service(site, Notebook())
    assert youtube.get_available_formats(SITUATIONS.LADDER) == ["2160p", "1440p", "1080p", "720p"]
    table = youtube.format_table(SITUATIONS.LADDER)
    assert table.extensions == ("mp4", "webm")
    assert table.formats == dict.fromkeys(table.resolutions, ("mp4", "webm"))


@pytest.mark.parametrize("video_id", REFUSALS, ids=lambda video_id: video_id.name.lower())
def test_each_refusal_has_its_code(site: OfflineYoutube, video_id: VideoId) -> None:
    with pytest.raises(SourceError) as told:
        service(site).extract(video_id)
    assert type(told.value) is REFUSALS[video_id], told.value.message
    assert "://" not in told.value.message
    assert "--" not in told.value.message


def test_enciphered_addresses_are_solved_by_the_javascript_runtime(
    site: OfflineYoutube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # as under systemd: the environment's own bin is not on it
    found = service(site, YTDLP_OPTIONS="{}").extract(SITUATIONS.ENCIPHERED)
    assert found.info.formats
    assert all("sig" in address.url or "n=" in address.url for address in found.media.values())


def test_a_stream_that_has_not_started_has_facts(site: OfflineYoutube) -> None:
    info = service(site).get_video_info(SITUATIONS.UPCOMING)
    assert info.live_status is LiveStatus.IS_UPCOMING
    assert info.release_at is not None
    assert timedelta(hours=1) < info.release_at - datetime.now(UTC) < timedelta(hours=3)


def test_a_stream_that_is_known_to_start_later_is_told_with_its_time(site: OfflineYoutube) -> None:
    youtube = service(site, Notebook())
    name = name_of_video(SITUATIONS.UPCOMING)
    assert youtube.known_live_stream(name) == SITUATIONS.UPCOMING, "nobody has looked yet"
    with pytest.raises(errors.LiveNotStarted, match=r"starts at 20\d\d-"):
        youtube.extract(SITUATIONS.UPCOMING)
    asked = len(site.requests)
    with pytest.raises(errors.LiveNotStarted, match=r"starts at 20\d\d-"):
        youtube.known_live_stream(name)
    assert len(site.requests) == asked


def test_a_stream_that_runs_is_told(site: OfflineYoutube) -> None:
    assert service(site).get_video_info(SITUATIONS.LIVE_NOW).changes_soon


def test_facts_are_cached_and_addresses_are_not(site: OfflineYoutube) -> None:
    cache = Notebook()
    youtube = service(site, cache)
    first = youtube.get_video_info(SITUATIONS.WAS_LIVE)
    asked = len(site.requests)
    assert youtube.get_video_info(SITUATIONS.WAS_LIVE) == first
    assert youtube.format_table(SITUATIONS.WAS_LIVE).resolutions
    assert len(site.requests) == asked
    (key,) = cache.values
    assert cache.values[key][1] == 600
    assert "googlevideo" not in str(cache.values)
    youtube.extract(SITUATIONS.WAS_LIVE)
    assert len(site.requests) > asked


def test_what_will_change_soon_is_cached_shortly(site: OfflineYoutube) -> None:
    cache = Notebook()
    service(site, cache).get_video_info(SITUATIONS.UPCOMING)
    assert [seconds for _, seconds in cache.values.values()] == [20]


def test_many_who_ask_at_once_cost_one_look_up(site: OfflineYoutube) -> None:
    youtube = service(site)
    gate = threading.Barrier(6)

    def ask() -> str:
        gate.wait(60)
        return youtube.get_video_info(SITUATIONS.CAPTIONS).title

    with ThreadPoolExecutor(6) as pool:
        assert len({answer.result(30) for answer in [pool.submit(ask) for _ in range(6)]}) == 1
    assert site.extractions(SITUATIONS.CAPTIONS) == 1


def test_cancelling_does_not_wait_for_the_site(site: OfflineYoutube) -> None:
    site.fault(SITUATIONS.SLOW_EXTRACTION, Fault(extraction_seconds=10 * HANG_SECONDS))
    with within(), pytest.raises(errors.Cancelled):
        service(site).extract(SITUATIONS.SLOW_EXTRACTION, Stopped())


def test_a_site_that_does_not_answer_is_a_time_out(site: OfflineYoutube) -> None:
    youtube = service(site, YTDLP_OPTIONS=_with_options(site, socket_timeout=1, extractor_retries=0))
    with pytest.raises(errors.NetworkTimeout):
        youtube.extract(SITUATIONS.SLOW_EXTRACTION)


def test_a_proxy_that_is_not_there(site: OfflineYoutube) -> None:
    youtube = service(site, YTDLP_PROXY="http://127.0.0.1:9")
    with pytest.raises(errors.ProxyError) as told:
        youtube.extract(SITUATIONS.LADDER)
    assert "127.0.0.1" not in told.value.message


def test_a_certificate_that_nobody_vouches_for(site: OfflineYoutube) -> None:
    youtube = service(site, YTDLP_VERIFY_TLS="true")
    with pytest.raises(errors.TlsError):
        youtube.extract(SITUATIONS.LADDER)


def test_cookies_are_sent_and_their_file_is_left_alone(site: OfflineYoutube, tmp_path: Any) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t1999999999\tVISITOR\tsomebody\n"
    cookies.write_text(text)
    cookies.chmod(0o400)
    service(site, YTDLP_COOKIES_FILE=str(cookies)).get_video_info(SITUATIONS.NO_AUDIO)
    assert cookies.read_text() == text
    sent = [request.headers.get("cookie", "") for request in site.requests if request.host == "www.youtube.com"]
    assert any("VISITOR=somebody" in header for header in sent)


def _with_options(site: OfflineYoutube, **more: Any) -> str:
    return json.dumps({**json.loads(site.environment().get("YTDLP_OPTIONS", "{}")), **more})
