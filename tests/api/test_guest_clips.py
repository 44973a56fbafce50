"""Clips of guests: only where the operator allows them, within the limit of their session, and only for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from tests.api.actors import LINK, Api
from tests.api.conftest import api_settings, app_over

pytestmark = pytest.mark.slow

BODY = {"url": LINK, "start_time": 60, "end_time": 62}


@pytest.fixture
def open_to_guests(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> Iterator[Api]:
    settings = api_settings(tmp_path, guest_clips=True, session_job_limit=2)
    made = app_over(settings, mongo_database, redis_client)
    yield made
    made.engine.hurry.set()
    made.notifier.finish()


def guest_of(api: Api) -> dict[str, str]:
    reply = api.call("POST", "/api/sessions/")
    assert reply.json is not None
    return {"X-Session-ID": reply.json["session_uuid"]}


def saved(api: Api, guest: dict[str, str], **changes: Any) -> Any:
    return api.call("POST", "/api/video/save", json={**BODY, **changes}, headers=guest)


def code(reply: Any) -> tuple[int, str | None]:
    return reply.status_code, (reply.json or {}).get("code")


def test_guests_make_no_clips_unless_the_operator_says_so(api: Api) -> None:
    guest = guest_of(api)
    assert code(saved(api, guest)) == (401, "TOKEN_MISSING")
    assert code(api.call("GET", "/api/video/list", headers=guest)) == (401, "TOKEN_MISSING")


def test_a_guest_makes_a_clip_and_has_it_alone(open_to_guests: Api) -> None:
    api = open_to_guests
    guest, other, anna = guest_of(api), guest_of(api), api.person()
    video_id = saved(api, guest).json["video_id"]
    assert api.call("POST", f"/api/video/start/{video_id}", headers=guest).status_code == 202
    api.notifier.finish()
    shown = api.call("GET", f"/api/video/status/{video_id}", headers=guest).json
    assert shown is not None and shown["status"] == "completed"
    linked = api.call("POST", f"/api/video/link/{video_id}", headers=guest).json
    assert linked is not None and api.call("GET", linked["file_url"]).data == api.engine.content
    listed = api.call("GET", "/api/video/list", headers=guest).json
    assert listed is not None and [row["video_id"] for row in listed["videos"]] == [video_id]
    for path in (f"/api/video/status/{video_id}", f"/api/video/download/{video_id}"):
        assert code(api.call("GET", path, headers=other)) == (403, "NOT_OWNER")
        assert code(anna.get(path)) == (403, "NOT_OWNER")
        assert code(api.call("GET", path)) == (401, "TOKEN_MISSING")
        assert code(api.call("GET", path, headers={"X-Session-ID": "x"})) == (401, "SESSION_INVALID")
    assert anna.get("/api/video/list").json["total"] == 0  # type: ignore[index]
    assert code(api.call("POST", f"/api/video/share/{video_id}", headers=guest)) == (401, "TOKEN_MISSING")


def test_a_session_has_so_many_clips_and_no_recordings(open_to_guests: Api) -> None:
    api = open_to_guests
    guest = guest_of(api)
    ids = [saved(api, guest).json["video_id"] for _ in range(2)]
    assert code(saved(api, guest))[1] == "SESSION_FULL"
    assert api.call("DELETE", f"/api/video/{ids[0]}", headers=guest).status_code == 200
    assert saved(api, guest).status_code == 201, "a deleted clip leaves its place"
    for wrong in ({"start_time": 0, "end_time": None}, {"when_live": True}):
        assert code(saved(api, guest_of(api), **wrong)) == (403, "NOT_OWNER"), wrong
    account = {**guest_of(api), "Authorization": f"Bearer {api.person().token}"}
    assert saved(api, account).status_code == 201, "a login comes first"
    assert api.call("GET", "/api/video/list", headers=account).json["total"] == 1  # type: ignore[index]
