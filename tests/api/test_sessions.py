"""Guests: their jobs of every medium, their folders, and that nobody gets into another's session."""

from __future__ import annotations

import dataclasses
import os
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database
from werkzeug.test import TestResponse

from src.app import create_app
from src.config import SettingsError
from src.errors import VideoPrivate
from src.routes import choose_surfaces
from src.services.file_store import DATABASE_FILE
from src.utils import logs
from src.utils.capture_pools import Pool
from tests.api.actors import LINK, Api, Person
from tests.api.conftest import api_settings, app_over
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow


class Guest:
    """Someone with a session."""

    def __init__(self, api: Api) -> None:
        reply = api.call("POST", "/api/sessions/")
        assert reply.status_code == 201 and reply.json is not None
        self.api, self.key = api, str(reply.json["session_uuid"])

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        return self.api.call(method, path, headers={"X-Session-ID": self.key}, **options)

    def create(self, **body: Any) -> TestResponse:
        return self.call("POST", "/api/jobs/", json={"url": LINK, **body})

    def finished(self, **body: Any) -> dict[str, Any]:
        reply = self.create(**body)
        assert reply.status_code == 201 and reply.json is not None, reply.text
        self.api.notifier.finish()
        told = self.call("GET", f"/api/jobs/{reply.json['job_uuid']}").json
        assert told is not None
        return dict(told)


@pytest.fixture
def guest(api: Api) -> Guest:
    return Guest(api)


def test_a_video_lies_in_the_folder_of_its_session_and_job(api: Api, guest: Guest) -> None:
    job = guest.finished(quality="720p")
    assert job["status"] == "completed" and job["title"] == "A film"
    downloads = api.services.files.downloads
    path = downloads / Path(job["output_path"]).relative_to("downloads")
    assert path.read_bytes() == b"a small file"
    session, folder, medium, _ = path.relative_to(downloads).parts
    assert (folder, medium) == (job["job_uuid"], "video") and guest.key not in str(path)
    assert re.fullmatch(r"[0-9a-f]{32}", session)
    reply = guest.call(
        "GET",
        f"/api/jobs/{job['job_uuid']}/file",
    )
    assert reply.data == b"a small file" and reply.headers["Content-Disposition"].startswith("attachment")
    part = api.call(
        "GET", f"/api/jobs/{job['job_uuid']}/file", headers={"X-Session-ID": guest.key, "Range": "bytes=2-6"}
    )
    assert (part.status_code, part.data) == (206, b"small")


def test_a_deleted_job_takes_its_folder_along_and_makes_room(api: Api, guest: Guest) -> None:
    job = guest.finished()
    reply = guest.call("DELETE", f"/api/jobs/{job['job_uuid']}")
    assert reply.json is not None and reply.json["deleted"] is True
    assert [path.name for path in api.services.files.downloads.iterdir()] == [".work"]
    assert guest.call("GET", f"/api/jobs/{job['job_uuid']}").status_code == 404
    session = guest.call("GET", f"/api/sessions/{guest.key}").json
    assert session is not None and session["total_jobs"] == 0


def test_the_cleanup_reaches_into_the_folders_of_sessions(api: Api, guest: Guest) -> None:
    job = guest.finished()
    downloads = api.services.files.downloads
    path = downloads / Path(job["output_path"]).relative_to("downloads")
    stray = path.with_name("stray.mp4")
    stray.write_bytes(b"nobody's")
    for each in (path, stray):
        os.utime(each, (0, 0))
    assert api.services.cleanup.run().strays == 1
    assert path.exists() and not stray.exists()
    past = {"$set": {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}}
    api.services.database["videos"].update_one({"owner_kind": "session"}, past)
    assert api.services.cleanup.run().expired == 1
    assert [each.name for each in downloads.iterdir()] == [".work"]
    assert guest.call("GET", f"/api/jobs/{job['job_uuid']}/file").status_code == 404


def test_nginx_is_told_the_folder_too(api: Api, guest: Guest) -> None:
    job = guest.finished()
    settings = api.services.settings.model_copy(update={"x_accel_prefix": "/_files/"})
    api.app = create_app(settings, dataclasses.replace(api.services, settings=settings))
    reply = guest.call("GET", f"/api/jobs/{job['job_uuid']}/file")
    assert reply.headers["X-Accel-Redirect"] == "/_files/" + job["output_path"].removeprefix("downloads/")


