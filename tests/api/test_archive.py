"""The archive services: what becomes of files, who comes in, words for errors, searching."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from pymongo.database import Database
from werkzeug.test import TestResponse

from src import errors
from src.app import create_app
from src.bootstrap import build, prepare_database
from src.config import SettingsError
from src.data.server_clock import ServerClock
from src.middleware.tokenless_callers import from_allowed_network
from src.routes.archive_codes import documented_code
from src.services.jobs.counters import JobCounters
from src.utils.addresses import read_networks
from tests.api.actors import Api, Person
from tests.api.conftest import api_settings
from tests.api.test_contracts import INFO
from tests.tools.fakes import FakeEngine, RecordingNotifier
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

VIDEO, OTHER = "dQw4w9WgXcQ", "jNQXAC9IVRw"
FILMS = {
    "aaaaaaaaaaa": {"title": "Café am Meer", "description": "Ein Film über Wellen", "duration": 60},
    "bbbbbbbbbbb": {"title": "Waves and the sea", "description": "no cafe in it", "duration": 120},
    "ccccccccccc": {"title": "пример", "description": "the WAVES again", "duration": 30},
}


@pytest.fixture
def archive(api: Api) -> Api:
    """An archive with nothing in it."""
    api.engine.info = INFO
    return api


def wait_a_millisecond(server: ServerClock) -> None:
    began = server.now()
    eventually(lambda: server.now() > began)


@pytest.fixture(scope="module")
def films(
    mongo_uri: str, redis_uri: str, _mongo_client: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An archive of three films for all tests that change nothing."""
    database: Database[dict[str, Any]] = _mongo_client["test_archive_films"]
    engine, notifier = FakeEngine(info=INFO), RecordingNotifier()
    services = build(
        api_settings(tmp_path_factory.mktemp("films"), redis_uri=redis_uri),
        notifier=notifier,
        database=database,
        youtube=cast(Any, engine),
        encoder=cast(Any, engine),
        videos=cast(Any, engine),
    )
    prepare_database(database)
    server = ServerClock(database)
    with services.cache.client:
        made = Api(create_app(services.settings, services), services, engine, notifier)
        for video_id, metadata in FILMS.items():
            store(made, video_id, **metadata)
            wait_a_millisecond(server)  # the unit of its times
        yield made
    _mongo_client.drop_database(database)


def data(reply: TestResponse, status: int = 200) -> Any:
    assert reply.status_code == status and reply.json is not None, reply.text
    assert reply.json["status"] == "success" and reply.json["timestamp"]
    return reply.json["data"]


def code(reply: TestResponse, status: int) -> str:
    assert reply.status_code == status and reply.json is not None, reply.text
    assert reply.json["status"] == "error" and reply.json["error"]["message"]
    return str(reply.json["error"]["code"])


def fetched(api: Api, video_id: str = VIDEO, **body: Any) -> str:
    job = data(api.call("POST", "/jobs", json={"video_id": video_id, **body}), 201)
    api.notifier.finish()
    return str(job["job_id"])


def store(api: Api, video_id: str, **metadata: Any) -> Any:
    return data(api.call("POST", "/storage/metadata", json={"video_id": video_id, "metadata": metadata}), 201)


def upload(api: Api, content: bytes = b"frames", name: str = "my film.mp4", **fields: str) -> TestResponse:
    form = {"video_id": VIDEO, "file": (io.BytesIO(content), name), **fields}
    return api.call("POST", "/storage/video", data=form)


# --- files ------------------------------------------------------------------------------------------------------


def test_the_time_of_completion_is_estimated_from_earlier_jobs(archive: Api) -> None:
    def estimate() -> float:
        job = data(archive.call("POST", "/jobs", json={"video_id": VIDEO}), 201)
        ends, began = (datetime.fromisoformat(job[name]) for name in ("estimated_completion", "created_at"))
        return (ends - began).total_seconds()

    counters = JobCounters(archive.services.cache)
    for _ in range(3):
        counters.ended("video", "completed", 900.0, None)
    assert 890 <= estimate() <= 960
    for _ in range(20):
        counters.ended("video", "completed", 2.0, None)
    assert estimate() < 300


