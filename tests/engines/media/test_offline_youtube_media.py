"""What the offline YouTube delivers: files, ranges, faults, live segments, and the proxy itself."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yt_dlp
from yt_dlp.utils import DownloadError

from tests.tools.media_kit import FFMPEG, decode_errors, first_last, frame_numbers, media_facts
from tests.tools.offline_youtube import (
    SITUATIONS,
    Fault,
    OfflineYoutube,
    VideoId,
)
from tests.tools.offline_youtube.clients import download, extract, plain_client
from tests.tools.offline_youtube.hls import LIVE, VOD
from tests.tools.offline_youtube.ladder import RUNGS, ladder_rung
from tests.tools.offline_youtube.player import media_url

pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow


@pytest.fixture
def plain(offline_youtube: OfflineYoutube) -> Iterator[httpx.Client]:
    """A plain HTTP client inside the site."""
    with plain_client(offline_youtube, timeout=60) as client:
        yield client


@pytest.mark.parametrize("itag", [found.itag for found in RUNGS["ladder"]])
def test_each_file_of_the_ladder_is_what_it_says(itag: int, tmp_path: Path) -> None:
    found = ladder_rung(itag)
    path = tmp_path / f"film{found.suffix}"
    path.write_bytes(found.data)
    if found.film.codec:
        assert [number for _, number in frame_numbers(path)] == list(range(500))
    facts = media_facts(path)
    assert facts.duration is not None
    assert float(facts.duration) == pytest.approx(20, abs=0.05)
    index, data = (b"sidx", b"moof") if found.suffix in (".mp4", ".m4a") else (b"\x1c\x53\xbb\x6b", b"\x1f\x43\xb6\x75")
    assert 0 < found.data.index(index) < found.data.index(data)


@pytest.mark.parametrize("video_id", [SITUATIONS.LADDER, SITUATIONS.ENCIPHERED], ids=lambda video_id: video_id.name)
def test_a_download_is_the_file(video_id: VideoId, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    path = download(offline_youtube, video_id, 134, tmp_path / "film.mp4")
    assert path.read_bytes() == ladder_rung(134).data
    assert offline_youtube.media_bytes(video_id, 134) == len(ladder_rung(134).data)


def test_a_riddle_that_is_not_solved_is_refused(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    assert plain.get(media_url(SITUATIONS.ENCIPHERED, 134, 1)).status_code == 403


def test_hls_joins_without_a_seam(offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    path = download(offline_youtube, SITUATIONS.ONLY_HLS, 91, tmp_path / "film.ts", hls_prefer_native=True)
    assert [number for _, number in frame_numbers(path)] == list(range(500))
    assert decode_errors(path) == ""
    assert len(offline_youtube.media_requests(SITUATIONS.ONLY_HLS)) == VOD[0].segment_count


def test_ffmpeg_follows_the_proxy(offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    source = media_url(SITUATIONS.LADDER, 160, 1)
    proxy = ["-tls_verify", "0", "-http_proxy", offline_youtube.proxy_url]  # FFmpeg 9 checks certificates by itself
    command = [FFMPEG, "-v", "error", *proxy, "-ss", "8", "-i", source, "-t", "4", "-c", "copy", str(path)]
    subprocess.run(command, check=True)
    assert first_last(path)[0] == 200


def test_ranges(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    url, data = media_url(SITUATIONS.LADDER, 160, 1), ladder_rung(160).data
    middle = plain.get(url, headers={"Range": "bytes=100-299"})
    assert (middle.status_code, middle.content) == (206, data[100:300])
    assert middle.headers["Content-Range"] == f"bytes 100-299/{len(data)}"
    assert plain.get(url, headers={"Range": "bytes=40000-99999999"}).content == data[40000:]
    assert plain.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert plain.get(url).content == data
    head = plain.head(url)
    assert (head.headers["Content-Length"], head.content) == (str(len(data)), b"")
    first = offline_youtube.media_requests(SITUATIONS.LADDER)[0]
    assert (first.range, first.bytes_sent, first.status) == ((100, 299), 200, 206)
    assert plain.get(media_url(SITUATIONS.LADDER, 18, 1)).status_code == 404


def test_server_without_ranges(plain: httpx.Client) -> None:
    reply = plain.get(media_url(SITUATIONS.NO_RANGES, 160, 1), headers={"Range": "bytes=100-299"})
    assert (reply.status_code, reply.content) == (200, ladder_rung(160).data)
    assert "Accept-Ranges" not in reply.headers


@pytest.mark.parametrize(("video_id", "message"), [(SITUATIONS.MEDIA_FORBIDDEN, "403"), (SITUATIONS.MEDIA_GONE, "404")])
def test_media_refused_from_the_start(
    video_id: VideoId,
    message: str,
    offline_youtube: OfflineYoutube,
    tmp_path: Path,
) -> None:
    with pytest.raises(DownloadError, match=message):
        download(offline_youtube, video_id, 160, tmp_path / "film.mp4")


@pytest.mark.parametrize("video_id", [SITUATIONS.MEDIA_UNAVAILABLE_TWICE, SITUATIONS.CUTS_EVERY_20_KB])
def test_faults_that_patience_overcomes(video_id: VideoId, offline_youtube: OfflineYoutube, tmp_path: Path) -> None:
    path = download(offline_youtube, video_id, 160, tmp_path / "film.mp4", retries=5)
    assert path.read_bytes() == ladder_rung(160).data
    assert len(offline_youtube.media_requests(video_id)) == 3


def test_urls_expire_and_a_new_extraction_gives_good_ones(
    offline_youtube: OfflineYoutube,
    plain: httpx.Client,
) -> None:
    data = ladder_rung(140).data
    expiring, _ = extract(offline_youtube, offline_youtube.url(SITUATIONS.MEDIA_EXPIRES), format="140")
    assert plain.get(expiring["url"], headers={"Range": "bytes=0-59999"}).content == data[:60000]
    with pytest.raises(httpx.RemoteProtocolError):
        plain.get(expiring["url"], headers={"Range": "bytes=60000-"})
    assert plain.get(expiring["url"]).status_code == 403
    fresh, _ = extract(offline_youtube, offline_youtube.url(SITUATIONS.MEDIA_EXPIRES), format="140")
    assert plain.get(fresh["url"]).content == data
    assert plain.get(expiring["url"]).status_code == 403
    assert offline_youtube.extractions(SITUATIONS.MEDIA_EXPIRES) == 2


def test_connection_cut_for_good(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    url, size = media_url(SITUATIONS.CUT_FOR_GOOD, 160, 1), len(ladder_rung(160).data)
    for first in (0, size // 2, size - 10):
        with pytest.raises(httpx.RemoteProtocolError):
            plain.get(url, headers={"Range": f"bytes={first}-"})
    assert offline_youtube.media_bytes(SITUATIONS.CUT_FOR_GOOD) == size // 2
    assert len(plain.get(url, headers={"Range": "bytes=0-999"}).content) == 1000


def test_stall_and_crawl(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        plain.get(media_url(SITUATIONS.STALLS, 160, 1), timeout=0.5)
    assert offline_youtube.media_bytes(SITUATIONS.STALLS) == len(ladder_rung(160).data) // 2
    with plain.stream("GET", media_url(SITUATIONS.SLOW, 160, 1), timeout=60) as reply:
        begun = time.monotonic()
        pieces = reply.iter_raw()
        assert len(next(pieces) + next(pieces)) == 2
        assert time.monotonic() - begun > 0.5


def test_fault_of_one_format_only(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    offline_youtube.fault(SITUATIONS.LADDER, Fault(status=403, itags=frozenset({140})))
    assert plain.get(media_url(SITUATIONS.LADDER, 140, 1)).status_code == 403
    assert plain.get(media_url(SITUATIONS.LADDER, 160, 1)).status_code == 200
    offline_youtube.heal(SITUATIONS.LADDER)
    assert plain.get(media_url(SITUATIONS.LADDER, 140, 1)).status_code == 200


def test_pictures(offline_youtube: OfflineYoutube, plain: httpx.Client, tmp_path: Path) -> None:
    for suffix, codec in ((".jpg", "mjpeg"), (".webp", "webp")):
        path = tmp_path / f"picture{suffix}"
        path.write_bytes(plain.get(f"https://i.ytimg.com/vi/ladder_____/hqdefault{suffix}").content)
        facts = media_facts(path).video
        assert facts is not None
        assert (facts.codec, facts.width, facts.height) == (codec, 480, 360)


# --- live -------------------------------------------------------------------------------------------------------


def live_segments(site: OfflineYoutube, plain: httpx.Client) -> tuple[list[str], str]:
    """(addresses of the segments that are on air, the playlist)."""
    info, _ = extract(site, site.url(SITUATIONS.LIVE_NOW), format="91")
    text = plain.get(info["url"]).text
    return [line for line in text.splitlines() if line.startswith("https://")], text


def test_live_window_slides(
    offline_youtube: OfflineYoutube,
    plain: httpx.Client,
    tmp_path: Path,
) -> None:
    before, text = live_segments(offline_youtube, plain)
    assert "#EXT-X-ENDLIST" not in text
    assert "#EXT-X-PROGRAM-DATE-TIME" in text
    assert len(before) == 15
    path = tmp_path / "live.ts"
    path.write_bytes(b"".join(plain.get(address).content for address in before[-3:]))
    number = int(re.findall(r"/sq/(\d+)/", before[-3])[0])
    assert [shown for _, shown in frame_numbers(path)] == list(range(number * 50, number * 50 + 150))
    offline_youtube.live.advance(40)
    after, _ = live_segments(offline_youtube, plain)
    assert set(after).isdisjoint(before)
    assert plain.get(before[0]).status_code == 404
    assert plain.get(after[-1]).status_code == 200


def test_live_film_begins_again_with_a_notice(offline_youtube: OfflineYoutube, plain: httpx.Client) -> None:
    live = offline_youtube.live
    live.advance(LIVE[0].segment_count * 2 * 5 + 10 - live.position_seconds)
    addresses, text = live_segments(offline_youtube, plain)
    before, notice, after = text.partition("#EXT-X-DISCONTINUITY\n")
    assert notice
    first = re.findall(r"/sq/(\d+)/", after)[0]
    assert int(first) == LIVE[0].segment_count * 5
    assert len(before.split("/sq/")) - 1 + len(after.split("/sq/")) - 1 == len(addresses)
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:4\n" in text


# --- the machine itself -----------------------------------------------------------------------------------------


def test_strays_are_refused_and_recorded() -> None:
    with OfflineYoutube() as site:
        for url in ("https://stray.example.org/film", "http://stray.example.net/film"):
            with pytest.raises(DownloadError):
                extract(site, url)
        assert set(site.strays) == {"stray.example.org", "stray.example.net"}
        assert site.requests == []


def test_speed_and_distance() -> None:
    size = len(ladder_rung(160).data)
    with (
        OfflineYoutube(bytes_per_second=100_000, round_trip_seconds=0.1) as site,
        plain_client(site) as client,
    ):
        begun = time.monotonic()
        client.get(media_url(SITUATIONS.LADDER, 160, 1))
        first = time.monotonic() - begun
        client.get(media_url(SITUATIONS.LADDER, 160, 1), headers={"Range": "bytes=0-9"})
        second = time.monotonic() - begun - first
    assert first >= size / 100_000 + 0.2 and second >= 0.1


def test_the_certificate_is_good_for_those_who_trust_its_authority() -> None:
    with OfflineYoutube() as site:
        trusting = ssl.create_default_context(cafile=str(site.authority))
        with httpx.Client(proxy=site.proxy_url, verify=trusting, timeout=60) as client:
            assert client.get("https://i.ytimg.com/vi/ladder_____/hqdefault.jpg").status_code == 200
        with (
            httpx.Client(proxy=site.proxy_url, timeout=60) as client,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
        ):
            client.get("https://i.ytimg.com/vi/ladder_____/hqdefault.jpg")


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.tools.offline_youtube"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        environment = ready["environment"]
        options = {"proxy": environment["YTDLP_PROXY"], "nocheckcertificate": True, "cachedir": False, "quiet": True}
        with yt_dlp.YoutubeDL(options | json.loads(environment["YTDLP_OPTIONS"])) as downloader:
            info = downloader.extract_info(ready["films"]["LADDER"], download=False)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert environment["YTDLP_VERIFY_TLS"] == "false"
    assert len([entry for entry in info["formats"] if entry["ext"] != "mhtml"]) == 26, "without the storyboards"
