"""Clips that others save for an account have places of their own: nobody can lock the owner out with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from src.models.video import Owner
from src.services.jobs.open_job_limits import MOST_ANONYMOUS_SAVES
from tests.api.actors import LINK, Api, Person

pytestmark = pytest.mark.slow
VIDEO = "dQw4w9WgXcQ"


def save_for(api: Api, person: Person, token: str) -> Any:
    body = {"url": LINK, "start_time": 1, "end_time": 2, "user_id": person.id}
    return api.call("POST", "/api/video/save", token=token, json=body)


def flood(api: Api, person: Person) -> None:
    """Take every place that others may take."""
    token = api.public_token()
    assert [save_for(api, person, token).status_code for _ in range(MOST_ANONYMOUS_SAVES)] == [
        201
    ] * MOST_ANONYMOUS_SAVES


def listed(person: Person) -> list[dict[str, Any]]:
    reply = person.get("/api/video/list?per_page=200").json
    assert reply is not None
    return list(reply["videos"])


def test_others_cannot_take_the_places_of_the_owner(api: Api, anna: Person, bert: Person) -> None:
    made = anna.post("/api/auth/tokens", {"name": "bot", "stream": VIDEO, "cooldown_seconds": 0}).json
    assert made is not None
    secret = made["token"]
    flood(api, anna)
    moment = f"/api/video/save/stream/{api.public_token()}/{VIDEO}?user_id={anna.id}"
    replies: list[Any] = [save_for(api, anna, token) for token in (api.public_token(), bert.token)]
    for refused in [*replies, api.call("GET", moment)]:
        assert (refused.status_code, refused.json["code"]) == (429, "TOO_MANY_PENDING")
        assert refused.json["details"] == {"limit": 50}
    assert save_for(api, anna, anna.token).status_code == 201
    assert anna.upload().status_code == 201
    assert api.call("GET", f"/c/{secret}").status_code == 201
    assert api.call("GET", f"/api/video/save/stream/{secret}/{VIDEO}").status_code == 201
    assert save_for(api, bert, api.public_token()).status_code == 201, "every owner has places of its own"


def test_the_owner_s_own_saves_take_no_places_of_others(api: Api, anna: Person) -> None:
    api.services.jobs._limits._most = 2
    for _ in range(2):
        assert save_for(api, anna, anna.token).status_code == 201
    assert save_for(api, anna, anna.token).status_code == 429
    assert save_for(api, anna, api.public_token()).status_code == 201


def test_many_at_once_take_no_more_places_than_there_are(api: Api, anna: Person) -> None:
    token = api.public_token()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: save_for(api, anna, token).status_code, range(2 * MOST_ANONYMOUS_SAVES)))
    assert set(found) == {201, 429}
    assert len(listed(anna)) == found.count(201) <= MOST_ANONYMOUS_SAVES


def test_an_anonymous_save_expires_when_nobody_starts_it(api: Api, anna: Person) -> None:
    before = datetime.now(UTC)
    ours, theirs, started = save_for(api, anna, anna.token), anna.save(), anna.save()
    own = ours.json["video_id"]
    told = anna.status(theirs)
    assert told["anonymous"] is True
    left = datetime.fromisoformat(told["expires_at"]) - before
    assert timedelta(hours=167.9) < left < timedelta(hours=168.1), "ANONYMOUS_SAVE_HOURS"
    assert [each["expires_at"] for each in listed(anna) if each["video_id"] == theirs] == [told["expires_at"]]
    assert anna.status(own)["anonymous"] is False and anna.status(own)["expires_at"] is None
    api.notifier.answer = None
    assert anna.post(f"/api/video/download/{started}", headers={"Prefer": "respond-async"}).status_code == 202
    assert anna.status(started)["expires_at"] is None
    after = datetime.now(UTC) + timedelta(hours=169)
    videos = api.services.database["videos"]
    long_ago = after - timedelta(days=30)
    api.services.cleanup._expiry.delete_records(after, ended_before=long_ago, saved_before=long_ago)
    assert {str(each["_id"]) for each in videos.find()} == {own, started}


def test_what_has_expired_takes_no_place_until_it_is_swept(api: Api, anna: Person) -> None:
    flood(api, anna)
    over = datetime.now(UTC) - timedelta(seconds=1)
    api.services.database["videos"].update_many({}, {"$set": {"expires_at": over}})
    assert save_for(api, anna, api.public_token()).status_code == 201
    assert api.services.cleanup.run().records == MOST_ANONYMOUS_SAVES
    assert len(listed(anna)) == 1


def test_the_owner_clears_them_in_one_call(api: Api, anna: Person, bert: Person) -> None:
    flood(api, anna)
    theirs = bert.save()
    own = save_for(api, anna, anna.token).json["video_id"]
    started = listed(anna)[-1]["video_id"]
    api.notifier.answer = None
    anna.post(f"/api/video/download/{started}", headers={"Prefer": "respond-async"})
    path = "/api/video/anonymous"
    assert api.call("DELETE", path).status_code == 401
    assert api.call("DELETE", path, token=api.public_token()).status_code == 401
    reply = api.call("DELETE", path, token=anna.token)
    assert (reply.status_code, reply.json) == (200, {"deleted": MOST_ANONYMOUS_SAVES - 1})
    assert {each["video_id"] for each in listed(anna)} == {own, started}
    assert [each["video_id"] for each in listed(bert)] == [theirs]
    assert save_for(api, anna, api.public_token()).status_code == 201
    assert api.services.jobs.clear_anonymous(Owner.user(anna.id)) == 1