def test_what_a_job_has_fetched_is_stored_until_somebody_deletes_it(archive: Api) -> None:
    fetched(archive, output_path="/downloads/music")
    found = data(archive.call("GET", f"/storage/videos/{VIDEO}"))
    assert found["file_path"] == f"/downloads/music/A film [{VIDEO}].mp4"
    assert found["metadata"]["channel"]["title"] == "Rick Astley" and found["title"] == INFO.title
    assert data(archive.call("GET", "/storage/search?q=official&type=description"))["total"] == 1
    job = archive.services.jobs.find_any(data(archive.call("GET", "/jobs"))["jobs"][0]["job_id"])
    assert job.artifact is not None and job.expires_at is None
    os.utime(job.artifact.path, (0, 0))
    archive.services.cleanup.run()
    reply = archive.call("GET", f"/storage/videos/{VIDEO}/file")
    assert reply.data == b"a small file" and "A film" in reply.headers["Content-Disposition"]
    data(archive.call("DELETE", f"/storage/videos/{VIDEO}"))
    assert not job.artifact.path.exists()
    assert code(archive.call("GET", f"/storage/videos/{VIDEO}"), 404) == "VIDEO_NOT_FOUND"
    assert data(archive.call("GET", "/jobs"))["total"] == 0


def test_a_video_that_is_fetched_again_takes_the_place_of_the_old_one(archive: Api) -> None:
    fetched(archive)
    assert data(archive.call("GET", "/storage/stats"))["total_videos"] == 1
    archive.engine.content = b"a better file"
    fetched(archive)
    assert data(archive.call("GET", "/storage/stats"))["storage_breakdown"]["videos"] == {"count": 1, "size": 13}
    assert len(archive.services.files.artifacts()) == 1


