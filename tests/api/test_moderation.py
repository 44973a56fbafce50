"""What moderators may do with a channel token of the right scope, and tries of a command that save nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from werkzeug.test import TestResponse

from src.models.source import LiveStatus, VideoInfo
from src.services.live.cutter import LiveReport
from tests.api.actors import Api, Person
from tests.tools.media_kit import Film, cached_film

pytestmark = pytest.mark.slow

VIDEO = "dQw4w9WgXcQ"


@pytest.fixture(autouse=True)
def live(api: Api) -> None:
    """Every live clip is the same small film."""
    content = cached_film(Film(size=(320, 180), seconds=Fraction(2), crf=40), ".mp4").read_bytes()

    def make(task: Any) -> Any:
        task.retained_dir.mkdir(exist_ok=True)
        path = task.work_dir / "clip.mp4"
        path.write_bytes(content)
        return LiveReport(path, {"source": "live"}, {"start_time": 100.0, "end_time": 220.0})

    handler: Any = api.services.runner._handlers["live_clip"]
    handler._live.capture, handler._live.cut = lambda task: None, make
    api.engine.info = VideoInfo(VIDEO, "A stream", "", live_status=LiveStatus.IS_LIVE)


def token_of(person: Person, *scopes: str, **wish: Any) -> str:
    body = {"cooldown_seconds": 0, "viewer_cooldown_seconds": 0, "stream": VIDEO, "scopes": list(scopes), **wish}
    reply = person.post("/api/auth/tokens", body)
    assert reply.status_code == 201 and reply.json is not None, reply.text
    return str(reply.json["token"])


def clipped(api: Api, token: str, title: str) -> str:
    reply = api.call("GET", f"/c/{token}", query_string={"message": title, "user": "viewer1"})
    assert reply.status_code == 201 and reply.json is not None, reply.text
    api.notifier.finish()
    return str(reply.json["video_id"])


def code(reply: TestResponse) -> tuple[int, str | None]:
    return reply.status_code, (reply.json or {}).get("code")


def test_a_moderator_plays_renames_moves_and_deletes_clips_of_the_channel(api: Api, anna: Person) -> None:
    of_bot, of_moderator = token_of(anna, "save"), token_of(anna, "moderate")
    first, second = (clipped(api, of_bot, title) for title in ("A goal", "A save"))
    own = anna.save()
    reply = api.call("GET", f"/c/{of_moderator}/clips")
    assert reply.status_code == 200 and reply.json is not None, reply.text
    rows = reply.json["clips"]
    assert [(row["video_id"], row["title"], row["viewer"]) for row in rows] == [
        (second, "A save", "viewer1"),
        (first, "A goal", "viewer1"),
    ]
    assert api.call("GET", rows[0]["file_url"]).mimetype == "video/mp4"
    assert api.call("GET", rows[0]["poster"]).mimetype == "image/jpeg"
    renamed = api.call("PATCH", f"/c/{of_moderator}/clips/{first}", json={"title": "<b>The</b> goal"})
    assert renamed.json is not None and renamed.json["title"] == "<b>The</b> goal"
    renamed = api.call("PATCH", f"/c/{of_moderator}/clips/{first}", json={"title": "One\n\u202eline"})
    assert renamed.json is not None and renamed.json["title"] == "One line"
    empty = api.call("PATCH", f"/c/{of_moderator}/clips/{first}", json={"title": "\n\u2067"})
    assert code(empty) == (400, "REQUEST_INVALID")
    moved = api.call("POST", f"/c/{of_moderator}/clips/{first}/move", json={"move_start": -5, "move_end": 10})
    assert moved.status_code == 202 and moved.json is not None
    assert (moved.json["offset"], moved.json["duration"]) == (65, 135)
    api.notifier.finish()
    gone = api.call("DELETE", f"/c/{of_moderator}/clips/{second}")
    assert gone.json == {"video_id": second, "deleted": True}
    left = api.call("GET", "/c/-/clips", headers={"X-Channel-Token": of_moderator}).json
    assert [row["video_id"] for row in (left or {})["clips"]] == [first]
    for method, path in (("PATCH", own), ("DELETE", own), ("POST", f"{own}/move"), ("DELETE", second)):
        sent = {"title": "x", "move_end": 1}
        found = api.call(method, f"/c/{of_moderator}/clips/{path}", json=sent)
        assert code(found) == (404, "VIDEO_NOT_FOUND"), (method, path)
    for wrong in ({"title": ""}, {"title": 1}, {}):
        assert api.call("PATCH", f"/c/{of_moderator}/clips/{first}", json=wrong).status_code == 400


def test_the_token_of_a_chat_command_and_other_accounts_see_nothing(api: Api, anna: Person, bert: Person) -> None:
    of_bot = token_of(anna, "save")
    video = clipped(api, of_bot, "A goal")
    for method, path in (("GET", ""), ("PATCH", f"/{video}"), ("DELETE", f"/{video}"), ("POST", f"/{video}/move")):
        found = api.call(method, f"/c/{of_bot}/clips{path}", json={"title": "x"} if method != "GET" else None)
        assert code(found) == (403, "SCOPE_MISSING"), method
    other = token_of(bert, "moderate")
    assert api.call("GET", f"/c/{other}/clips").json == {"clips": []}
    assert code(api.call("DELETE", f"/c/{other}/clips/{video}")) == (404, "VIDEO_NOT_FOUND")
    assert code(api.call("GET", "/c/-/clips")) == (401, "TOKEN_INVALID")
    headers = {"X-Channel-Token": other, "Authorization": f"Bearer {anna.token}"}
    assert api.call("GET", "/c/-/clips", headers=headers).json == {"clips": []}


def test_a_dry_run_answers_as_in_the_chat_and_saves_nothing(api: Api, anna: Person) -> None:
    token = token_of(anna, "save", "moderate", cooldown_seconds=30)
    api.services.chat._cooldown._enabled = True
    asked = {"message": "+10 A goal", "dry_run": "1"}
    for _ in range(2):  # nor does it count as a clip
        tried = api.call("GET", f"/c/{token}", query_string=asked)
        assert tried.status_code == 200 and tried.json is not None and tried.json["video_id"] is None
    as_text = api.call("GET", f"/c/{token}", query_string={**asked, "format": "text"})
    assert (anna.get("/api/video/list").json or {})["total"] == 0
    (shown,) = (anna.get("/api/auth/tokens").json or {})["tokens"]
    assert (shown["uses"], shown["last_used_at"]) == (0, None)
    real = api.call("GET", f"/c/{token}", query_string={"message": "+10 A goal", "format": "text"})
    api.notifier.finish()
    assert as_text.text == real.text == (tried.json or {})["message"] and "A goal" in real.text
    assert code(api.call("GET", f"/c/{token}", query_string=asked)) == (429, "COOLDOWN_ACTIVE")
    for command in ("delete", "rename Another", "last"):
        said = api.call("GET", f"/c/{token}", query_string={"message": command, "dry_run": "1", "format": "text"})
        assert said.status_code == 200 and "clip" in said.text, said.text
    (clip,) = (anna.get("/api/video/list").json or {})["videos"]
    assert anna.status(clip["video_id"])["additional_message"] == "A goal"


def test_a_dry_run_refuses_what_the_command_would_refuse(api: Api, anna: Person) -> None:
    token = token_of(anna, "save", stream=None)
    for query, expected in (
        ({}, (400, "VIDEO_ID_INVALID")),
        ({"stream": VIDEO, "duration": 4000}, (400, "CLIP_TOO_LONG")),
        ({"stream": VIDEO, "offset": -1}, (400, "REQUEST_INVALID")),
        ({"stream": VIDEO, "message": "delete"}, (403, "SCOPE_MISSING")),
    ):
        assert code(api.call("GET", f"/c/{token}", query_string={**query, "dry_run": "1"})) == expected, query
    path = f"/api/video/save/stream/{api.public_token()}/{VIDEO}"
    tried = api.call("GET", path, query_string={"user_id": anna.id, "dry_run": "true"})
    assert tried.status_code == 200 and (tried.json or {})["video_id"] is None
    assert code(api.call("GET", path, query_string={"user_id": "x", "dry_run": "1"})) == (400, "USER_UNKNOWN")
    assert anna.get("/api/video/list").json["total"] == 0  # type: ignore[index]