def test_transcripts_in_every_format(guest: Guest) -> None:
    for wanted, mime, starts in (
        ("vtt", "text/vtt", "WEBVTT\n"),
        ("srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:01,500\nNever gonna\n"),
        ("txt", "text/plain", "Never gonna\ngive you up\n"),
        ("json", "application/json", '{\n "video_id": "dQw4w9WgXcQ"'),
    ):
        job = guest.finished(media_type="transcript", output_format=wanted, quality="automatic", language="de")
        assert "/transcripts/" in job["output_path"] and job["output_path"].endswith(f".{wanted}")
        reply = guest.call("GET", f"/api/jobs/{job['job_uuid']}/file")
        assert reply.mimetype == mime and reply.text.startswith(starts)


def test_what_cannot_be_made_is_refused_at_once(guest: Guest) -> None:
    bodies: list[dict[str, Any]] = [
        {"url": "https://example.com/film.mp4"},
        {"media_type": "picture"},
        {"quality": "enormous"},
        {"output_format": "exe"},
        {"media_type": "transcript", "output_format": "mp4"},
        {"media_type": "transcript", "quality": "720p"},
        {"media_type": "audio", "output_format": "mp4"},
        {"media_type": "audio", "quality": "64k"},
    ]
    for body in bodies:
        reply = guest.create(**body)
        assert reply.status_code == 400 and reply.json is not None, reply.text
        field = [*body][-1]
        assert field == "url" or reply.json["error"].startswith(field), "what is wrong has the caller's own name"
    listed = guest.call("GET", "/api/jobs/").json
    assert listed is not None and listed["total"] == 0


def test_a_running_job_is_cancelled(api: Api, guest: Guest) -> None:
    api.engine.busy = True
    reply = guest.create()
    assert reply.json is not None
    path = f"/api/jobs/{reply.json['job_uuid']}"
    eventually(lambda: guest.call("GET", path).json["status"] == "processing")  # type: ignore[index]
    cancelled = guest.call("DELETE", path).json
    assert cancelled is not None and (cancelled["status"], cancelled["deleted"]) == ("cancelled", False)
    api.notifier.finish()
    assert guest.call("GET", path).json["status"] == "cancelled"  # type: ignore[index]
    assert guest.call("GET", f"{path}/file").status_code == 500
    api.engine.busy = False
    assert guest.call("POST", f"{path}/retry").status_code == 200
    api.notifier.finish()
    assert guest.call("GET", path).json["status"] == "completed"  # type: ignore[index]


def test_a_failed_job_tells_why_and_can_be_tried_again(api: Api, guest: Guest) -> None:
    api.engine.errors.append(VideoPrivate())
    job = guest.finished()
    assert (job["status"], job["error_code"]) == ("failed", "VIDEO_PRIVATE") and job["error_message"]
    guest.call("POST", f"/api/jobs/{job['job_uuid']}/retry")
    api.notifier.finish()
    assert guest.call("GET", f"/api/jobs/{job['job_uuid']}").json["status"] == "completed"  # type: ignore[index]


def test_a_session_has_ten_jobs_at_most(api: Api, guest: Guest) -> None:
    for _ in range(10):
        assert guest.create().status_code == 201
    refused = guest.create()
    assert refused.status_code == 429 and refused.json is not None and refused.json["code"] == "SESSION_FULL"


def test_nobody_sees_another_session(api: Api, guest: Guest, anna: Person) -> None:
    job = guest.finished()
    other = Guest(api)
    path = f"/api/jobs/{job['job_uuid']}"
    for method, address in (("GET", path), ("GET", f"{path}/file"), ("GET", f"{path}/paths"), ("DELETE", path)):
        assert other.call(method, address).status_code == 403
        assert api.call(method, address, token=anna.token).status_code == 403
    listed = other.call("GET", "/api/sessions/")
    assert guest.key not in listed.text and guest.key not in api.call("GET", "/api/sessions/").text
    assert guest.key not in api.call("GET", "/api/sessions/stats/overview").text
    unknown = api.call("GET", f"/api/sessions/{uuid.uuid4()}")
    assert unknown.status_code == 404
    for key in (str(uuid.uuid4()), "x" * 36, f"{guest.key}, {other.key}"):
        refused = api.call("GET", "/api/jobs/", headers={"X-Session-ID": key})
        assert refused.status_code == 401 and refused.json is not None and refused.json["code"] == "SESSION_INVALID"


def test_a_user_needs_no_session(api: Api, anna: Person) -> None:
    reply = anna.post("/api/jobs/", json={"url": LINK, "media_type": "transcript"})
    assert reply.status_code == 201 and reply.json is not None and reply.json["session_uuid"] is None
    api.notifier.finish()
    listed = anna.get("/api/jobs/").json
    assert listed is not None and [job["status"] for job in listed["jobs"]] == ["completed"]
    assert anna.get("/api/video/list").json["total"] == 0  # type: ignore[index]