def test_many_who_look_at_once_lose_no_file(archive: Api) -> None:
    for number in range(6):
        archive.engine.content = b"x" * (number + 1)
        fetched(archive, metadata_requested=False)
    threads = [threading.Thread(target=lambda: archive.call("GET", "/storage/stats")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.call("GET", f"/storage/videos/{VIDEO}/file").data == b"xxxxxx", "the newest"
    assert len(archive.services.files.artifacts()) == 1


def test_an_upload_is_kept_from_the_cleanup_and_deleted_with_its_entry(archive: Api) -> None:
    stored = data(upload(archive, metadata=json.dumps({"title": "Mine", "description": "of the sea"})), 201)
    assert (stored["title"], stored["file_size"], stored["file_path"]) == ("Mine", 6, "/downloads/my film.mp4")
    assert stored["duration"] == 120, "the file itself tells its length"
    (path,) = (archive.services.files.downloads / "library").iterdir()
    os.utime(path, (0, 0))
    assert archive.services.cleanup.run().strays == 0
    assert archive.call("GET", f"/storage/videos/{VIDEO}/file").data == b"frames"
    saved = store(archive, VIDEO, title="Renamed")
    assert (saved["title"], saved["file_size"]) == ("Renamed", 6), "what is known of the file stays"
    data(upload(archive, b"other frames"), 201)
    assert not path.exists(), "a new upload takes the old one's place"
    data(archive.call("DELETE", f"/storage/videos/{VIDEO}"))
    assert not (archive.services.files.downloads / "library").exists()


def test_uploads_and_downloads_may_lie_on_two_disks(
    mongo_database: Database[dict[str, Any]], redis_uri: str, tmp_path: Path
) -> None:
    engine, notifier = FakeEngine(info=INFO), RecordingNotifier()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        if Path(disk).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is no disk of its own here")
        services = build(
            api_settings(tmp_path, redis_uri=redis_uri, uploads_dir=Path(disk)),
            notifier=notifier,
            database=mongo_database,
            encoder=cast(Any, engine),
        )
        with services.cache.client:
            archive = Api(create_app(services.settings, services), services, engine, notifier)
            assert data(upload(archive, b"frames" * 1000), 201)["file_size"] == 6000
            assert archive.call("GET", f"/storage/videos/{VIDEO}/file").data == b"frames" * 1000
        assert list(services.files.incoming.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "name", "status", "expected"),
    [
        ({"video_id": "short"}, "film.mp4", 400, "INVALID_VIDEO_ID"),
        ({"metadata": "no json"}, "film.mp4", 400, "METADATA_INVALID"),
        ({"metadata": '{"duration": NaN}'}, "film.mp4", 400, "METADATA_INVALID"),
        ({"metadata": '{"x": [1e999]}'}, "film.mp4", 400, "METADATA_INVALID"),
        ({"metadata": '{"title": 7}'}, "film.mp4", 400, "METADATA_INVALID"),
        ({"metadata": "[" * 5000}, "film.mp4", 400, "METADATA_INVALID"),
        ({}, "film.exe", 400, "UPLOAD_TYPE_UNSUPPORTED"),
    ],
)
def test_a_refused_upload_leaves_nothing(films: Api, fields: Any, name: str, status: int, expected: str) -> None:
    assert code(upload(films, name=name, **fields), status) == expected
    assert list(films.services.files.incoming.iterdir()) == []
    assert not (films.services.files.downloads / "library").exists()


def test_an_upload_without_a_file_or_with_nonsense_in_it(archive: Api) -> None:
    empty = archive.call("POST", "/storage/video", data={"video_id": VIDEO})
    assert code(empty, 400) == "FILE_NOT_FOUND" and "'file'" in empty.get_data(as_text=True)
    archive.engine.errors.append(errors.MediaInvalid())
    assert code(upload(archive), 400) == "STORAGE_ERROR"
    assert list(archive.services.files.incoming.iterdir()) == []


# --- jobs -------------------------------------------------------------------------------------------------------


def test_the_quality_reaches_the_engine(archive: Api) -> None:
    for body in ({"quality": "720p"}, {"quality": "best"}, {}):
        fetched(archive, **body)
    data(archive.call("POST", "/download", json={"video_id": VIDEO, "format_selection": "best[height<=480]"}), 201)
    archive.notifier.finish()
    assert [call["resolution_preference"] for call in archive.engine.calls] == ["720p", "best", "best", "480p"]
    assert {call["max_bytes"] for call in archive.engine.calls} == {5_000_000_000}


def test_output_paths_are_words_and_lead_nowhere(archive: Api, tmp_path: Path) -> None:
    job_id = fetched(archive, output_path="../../etc/\u202e\x00passwd/..")
    told = data(archive.call("GET", f"/jobs/{job_id}"))["download_path"]
    assert told == f"/etc/passwd/A film [{VIDEO}].mp4"
    inside = archive.services.files.downloads
    assert [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(inside)] == []


def test_a_failed_job_says_why_in_the_documented_words(archive: Api) -> None:
    archive.engine.errors.append(errors.VideoRemoved())
    job_id = fetched(archive)
    assert data(archive.call("GET", f"/jobs/{job_id}"))["error"]["code"] == "VIDEO_NOT_FOUND"
    assert data(archive.call("GET", f"/download/{job_id}"))["status"] == "failed"
    assert data(archive.call("GET", "/jobs?status=failed"))["total"] == 1
    data(archive.call("POST", f"/jobs/{job_id}/retry"))
    archive.notifier.finish()
    assert data(archive.call("GET", f"/jobs/{job_id}"))["status"] == "completed"
    assert code(archive.call("DELETE", f"/jobs/{job_id}"), 409) == "COORDINATION_ERROR"


def test_pages_of_jobs(archive: Api) -> None:
    ids = [fetched(archive) for _ in range(3)]
    first = data(archive.call("GET", "/jobs?limit=2"))
    assert [job["job_id"] for job in first["jobs"]] == [ids[2], ids[1]]
    assert (first["total"], first["has_more"]) == (3, True)
    rest = data(archive.call("GET", "/jobs?limit=2&offset=2"))
    assert [job["job_id"] for job in rest["jobs"]] == ids[:1] and rest["has_more"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/jobs", {"video_id": "short"}, "INVALID_VIDEO_ID"),
        ("POST", "/jobs", {"video_id": "../../../.."}, "INVALID_VIDEO_ID"),
        ("POST", "/jobs", {"video_id": VIDEO, "quality": "enormous"}, "REQUEST_INVALID"),
        ("POST", "/jobs", {"video_id": 7}, "REQUEST_INVALID"),
        ("POST", "/download", {"video_id": VIDEO, "format_selection": "best --exec rm"}, "REQUEST_INVALID"),
        ("POST", "/storage/metadata", {"video_id": VIDEO}, "METADATA_INVALID"),
        ("POST", "/storage/metadata", {"video_id": VIDEO, "metadata": {"duration": -1}}, "METADATA_INVALID"),
        ("POST", "/storage/workplan", {"video_ids": ["x"], "reason": "r"}, "INVALID_VIDEO_ID"),
        ("POST", "/storage/workplan", {"video_ids": [], "reason": "r"}, "REQUEST_INVALID"),
        ("POST", "/metadata/batch", {"video_ids": [VIDEO] * 51}, "REQUEST_INVALID"),
        ("GET", "/storage/videos?sort=size", None, "REQUEST_INVALID"),
        ("GET", "/storage/search", None, "SEARCH_ERROR"),
        ("GET", "/storage/search?q=words&type=pictures", None, "SEARCH_ERROR"),
        ("GET", "/jobs?limit=0", None, "REQUEST_INVALID"),
        ("GET", "/jobs?limit=1001", None, "REQUEST_INVALID"),
        ("GET", "/metadata/playlist/PLwhole?limit=5001", None, "REQUEST_INVALID"),
        ("DELETE", "/metadata/cache?video_id=*", None, "INVALID_VIDEO_ID"),
    ],
)
def test_what_cannot_be_understood(films: Api, method: str, path: str, body: Any, expected: str) -> None:
    assert code(films.call(method, path, json=body), 400) == expected


