"""Server-sent events: how things stand first, then every change; ends, resumes, owners and the cap."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from src.errors import TooManyOwnListeners
from src.middleware import push
from src.models.params import AudioParams
from src.models.video import Owner, OwnerKind
from src.services.events import events as job_events
from src.services.events.slots import Holder
from tests.api.actors import LINK, Api, Person
from tests.tools.waiting import eventually, within

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

pytestmark = pytest.mark.slow


def events(reply: TestResponse) -> Iterator[dict[str, Any]]:
    """The events of a stream as they come."""
    buffer = ""
    for piece in reply.response:
        buffer += piece if isinstance(piece, str) else piece.decode()
        while "\n\n" in buffer:
            block, buffer = buffer.split("\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                yield {"id": fields["id"], "event": fields["event"], **json.loads(fields["data"])}


def listen(person: Person, path: str, **headers: str) -> TestResponse:
    return person.get(path, headers=headers, buffered=False)


def begin(person: Person, video_id: str) -> None:
    person.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"})


def test_a_job_is_followed_to_its_end(api: Api, anna: Person) -> None:
    api.engine.busy = True
    video_id = anna.save()
    reply = listen(anna, f"/api/jobs/{video_id}/events")
    assert reply.mimetype == "text/event-stream" and reply.headers["Cache-Control"] == "no-store"
    stream = events(reply)
    first = next(stream)
    assert (first["event"], first["status"], first["job_id"]) == ("status", "pending", video_id)
    begin(anna, video_id)
    rest: list[dict[str, Any]] = []
    for each in stream:
        rest.append(each)
        if each["event"] == "progress":
            api.engine.hurry.set()
    reply.close()
    # A reading says that the job is processing; whether the change itself was seen before is a matter of speed.
    assert {"progress", "ended"} <= {each["event"] for each in rest} <= {"status", "progress", "ended"}
    assert any(each.get("download_progress") == 45.2 and each["progress"] > 0 for each in rest)
    assert rest[-1]["status"] == "completed" and rest[-1]["file_available"] and rest[-1]["progress"] == 100
    again = listen(anna, f"/api/jobs/{video_id}/events", **{"Last-Event-ID": rest[-1]["id"]})
    assert again.status_code == 204
    late = list(events(listen(anna, f"/api/jobs/{video_id}/events", **{"Last-Event-ID": rest[0]["id"]})))
    assert [each["event"] for each in late] == ["ended"]


def test_all_jobs_of_one_caller_and_of_nobody_else(api: Api, anna: Person, bert: Person) -> None:
    api.engine.busy = True
    heard: list[dict[str, Any]] = []
    reply = listen(anna, "/api/events")
    stream = events(reply)

    def hear() -> None:
        for each in stream:
            heard.append(each)
            if len({one["job_id"] for one in heard}) == 2:
                api.engine.hurry.set()
            if len({one["job_id"] for one in heard if one["event"] == "ended"}) == 2:
                return

    thread = threading.Thread(target=hear)
    thread.start()
    others = bert.save()
    mine = [anna.save(), anna.save()]
    for person, video_id in ((bert, others), (anna, mine[0]), (anna, mine[1])):
        begin(person, video_id)
    thread.join(60)
    reply.close()
    assert not thread.is_alive()
    assert {each["job_id"] for each in heard} == set(mine)
    ended = next(each for each in heard if each["event"] == "ended")
    resumed = events(listen(anna, "/api/events", **{"Last-Event-ID": ended["id"]}))
    assert mine.index(next(resumed)["job_id"]) >= 0
    waiting = anna.save()
    nonsense = listen(anna, "/api/events", **{"Last-Event-ID": "\u00b2-0"})
    assert nonsense.status_code == 200 and next(events(nonsense))["job_id"] == waiting


def test_events_are_private(api: Api, anna: Person, bert: Person) -> None:
    video_id = anna.save()
    assert bert.get(f"/api/jobs/{video_id}/events").status_code == 403
    assert api.call("GET", f"/api/jobs/{video_id}/events").status_code == 401
    assert api.call("GET", "/api/events").status_code == 401
    assert anna.get("/api/jobs/65a0000000000000000000ff/events").status_code == 404


def test_a_login_that_ends_takes_its_listeners_along(api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.services.events.events._CHECK_SECONDS", 0.2)
    stream: Iterator[Any] = iter(listen(anna, "/api/events").response)
    next(stream)
    assert anna.post("/api/auth/logout").status_code == 200
    with within():
        assert all(b"data:" not in (piece if isinstance(piece, bytes) else piece.encode()) for piece in stream)


def test_places_are_limited_and_given_back(api: Api, anna: Person) -> None:
    api.services.events.slots.most = 1
    video_id = anna.save()
    first = listen(anna, f"/api/jobs/{video_id}/events")
    next(events(first))
    refused = anna.get("/api/events")
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "5"
    first.close()
    second = listen(anna, f"/api/jobs/{video_id}/events")
    assert next(events(second))["job_id"] == video_id
    second.close()


def shared(api: Api, **shares: int | None) -> None:
    """Give the running app shares, which its settings leave out together with the other limits."""
    api.services.events.slots._per_owner = shares.get("owner")
    api.services.events.slots._per_address = shares.get("address")


def test_one_guest_gets_its_share_of_streams_and_others_get_theirs(api: Api, anna: Person, bert: Person) -> None:
    shared(api, owner=3, address=8)
    guest = {"X-Session-ID": str((api.call("POST", "/api/sessions/").json or {})["session_uuid"])}
    open_streams = [api.call("GET", "/api/events", headers=guest) for _ in range(3)]
    assert [each.status_code for each in open_streams] == [200] * 3
    video_id = anna.save()
    for path, headers in (("/api/events", guest), ("/ws", {**guest, **HANDSHAKE})):
        refused = api.call("GET", path, headers=headers)
        assert refused.status_code == 429 and (refused.json or {})["code"] == "TOO_MANY_OWN_LISTENERS", path
        assert refused.headers["Retry-After"] == "5"
    open_streams += [
        listen(anna, "/api/events"),
        listen(anna, f"/api/jobs/{video_id}/events"),
        listen(bert, "/api/events"),
    ]
    assert {each.status_code for each in open_streams} == {200}
    open_streams.pop(0).close()
    again = api.call("GET", "/api/events", headers=guest)
    assert again.status_code == 200
    for each in [*open_streams, again]:
        each.close()
    assert api.services.events.slots.free == api.services.settings.event_streams


def test_one_address_gets_its_share_whoever_it_says_it_is(api: Api, anna: Person, bert: Person) -> None:
    shared(api, owner=3, address=4)
    here, there = {"REMOTE_ADDR": "2001:db8::1"}, {"REMOTE_ADDR": "2001:db8:0:1::1"}

    def call(person: Person, place: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {person.token}"}
        return api.call("GET", "/api/events", headers=headers, environ_base=place)

    streams = [call(anna, here), call(anna, here), call(bert, {"REMOTE_ADDR": "2001:db8::2"}), call(bert, here)]
    assert [each.status_code for each in streams] == [200] * 4
    assert call(bert, here).status_code == 429
    streams.append(call(bert, there))
    assert streams[-1].status_code == 200, "another customer"
    for each in streams:
        each.close()


def test_web_sockets_have_shares_of_their_own(api: Api) -> None:
    sockets = Flask("sockets")
    push.install(sockets, most_sockets=64, shared=True)
    places = sockets.extensions["yt-downloader.web-sockets"]
    for number in range(8):
        places.take(Holder("guest", f"192.0.2.{number}"))
    with pytest.raises(TooManyOwnListeners):
        places.take(Holder("guest", "192.0.2.99"))
    for number in range(16):
        places.take(Holder(f"user {number}", "198.51.100.1"))
    with pytest.raises(TooManyOwnListeners):
        places.take(Holder("another", "198.51.100.1"))
    assert places.free == 40


def test_a_listener_goes_on_when_redis_forgets_it(api: Api, anna: Person) -> None:
    video_id = anna.save()
    listener = api.services.events.of_job(video_id)
    assert [event.name for event in listener.take(2)] == ["status"]
    api.services.progress.set_progress(video_id, {"download_progress": 10})
    assert [event.data["download_progress"] for event in listener.take(5)] == [10]
    api.services.cache.client.client_kill_filter(_type="pubsub")
    percents = itertools.count(11)

    def hears_again() -> bool:
        api.services.progress.set_progress(video_id, {"download_progress": next(percents)})
        return bool(listener.take(0.2))

    eventually(hears_again)
    listener.close()


def test_who_listens_to_all_jobs_connects_anew_when_messages_may_be_lost(api: Api, anna: Person) -> None:
    listener = api.services.events.of_owner(Owner.user(anna.id))

    def has_ended() -> bool:
        api.services.cache.client.client_kill_filter(_type="pubsub")
        listener.take(0.5)
        return listener.ended

    eventually(has_ended)
    listener.close()


def test_web_sockets_leave_most_threads_alone(api: Api, anna: Person) -> None:
    api.app.extensions["yt-downloader.web-sockets"].most = 0
    refused = anna.get("/ws", headers=HANDSHAKE)
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "5"
    assert api.services.events.slots.free == api.services.settings.event_streams, "its place was given back"


def test_a_web_page_shows_its_token_or_its_session_as_a_protocol(api: Api, anna: Person) -> None:
    api.app.extensions["yt-downloader.web-sockets"].most = 0  # who is let in gets 503, not a socket
    session = str((api.call("POST", "/api/sessions/").json or {})["session_uuid"])
    page = {**HANDSHAKE, "Origin": "https://page.example"}
    for offered, status in {
        f"bearer, {anna.token}": 503,
        f"session, {session}": 503,
        f"bearer, {api.public_token()}": 401,
        f"session, {anna.token}": 401,
        f"bearer, {anna.token}, more": 401,
        anna.token: 401,
        "bearer": 401,
    }.items():
        told = api.call("GET", "/ws", headers={**page, "Sec-WebSocket-Protocol": offered})
        assert told.status_code == status, offered
    elsewhere = api.call("GET", "/api/events", headers={"Sec-WebSocket-Protocol": f"bearer, {anna.token}"})
    assert elsewhere.status_code == 401


def test_an_address_that_speaks_websocket(api: Api) -> None:
    assert api.call("GET", "/ws", environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 400
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    stranger = api.call("GET", "/ws", headers=upgrade, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert stranger.status_code == 401


def test_a_request_that_opens_no_web_socket_is_told_why_and_takes_no_place(api: Api, anna: Person) -> None:
    wrong: list[tuple[int, dict[str, str]]] = [
        (426, {"Sec-WebSocket-Version": "7"}),
        (426, {"Sec-WebSocket-Version": ""}),
        (426, {"Sec-WebSocket-Version": "13, 7"}),
        (400, {"Sec-WebSocket-Key": ""}),
        (400, {"Sec-WebSocket-Key": "short"}),
        (400, {"Sec-WebSocket-Key": "not base64 at all, not one bit"}),
        (400, {"Sec-WebSocket-Key": "\xe9" * 24}),
        (400, {"Sec-WebSocket-Key": "A" * 4000}),
    ]
    for status, changed in wrong:
        reply = anna.get("/ws", headers={**HANDSHAKE, **changed})
        assert reply.status_code == status, (changed, reply.text)
        assert reply.json is not None and reply.json["code"].startswith("WEB_SOCKET_")
        assert (reply.headers.get("Sec-WebSocket-Version") == "13") == (status == 426)
    assert api.services.events.slots.free == api.services.settings.event_streams, "every place was given back"


def test_an_old_job_is_told_behind_many_newer_ones(api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "_MOST_JOBS", 2)
    waiting = anna.save()
    for _ in range(3):
        anna.post(f"/api/video/{anna.save()}/cancel")
    assert next(events(listen(anna, "/api/events")))["job_id"] == waiting


def test_a_job_of_nobody_is_heard_of_by_the_account_that_claims_it(api: Api, anna: Person) -> None:
    service = api.services.events
    nobody = api.services.jobs.save(
        Owner(OwnerKind.ADDRESS, "192.0.2.1"),
        AudioParams(url=LINK, youtube_video_id="dQw4w9WgXcQ"),
        facts={"request": {"auto_download": "x"}},
    )
    listener = service.of_owner(Owner.user(anna.id))
    service._on_message(nobody.id, {"download_progress": 1})
    assert listener.take() == []
    api.services.auto_downloads.link(anna.email, hours=1)
    service._on_message(nobody.id, {"download_progress": 2})
    assert [event.job_id for event in listener.take()] == [nobody.id]
    listener.close()


def test_a_job_that_is_forgotten_ends_its_streams_at_once(
    api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.services.events.events._CHECK_SECONDS", 3600)  # no look at the records ends it
    video_id = anna.save()
    listener = api.services.events.of_job(video_id)
    assert len(listener.take()) == 1
    api.call("DELETE", f"/api/video/{video_id}", token=anna.token)
    eventually(lambda: (listener.take(0.2), listener.ended)[1])
    listener.close()