def test_numbers_for_prometheus(api: Api, guest: Guest) -> None:
    guest.finished()
    asked = api.call("GET", "/api/metrics", headers={"Accept": "text/plain"})
    scraped = api.call("GET", "/metrics")
    for reply in (asked, scraped):
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'ytdl_jobs{status="completed"} 1\n' in reply.text and "ytdl_sessions_active 1\n" in reply.text
        lines = [line for line in reply.text.splitlines() if not line.startswith("#")]
        labels = r'[a-z]+="[A-Za-z0-9_.+]+"'
        assert all(re.fullmatch(rf"ytdl_[a-z_]+(\{{{labels}(,{labels})*\}})? [-+0-9.e]+", line) for line in lines), (
            lines
        )
    assert api.call("GET", "/api/metrics", headers={"Accept": "*/*"}).is_json


def test_health_tells_when_sessions_run_out(api: Api) -> None:
    api.services.guests.session_limit = 1
    Guest(api)
    reply = api.call("GET", "/api/health")
    assert reply.status_code == 200 and reply.json is not None
    assert reply.json["status"] == "degraded" and reply.json["reasons"] == ["1 of 1 guest sessions are in use."]
    refused = api.call("POST", "/api/sessions/")
    assert refused.status_code == 429 and refused.json is not None and refused.json["code"] == "TOO_MANY_SESSIONS"


def test_health_tells_when_no_worker_comes(api: Api, guest: Guest) -> None:
    api.notifier.answer = None
    guest.create()
    api.services.health.patience_seconds = 0.1
    eventually(lambda: (api.call("GET", "/api/health").json or {})["status"] != "healthy")
    told = api.call("GET", "/api/health").json or {}
    assert told["reasons"] == [
        "Jobs wait in the queue downloads, and none of them has started for 0.1 s: "
        "do its workers run, and are there enough?"
    ]
    api.services.health.patience_seconds = 60
    assert (api.call("GET", "/api/health").json or {})["reasons"] == []


def test_health_tells_when_the_disk_is_full(api: Api, guest: Guest) -> None:
    api.services.files.min_free_bytes = 2**60
    reply = api.call("GET", "/api/health")
    assert reply.status_code == 503 and reply.json is not None and reply.json["status"] == "unhealthy"
    assert guest.create().status_code == 507


def test_health_tells_what_is_wrong_with_captures(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> None:
    api = app_over(api_settings(tmp_path, captures_mb=1), mongo_database, redis_client, runs=False)
    wish = {"url": f"https://www.youtube.com/watch?v={'x' * 11}", "start_time": "-60", "end_time": "0"}
    assert api.person().post("/api/video/save", json=wish).status_code == 201

    def reasons() -> str:
        return " ".join((api.call("GET", "/api/health").json or {})["reasons"])

    assert "(worker-captures)" in reasons() and "CAPTURES_MB" not in reasons()
    pool = Pool.open(api.services.files.pools, ["a stream"])
    (pool.folder / "0-1").write_bytes(bytes(1_100_000))
    assert "CAPTURES_MB" in reasons()
    pool.close()


def test_the_key_of_a_session_reaches_no_log() -> None:
    key = str(uuid.uuid4())
    assert logs.redact(f"GET /api/sessions/{key} 200") == "GET /api/sessions/[session] 200"
    assert logs.redact("GET /api/sessions/stats/overview 200") == "GET /api/sessions/stats/overview 200"


def test_surfaces_are_chosen_by_name() -> None:
    assert [surface.name for surface in choose_surfaces(["sessions", " archive.jobs "])] == ["sessions", "archive.jobs"]
    assert len(choose_surfaces(["archive"])) == 4
    assert choose_surfaces([""]) == choose_surfaces([])
    with pytest.raises(SettingsError, match=r"archive\.job does not exist:"):
        choose_surfaces(["archive.job"])


def test_health_says_why_a_cleanup_deletes_nothing(api: Api) -> None:
    downloads = api.services.files.downloads
    paths = [downloads / f"{number:024x}.1.mp4" for number in range(30)]
    for path in paths:
        path.write_bytes(b"of another database")
        os.utime(path, (0, 0))
    api.services.folders.adopt()
    assert api.services.cleanup.run().strays == 0 and all(path.exists() for path in paths)
    told = api.call("GET", "/api/health").json or {}
    assert told["status"] == "degraded" and "30 of 30 files" in " ".join(told["reasons"])
    assert "python -m src.cli allow-deletion" in " ".join(told["reasons"])
    (downloads / DATABASE_FILE).write_text("another\n")
    assert "adopt-folders" in " ".join((api.call("GET", "/api/health").json or {})["reasons"])
    api.services.folders.adopt()
    api.services.database["installation"].update_one({"_id": "allowed"}, {"$set": {"files": 30}}, upsert=True)
    assert api.services.cleanup.run().strays == 30
    assert (api.call("GET", "/api/health").json or {})["status"] == "healthy"