# --- metadata ---------------------------------------------------------------------------------------------------


def test_one_video_that_fails_does_not_spoil_a_batch(archive: Api) -> None:
    assert data(archive.call("GET", f"/metadata/{VIDEO}"))["cached"] is False
    archive.engine.info = errors.VideoUnavailable()
    batch = data(archive.call("POST", "/metadata/batch", json={"video_ids": [VIDEO, OTHER, "short", VIDEO]}))
    assert set(batch["metadata"]) == {VIDEO}
    assert {each["video_id"]: each["code"] for each in batch["failed"]} == {
        OTHER: "VIDEO_NOT_FOUND",
        "short": "INVALID_VIDEO_ID",
    }
    assert batch["cached_count"] == 1
    assert code(archive.call("GET", f"/metadata/{OTHER}"), 404) == "VIDEO_NOT_FOUND"


def test_a_playlist_with_the_facts_of_its_videos(archive: Api) -> None:
    told = data(archive.call("GET", "/metadata/playlist/PL123?include_videos=true"))
    assert [(each["position"], each["metadata"]["title"]) for each in told["videos"]] == [
        (1, INFO.title),
        (2, INFO.title),
    ]


# --- searching --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=cafe", {"aaaaaaaaaaa", "bbbbbbbbbbb"}),
        ("q=CAF%C3%89&type=title", {"aaaaaaaaaaa"}),
        ("q=waves&type=description", {"ccccccccccc"}),
        ("q=waves&type=all&limit=1", {"bbbbbbbbbbb"}),
        ("q=%D0%9F%D0%A0%D0%98%D0%9C%D0%95%D0%A0", {"ccccccccccc"}),
        ("q=-waves%20%22sea%22", {"bbbbbbbbbbb", "ccccccccccc"}),
        ("q=%24where", set()),
        ("q=%22%22", set()),
        ("q=the", {"bbbbbbbbbbb", "ccccccccccc"}),
    ],
)
def test_words_are_found_in_all_languages(films: Api, query: str, found: set[str]) -> None:
    told = data(films.call("GET", f"/storage/search?{query}"))
    assert {video["video_id"] for video in told["videos"]} == found
    assert all(video["relevance"] > 0 for video in told["videos"])


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=duration&order=asc", "cab"),
        ("sort=duration", "bac"),
        ("sort=title&order=asc", "abc"),
        ("order=asc", "abc"),
        ("search=waves&sort=duration&order=asc", "cb"),
        ("limit=1&offset=1&sort=title&order=desc", "b"),
    ],
)
def test_lists_are_sorted(films: Api, query: str, order: str) -> None:
    told = data(films.call("GET", f"/storage/videos?{query}"))
    assert "".join(video["video_id"][0] for video in told["videos"]) == order


