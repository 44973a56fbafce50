"""What the offline YouTube tells: each situation as the real yt-dlp understands it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yt_dlp
from yt_dlp.utils import DownloadError

from tests.tools.offline_youtube import (
    CHANNEL_HANDLE,
    CHANNEL_ID,
    PLAYLIST_ID,
    PLAYLIST_PAGES,
    QUIET_HANDLE,
    SITUATIONS,
    Fault,
    OfflineYoutube,
    VideoId,
)
from tests.tools.offline_youtube.clients import Heard, download, extract, plain_client
from tests.tools.offline_youtube.ladder import ladder_rung

pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow

MESSAGES = {
    VideoId.PRIVATE: "Private video",
    VideoId.REMOVED: "has been removed",
    VideoId.UNAVAILABLE: "Video unavailable$",
    VideoId.ACCOUNT_TERMINATED: "has been terminated",
    VideoId.COPYRIGHT: "copyright claim",
    VideoId.AGE_RESTRICTED: "confirm your age",
    VideoId.GEO_BLOCKED: "not made this video available in your country\nThis video is available in Germany, France",
    VideoId.GEO_BLOCKED_BY_OWNER: "blocked it in your country",
    VideoId.MEMBERS_ONLY: "members-only",
    VideoId.PREMIUM_ONLY: "Music Premium members",
    VideoId.PAYMENT_REQUIRED: "requires payment",
    VideoId.BOT_CHECK: "confirm you\N{RIGHT SINGLE QUOTATION MARK}re not a bot",
    VideoId.SESSION_RATE_LIMITED: "rate-limited by YouTube",
    VideoId.RATE_LIMITED: "Failed to extract any player response",
    VideoId.IP_BLOCKED: "All player responses are invalid",
    VideoId.DRM: "DRM protected",
    VideoId.UPCOMING: "live event will begin",
    VideoId.PREMIERE: "Premieres in",
    VideoId.LIVE_ENDED_NOT_READY: "live event has ended",
    VideoId.RECORDING_NOT_READY: "recording is not available",
    VideoId.EXTRACTOR_BROKEN: "page needs to be reloaded",
    VideoId.APP_OUTDATED: "not available on this app",
    VideoId.FORMATS_WITHHELD: "No video formats found",
    VideoId.LIVE_WITHHELD: "No video formats found",
    VideoId.CIPHER_UNSOLVABLE: "No video formats found",
}
TELLING_WARNINGS = {
    VideoId.RATE_LIMITED: "HTTP Error 429",
    VideoId.IP_BLOCKED: "instead of",
    VideoId.DRM: "DRM protected",
    VideoId.FORMATS_WITHHELD: "missing a URL",
    VideoId.LIVE_WITHHELD: "missing a URL",
    VideoId.CIPHER_UNSOLVABLE: "(n challenge|Signature) solving failed",
}
SHAPES = {
    VideoId.WAS_LIVE: (26, "was_live"),
    VideoId.NO_AUDIO: (22, "not_live"),
    VideoId.ONLY_PROGRESSIVE: (1, "not_live"),
    VideoId.ONLY_HLS: (2, "not_live"),
    VideoId.LIVE_NOW: (2, "is_live"),
    VideoId.ENCIPHERED: (26, "not_live"),
    VideoId.MEDIA_FORBIDDEN: (26, "not_live"),
}


def media(info: dict[str, Any]) -> list[dict[str, Any]]:
    """The formats with a picture or a sound: not the storyboards."""
    return [entry for entry in info["formats"] if entry["protocol"] != "mhtml"]


LINKS = (
    "https://youtu.be/ladder_____?t=3",
    "https://m.youtube.com/watch?v=ladder_____",
    "https://www.youtube.com/shorts/ladder_____",
    "https://www.youtube.com/live/ladder_____",
    "https://www.youtube.com/embed/ladder_____",
)


@pytest.fixture
def plain(offline_youtube: OfflineYoutube) -> Iterator[httpx.Client]:
    """A plain HTTP client inside the site."""
    with plain_client(offline_youtube, timeout=60) as client:
        yield client


@pytest.mark.parametrize("video_id", MESSAGES, ids=lambda video_id: video_id.name)
def test_refusal_is_told_in_the_site_s_words(video_id: VideoId, offline_youtube: OfflineYoutube) -> None:
    heard = Heard()
    with (
        yt_dlp.YoutubeDL({**offline_youtube.options(), "logger": heard, "cachedir": False}) as downloader,
        pytest.raises(DownloadError, match=MESSAGES[video_id]),
    ):
        downloader.extract_info(offline_youtube.url(video_id), download=False)
    assert re.search(TELLING_WARNINGS.get(video_id, "^$"), "\n".join(heard.warnings))


def test_the_ladder_has_every_resolution_in_every_codec(offline_youtube: OfflineYoutube) -> None:
    info, warnings = extract(offline_youtube, offline_youtube.url(SITUATIONS.LADDER))
    found = {(f["ext"], f["vcodec"].partition(".")[0], f.get("height")) for f in media(info)}
    pictures = {("mp4", "avc1", h) for h in (144, 240, 360, 480, 720, 1080)}
    for height in (144, 240, 360, 480, 720, 1080, 1440, 2160):
        pictures |= {("webm", "vp9", height), ("mp4", "av01", height)}
    assert found == pictures | {("m4a", "none", None), ("webm", "none", None)}
    assert {f["acodec"] for f in media(info)} == {"none", "mp4a.40.2", "opus"}
    assert all(f["filesize"] == len(ladder_rung(int(f["format_id"])).data) for f in media(info))
    assert (info["duration"], info["upload_date"], info["channel"], info["like_count"]) == (
        20,
        "20260301",
        "Offline Films",
        678,
    )
    assert [chapter["start_time"] for chapter in info["chapters"]] == [0, 10, 15]
    assert warnings == []
    assert offline_youtube.extractions(SITUATIONS.LADDER) == 1


@pytest.mark.parametrize("video_id", SHAPES, ids=lambda video_id: video_id.name)
def test_formats_and_liveness(video_id: VideoId, offline_youtube: OfflineYoutube) -> None:
    info, _ = extract(offline_youtube, offline_youtube.url(video_id))
    assert (len(media(info)), info["live_status"]) == SHAPES[video_id]


@pytest.mark.parametrize(("video_id", "fps"), [(VideoId.FPS_30000_1001, 30), (VideoId.FPS_60, 60)])
def test_other_frame_rates(video_id: VideoId, fps: int, offline_youtube: OfflineYoutube) -> None:
    info, _ = extract(offline_youtube, offline_youtube.url(video_id))
    assert {f["fps"] for f in media(info) if f.get("height")} == {fps}


def test_yt_dlp_s_own_choice_of_clients_works_too(offline_youtube: OfflineYoutube) -> None:
    for video_id in (SITUATIONS.LADDER, SITUATIONS.ENCIPHERED):
        info, _ = extract(offline_youtube, offline_youtube.url(video_id), extractor_args={})
        assert len(media(info)) == 26


def test_a_client_without_its_token_is_told_so(offline_youtube: OfflineYoutube) -> None:
    heard = Heard()
    arguments = {"youtube": {"player_client": ["mweb"]}}
    options = {**offline_youtube.options(), "logger": heard, "extractor_args": arguments, "cachedir": False}
    with yt_dlp.YoutubeDL(options) as downloader, pytest.raises(DownloadError):
        downloader.extract_info(offline_youtube.url(SITUATIONS.LADDER), download=False)
    assert "require a GVS PO Token" in "\n".join(heard.warnings)


@pytest.mark.parametrize("link", LINKS)
def test_other_forms_of_a_link(link: str, offline_youtube: OfflineYoutube) -> None:
    assert extract(offline_youtube, link)[0]["id"] == SITUATIONS.LADDER


def test_playlist_of_two_pages(offline_youtube: OfflineYoutube) -> None:
    url = f"https://www.youtube.com/playlist?list={PLAYLIST_ID}"
    info, _ = extract(offline_youtube, url, extract_flat=True)
    assert [entry["id"] for entry in info["entries"]] == [video_id for part in PLAYLIST_PAGES for video_id in part]
    assert info["title"] == "Offline playlist"


@pytest.mark.parametrize("name", [CHANNEL_HANDLE, f"channel/{CHANNEL_ID}"])
def test_channel_that_is_live(name: str, offline_youtube: OfflineYoutube) -> None:
    info, _ = extract(offline_youtube, f"https://www.youtube.com/{name}/live")
    assert (info["id"], info["live_status"]) == (SITUATIONS.LIVE_NOW, "is_live")


def test_channel_that_is_not_live(offline_youtube: OfflineYoutube) -> None:
    with pytest.raises(DownloadError, match="not currently live"):
        extract(offline_youtube, f"https://www.youtube.com/{QUIET_HANDLE}/live")


def test_captions(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    info, _ = extract(offline_youtube, offline_youtube.url(SITUATIONS.CAPTIONS))
    assert set(info["subtitles"]) == {"en", "de"}
    assert {"en", "en-orig", "de", "fr"} == set(info["automatic_captions"])
    written = {track["ext"]: track["url"] for track in info["subtitles"]["de"]}
    assert "00:00:04.000 --> 00:00:06.000\nde written 4" in plain.get(written["vtt"]).text
    assert plain.get(written["json3"]).json()["events"][2]["segs"] == [{"utf8": "de written 4"}]
    translated = {track["ext"]: track["url"] for track in info["automatic_captions"]["fr"]}
    assert "fr automatic 0" in plain.get(translated["vtt"]).text


def test_captions_that_are_rate_limited_fail_the_download(offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="429"):
        download(
            offline_youtube,
            SITUATIONS.CAPTIONS_RATE_LIMITED,
            160,
            tmp_path / "film.mp4",
            writesubtitles=True,
            subtitleslangs=["en"],
        )


def test_slow_answer(offline_youtube: OfflineYoutube) -> None:
    assert offline_youtube.fault_of(SITUATIONS.SLOW_EXTRACTION).extraction_seconds == 10
    offline_youtube.fault(SITUATIONS.SLOW_EXTRACTION, Fault(extraction_seconds=0.5))
    begun = time.monotonic()
    extract(offline_youtube, offline_youtube.url(SITUATIONS.SLOW_EXTRACTION))
    assert time.monotonic() - begun > 0.5
