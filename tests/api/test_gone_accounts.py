"""Nothing that belongs to a deleted or disabled account opens anything: no login, token, link or event stream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.actors import LINK, PASSWORD, Api, Person

pytestmark = pytest.mark.slow
VIDEO = "dQw4w9WgXcQ"


def delete(api: Api, person: Person) -> None:
    api.services.database["users"].delete_one({"email": person.email})


def disable(api: Api, person: Person) -> None:
    api.services.accounts.switch(person.email, active=False)


def disable_by_hand(api: Api, person: Person) -> None:
    api.services.database["users"].update_one({"email": person.email}, {"$set": {"disabled": True}})


@pytest.fixture(params=[delete, disable, disable_by_hand], ids=lambda way: way.__name__)
def end(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_login_counts_no_more(api: Api, anna: Person, bert: Person, end: Any) -> None:
    paths = ("/api/auth/me", "/api/video/list", "/api/jobs/", "/api/events", "/jobs", "/storage/videos")
    for path in paths[:3]:
        assert anna.get(path).status_code == 200
    end(api, anna)
    for path in paths:
        reply = anna.get(path)
        assert reply.status_code == 401, path
    assert anna.post("/api/video/save", {}).status_code == 401
    assert anna.upload().status_code == 401
    body = {"email": anna.email, "password": PASSWORD}
    refused = api.call("POST", "/api/auth/login", json=body)
    assert refused.status_code == 401 and refused.json is not None and refused.json["code"] == "CREDENTIALS_INVALID"
    assert bert.get("/api/auth/me").status_code == 200


def test_a_channel_token_counts_no_more(api: Api, anna: Person, end: Any) -> None:
    made = anna.post(
        "/api/auth/tokens", {"name": "bot", "stream": VIDEO, "scopes": ["moderate"], "cooldown_seconds": 0}
    )
    assert made.json is not None
    secret = made.json["token"]
    assert api.call("GET", f"/c/{secret}").status_code == 201
    end(api, anna)
    for path in (f"/c/{secret}", f"/c/{secret}?message=last", f"/api/video/save/stream/{secret}/{VIDEO}"):
        assert api.call("GET", path).status_code == 401, path


def test_a_public_token_saves_nothing_for_it(api: Api, anna: Person, end: Any) -> None:
    api.notifier.answer = None
    token, body = api.public_token(), {"url": LINK, "start_time": 1, "end_time": 2, "user_id": anna.id}
    path = f"/api/video/save/stream/{token}/{VIDEO}?user_id={anna.id}"
    assert api.call("POST", "/api/video/save", token=token, json=body).status_code == 201
    assert api.call("GET", path).status_code == 201
    end(api, anna)
    refused = api.call("POST", "/api/video/save", token=token, json=body)
    assert refused.json is not None and (refused.status_code, refused.json["code"]) == (400, "USER_UNKNOWN")
    assert api.call("GET", path).status_code == 400


def test_links_to_its_files_open_nothing(api: Api, anna: Person, end: Any) -> None:
    video_id = anna.save()
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    shared = anna.post(f"/api/video/share/{video_id}").json
    link = api.services.file_links.link(api.services.jobs.find_any(video_id), "clips")
    assert shared is not None and link is not None
    share = f"/s/{shared['token']}"
    paths = (share, f"{share}/clip.mp4", link.address)
    assert [api.call("GET", path).status_code for path in paths] == [200, 200, 200]
    end(api, anna)
    assert {api.call("GET", path).status_code for path in (*paths, f"{share}/poster.jpg")} <= {404, 410}


def test_event_streams_that_are_open_end(api: Api, anna: Person, end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.services.events.events._CHECK_SECONDS", 0.0)
    listening = api.services.accounts
    listener = api.services.events.of_owner(
        api.services.jobs.find_any(anna.save()).owner, allowed=lambda: listening.is_signed_in(anna.token)
    )
    api.services.events._on_tick()
    before = listener.ended
    end(api, anna)
    api.services.events._on_tick()
    assert (before, listener.ended) == (False, True)
    listener.close()


def test_an_account_that_is_enabled_again_signs_in(api: Api, anna: Person) -> None:
    disable(api, anna)
    api.services.accounts.switch(anna.email, active=True)
    assert anna.get("/api/auth/me").status_code == 401, "its old logins have ended"
    body = {"email": anna.email, "password": PASSWORD}
    assert api.call("POST", "/api/auth/login", json=body).status_code == 200