def test_metadata_may_have_any_keys(archive: Api) -> None:
    odd = {"title": "x", "$where": "1", "a.b": {"$set": {"": [None, 2**70]}}, "\u0000": "nul"}
    assert store(archive, VIDEO, **odd)["metadata"] == odd


# --- who comes in -----------------------------------------------------------------------------------------------


def test_users_have_archives_of_their_own(archive: Api, anna: Person, bert: Person) -> None:
    job_id = fetched(archive)
    store(archive, OTHER, title="of the network")
    anna.post("/storage/metadata", json={"video_id": VIDEO, "metadata": {"title": "of Anna"}})
    assert anna.get("/storage/videos").json["data"]["total"] == 1  # type: ignore[index]
    assert bert.get("/storage/videos").json["data"]["total"] == 0  # type: ignore[index]
    assert data(archive.call("GET", "/storage/videos"))["total"] == 2
    assert anna.get(f"/jobs/{job_id}").status_code == 403


LAN = {"archive_allowed_networks": "10.0.0.0/8"}


@pytest.mark.parametrize(
    ("address", "headers", "settings", "allowed"),
    [
        ("127.0.0.1", {}, {}, True),
        ("::1", {}, {}, True),
        ("::ffff:127.0.0.1", {}, {}, True),
        ("203.0.113.7", {}, {}, False),
        ("10.1.2.3", {}, {}, False),
        ("10.1.2.3", {}, {"archive_allowed_networks": "192.168.0.0/16, 10.0.0.0/8"}, True),
        ("11.1.2.3", {}, {"archive_allowed_networks": "192.168.0.0/16, 10.0.0.0/8"}, False),
        ("", {}, {}, False),
        # A proxy on this machine that nobody told us of.
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, {}, False),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}, {}, False),
        # One that is believed: its header has become the address.
        ("203.0.113.7", {"X-Forwarded-For": "203.0.113.7"}, {"trusted_proxies": 1}, False),
        # Pages that a browser of this machine has open.
        ("127.0.0.1", {"Origin": "https://evil.example"}, {}, False),
        ("127.0.0.1", {"Origin": "null"}, {}, False),
        ("127.0.0.1", {"Origin": "http://["}, {}, False),
        ("127.0.0.1", {"Host": "[:::]"}, {}, False),
        ("127.0.0.1", {"Host": "a_b.evil.example"}, {}, False),
        ("127.0.0.1", {"Origin": "http://localhost:5000", "Host": "localhost:5000"}, {}, True),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, {}, False),
        ("127.0.0.1", {"Host": "evil.example:5000"}, {}, False),
        ("127.0.0.1", {"Host": "127.0.0.1:8001"}, {}, True),
        ("::1", {"Host": "[::1]:8001"}, {}, True),
        ("127.0.0.1", {"Host": "archive:8001"}, {}, True),
        # The same from a neighbour's browser: the name leads here, and the page calls it its own.
        ("10.1.2.3", {"Host": "evil.example:8001"}, LAN, False),
        ("10.1.2.3", {"Origin": "http://evil.example:8001", "Host": "evil.example:8001"}, LAN, False),
        ("10.1.2.3", {"Host": "nas.local.evil.example"}, LAN, False),
        ("10.1.2.3", {"Host": "10.0.0.2:8001"}, LAN, True),
        ("10.1.2.3", {"Host": "NAS.local.:8001"}, LAN, True),
        ("10.1.2.3", {"Host": "nas.example.com"}, {**LAN, "archive_allowed_hosts": "x.org, NAS.example.com"}, True),
    ],
)
def test_who_is_a_neighbour(
    films: Api, address: str, headers: dict[str, str], settings: dict[str, Any], allowed: bool
) -> None:
    app = with_settings(films, **settings)
    with app.test_request_context("/jobs", headers=headers, environ_base={"REMOTE_ADDR": address}):
        assert from_allowed_network() is allowed


