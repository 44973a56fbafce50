"""The stream downloader's endpoints: with its real engine and the way out, against a site on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pymongo.database import Database

from src.config import Settings, SettingsError
from tests.api.actors import Api
from tests.api.conftest import api_settings, app_over
from tests.engines.clip.origin import Origin
from tests.engines.egress.kit import PUBLIC, reply, running
from tests.engines.stream.sites import FILM, SMALL, GrowingSite, cut, master
from tests.tools.media_kit import cached_film, frame_numbers
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def open_api(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[Any]:
    """``open_api(origin)`` is an app that may fetch from this origin."""
    notifiers = []

    def opened(*origins: Origin, **changes: Any) -> Api:
        allowed = ",".join(origin.url("").removeprefix("http://").rstrip("/") for origin in origins)
        settings = api_settings(tmp_path, **{"allow_private_networks": allowed, **changes})
        made = app_over(settings, mongo_database, redis_client)
        notifiers.append(made.notifier)
        return made

    yield opened
    for notifier in notifiers:
        notifier.finish()


def ended(api: Api, job_id: str) -> dict[str, Any]:
    """The job at its end."""

    def look() -> dict[str, Any] | None:
        told = api.call("GET", f"/job/{job_id}")
        assert told.status_code == 200, told.text
        job = dict(told.json or {})
        if job["status"] not in ("PENDING", "PROCESSING"):
            return job
        api.services.reconciler.run(notified_before_seconds=1)  # what is tried again is rung for by the scheduler
        return None

    return eventually(look)


def begin(api: Api, path: str = "/download/", **body: Any) -> dict[str, Any]:
    reply = api.call("POST", path, json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json or {})


def test_a_playlist_from_request_to_file(open_api: Any, tmp_path: Path) -> None:
    files = {
        **cut(FILM, tmp_path, "big"),
        **cut(SMALL, tmp_path, "small"),
        "master.m3u8": master(
            "#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=320x180",
            "big.m3u8",
            "#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=192x108",
            "small.m3u8",
        ),
    }
    with Origin(files) as origin:
        api = open_api(origin)
        body = {"url": origin.url("master.m3u8"), "resolution": "192x108", "video_name": "../../my film"}
        job = begin(api, **body, use_multithreading=False)
        assert job["status"] in ("PENDING", "PROCESSING") and job["result"] is None
        done = ended(api, job["job_id"])
    assert done["status"] == "COMPLETED", done
    assert done["total_segments"] == done["downloaded_segments"] == 8 and done["progress"] == 100
    result = done["result"]
    assert result["resolution"] == "192x108" and result["video_name"] == "my film.mp4"
    assert result["original_url"] == body["url"] and result["output_path"].startswith("/media/downloads/streams/")
    fetched = api.call("GET", result["download_url"])
    assert fetched.status_code == 200 and "my film.mp4" in fetched.headers["Content-Disposition"]
    (tmp_path / "got.mp4").write_bytes(fetched.data)
    assert [frame.number for frame in frame_numbers(tmp_path / "got.mp4")] == list(range(200))
    assert list(api.services.files.downloads.joinpath(".work").iterdir()) == []
    stored = api.services.jobs.find_any(job["job_id"].split("-")[0])
    assert stored.expires_at is not None and stored.completed_at is not None
    assert (stored.expires_at - stored.completed_at).total_seconds() == pytest.approx(7 * 86_400, abs=5)
    for wrong in (
        result["download_url"][:-1],
        result["download_url"].replace("expires=", "expires=9"),
        result["output_path"],
    ):
        refused = api.call("GET", wrong)
        assert refused.status_code == 403 and refused.json["code"] == "LINK_EXPIRED"


def test_a_file_is_downloaded_and_forgotten(open_api: Any) -> None:
    film = cached_film(replace(FILM, faststart=True), ".mp4")
    with Origin({"film.mp4": film}) as origin:
        api = open_api(origin)
        job = begin(api, "/download/mp4", url=origin.url("film.mp4"), type="mp4")
        done = ended(api, job["job_id"])
    assert done["result"]["resolution"] == "320x180", done
    assert api.call("GET", done["result"]["download_url"]).data == film.read_bytes()
    gone = api.call("DELETE", f"/job/{job['job_id']}")
    assert gone.status_code == 200 and gone.json["status"] == "COMPLETED"
    missing = api.call("GET", f"/job/{job['job_id']}")
    assert missing.status_code == 404 and set(missing.json) == {"detail", "code"}
    assert api.call("GET", done["result"]["download_url"]).status_code == 404


def test_a_job_tells_how_often_its_pieces_are_tried_again(open_api: Any) -> None:
    with Origin({}) as origin:
        api = open_api(origin, stream_retries=7)
        job = begin(api, url=origin.url("none.m3u8"))
        assert job["retries"] == 7
        assert api.call("GET", f"/job/{job['job_id']}").json["retries"] == 7


def test_an_id_is_a_secret(open_api: Any) -> None:
    with Origin({}) as origin:
        api = open_api(origin)
        job_id, _, secret = begin(api, url=origin.url("none.m3u8"))["job_id"].partition("-")
        for wrong in (job_id, f"{job_id}-", f"{job_id}-{secret[:-1]}", f"{job_id}-{secret[::-1]}", "x", "-"):
            assert api.call("GET", f"/job/{wrong}").status_code == 404
            assert api.call("DELETE", f"/job/{wrong}").status_code == 404
        failed = ended(api, f"{job_id}-{secret}")
    assert failed["status"] == "FAILED" and failed["error_code"] == "MEDIA_GONE" and failed["error"]


def test_a_live_stream_is_cancelled(open_api: Any, tmp_path: Path) -> None:
    site = GrowingSite(cut(FILM, tmp_path, "film"), "film.m3u8", seconds=0.5)
    with site.origin as origin:
        api = open_api(origin)
        job = begin(api, url=origin.url("film.m3u8"), max_seconds=600)
        eventually(lambda: api.call("GET", f"/job/{job['job_id']}").json["downloaded_segments"] >= 1)
        cancelled = api.call("DELETE", f"/job/{job['job_id']}")
        assert cancelled.status_code == 200 and cancelled.json["status"] == "CANCELLED"
        api.notifier.finish()
        assert ended(api, job["job_id"])["status"] == "CANCELLED"
    assert list(api.services.files.downloads.joinpath(".work").iterdir()) == []


def test_addresses_and_the_queue_are_limited(open_api: Any) -> None:
    with Origin({"a.m3u8": b"#EXTM3U"}, round_trip_seconds=30) as origin:
        api = open_api(origin)
        api.notifier.answer = None
        jobs = [begin(api, url=origin.url("a.m3u8")) for _ in range(5)]
        refused = api.call("POST", "/download/", json={"url": origin.url("a.m3u8")})
        assert refused.status_code == 429 and refused.json["code"] == "TOO_MANY_PENDING"
        assert api.call("DELETE", f"/job/{jobs[0]['job_id']}").json["status"] == "CANCELLED"
        begin(api, url=origin.url("a.m3u8"))
        small = open_api(origin, stream_queue_size=5, stream_limit_per_address=50)
        small.notifier.answer = None
        refused = small.call("POST", "/download/", json={"url": origin.url("a.m3u8")})
        assert refused.status_code == 503 and refused.json["code"] == "QUEUE_FULL" and refused.headers["Retry-After"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://example.com/a"},
        {"url": "file:///etc/passwd"},
        {"url": "https:///a"},
        {"url": "https://example.com/a b"},
        {"url": "https://example.com/a", "resolution": "1080p"},
        {"url": "https://example.com/a", "proxy": "socks5://example.com:1"},
        {"url": "https://example.com/a", "max_seconds": 0},
        {"url": "https://example.com/a", "use_multithreading": "yes"},
    ],
)
def test_what_cannot_be_understood_is_refused(open_api: Any, body: dict[str, Any]) -> None:
    api = open_api()
    reply = api.call("POST", "/download/", json=body)
    assert reply.status_code == 400 and set(reply.json) == {"detail", "code"}, reply.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/a", "http://localhost:{port}/a", "http://[::1]:{port}/a"])
def test_nothing_is_fetched_from_inside_the_network(open_api: Any, url: str) -> None:
    with Origin({"a": b"#EXTM3U"}) as origin:
        api = open_api()
        port = origin.url("").rsplit(":", 1)[1].rstrip("/")
        failed = ended(api, begin(api, url=url.format(port=port))["job_id"])
        assert origin.requests == 0
    assert failed["status"] == "FAILED" and failed["error_code"] == "URL_FORBIDDEN", failed


def forward(request: bytes, connection: socket.socket) -> bytes:
    """Answers as a proxy that is asked for a URL."""
    line, *fields = request.decode("latin-1").split("\r\n")
    ranges = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("range:")]
    answer = httpx.get(line.split(" ")[1], headers={"Range": ranges[0]} if ranges else {}, trust_env=False, timeout=60)
    known = {name: answer.headers[name] for name in ("Content-Range", "ETag") if name in answer.headers}
    return reply(answer.content, f"{answer.status_code} OK", *(f"{name}: {text}" for name, text in known.items()))


def test_a_proxy_inside_the_network_is_used_when_the_operator_lists_it(open_api: Any) -> None:
    film = cached_film(replace(FILM, faststart=True), ".mp4")
    with Origin({"film.mp4": film}) as origin, running(forward) as proxy:
        there = f"127.0.0.1:{proxy.port}"
        source = origin.url("").removeprefix("http://").rstrip("/")
        listed = open_api(stream_proxy=f"http://{there}", allow_private_networks=f"{source},{there}")
        done = ended(listed, begin(listed, "/download/mp4", url=origin.url("film.mp4"), type="mp4")["job_id"])
        assert done["status"] == "COMPLETED", done
        used = proxy.hits
        assert used > 0

        for url in (origin.url("film.m3u8"), f"https://{PUBLIC}/film.m3u8"):
            failed = ended(listed, begin(listed, url=url, proxy=f"http://{there}")["job_id"])
            assert (failed["status"], failed["error_code"]) == ("FAILED", "URL_FORBIDDEN"), failed
            assert "proxy" in failed["error"]

        bare = open_api(stream_proxy=f"http://{there}", allow_private_networks=source)
        failed = ended(bare, begin(bare, "/download/mp4", url=origin.url("film.mp4"), type="mp4")["job_id"])
        assert (failed["status"], failed["error_code"]) == ("FAILED", "PROXY_ERROR"), failed
        assert "STREAM_PROXY" in failed["error"]
        assert proxy.hits == used


def test_the_file_of_settings_stands_behind_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        '{"temp_path": "temp", "output_path": "downloads", "default_resolution": null, "use_multithreading": false,'
        '"max_concurrent_downloads": 5, "max_queue_size": 7, "proxy": null, "chunk_size": 1048576, "max_retries": 9,'
        '"connection_timeout": 4, "ffmpeg_path": null, "clean_jobs_after_days": 3, "max_jobs_per_ip": 2}'
    )
    found = Settings.load({"STREAM_RETRIES": "1"}, None, path)
    assert (found.stream_queue_size, found.stream_limit_per_address, found.stream_retries) == (7, 2, 1)
    assert found.download_workers == 5 and not found.stream_parallel and found.stream_retention_days == 3
    path.write_text('{"max_queue": 7}')
    with pytest.raises(SettingsError, match="max_queue"):
        Settings.load({}, None, path)