def with_settings(api: Api, **changes: Any) -> Flask:
    """Another app over the same services, with other settings."""
    changed = dataclasses.replace(api.services, settings=api.services.settings.model_copy(update=changes))
    return create_app(changed.settings, changed)


def test_a_stranger_needs_a_token(archive: Api, anna: Person) -> None:
    stranger = {"REMOTE_ADDR": "203.0.113.7"}
    refused = archive.call("GET", "/jobs", environ_base=stranger)
    assert code(refused, 401) == "TOKEN_MISSING"
    assert data(archive.call("GET", "/jobs", token=anna.token, environ_base=stranger))["total"] == 0


def test_networks_that_cannot_be_read_stop_the_start() -> None:
    with pytest.raises(SettingsError, match="ARCHIVE_ALLOWED_NETWORKS"):
        read_networks("10.0.0.0/8, here")


def test_a_caller_may_send_so_many_requests_a_minute(archive: Api) -> None:
    archive.app = with_settings(archive, rate_limit_enabled=True, archive_requests_per_minute=3)
    for _ in range(3):
        data(archive.call("GET", "/jobs"))
    refused = archive.call("GET", "/jobs")
    assert code(refused, 429) == "RATE_LIMIT_EXCEEDED" and 1 <= int(refused.headers["Retry-After"]) <= 60


# --- one of them alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["jobs", "metadata", "download", "storage"])
def test_a_service_alone_has_its_own_name(films: Api, service: str) -> None:
    app = create_app(films.services.settings, films.services, surfaces=[f"archive.{service}"])
    client = app.test_client()
    assert client.get("/health").json["service"] == service  # type: ignore[index]
    there = {"jobs": "/jobs", "metadata": f"/metadata/{VIDEO}", "download": "/download", "storage": "/stats"}
    assert {name for name, path in there.items() if client.get(path).status_code == 200} == {service}
    assert client.get("/api/health/simple").status_code == 200
    assert films.call("GET", "/health").json["service"] == "yt-downloader"  # type: ignore[index]


def test_errors_of_the_router_have_the_envelope_too(films: Api) -> None:
    assert code(films.call("PUT", "/jobs"), 405) == "METHOD_NOT_ALLOWED"
    for path in ("/storage/nothing", "/storage", "/metadata", "/metadata/"):
        assert code(films.call("GET", path), 404) == "ENDPOINT_NOT_FOUND"
    assert code(films.call("PUT", "/download"), 405) == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("error", "jobs", "metadata"),
    [
        (errors.RateLimited, "YTDLP_ERROR", "API_QUOTA_EXCEEDED"),
        (errors.VideoPrivate, "YTDLP_ERROR", "YOUTUBE_API_ERROR"),
        (errors.FormatNotAvailable, "QUALITY_NOT_AVAILABLE", "QUALITY_NOT_AVAILABLE"),
        (errors.NetworkTimeout, "DOWNLOAD_TIMEOUT", "DOWNLOAD_TIMEOUT"),
        (errors.DiskFull, "DISK_FULL", "DISK_FULL"),
        (errors.Cancelled, "JOB_CANCELLED", "JOB_CANCELLED"),
        (errors.StoreUnavailable, "COORDINATION_ERROR", "CACHE_ERROR"),
        (errors.JobNotFound, "JOB_NOT_FOUND", "JOB_NOT_FOUND"),
        (errors.InternalError, "INTERNAL_ERROR", "INTERNAL_ERROR"),
    ],
)
def test_the_documented_word_for_an_error(error: type[errors.AppError], jobs: str, metadata: str) -> None:
    assert (documented_code(error.code, "jobs"), documented_code(error.code, "metadata")) == (jobs, metadata)
