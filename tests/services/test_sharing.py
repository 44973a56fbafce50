"""The same range asked for by several people is fetched once; each has a file of its own."""

from __future__ import annotations

import pytest
from bson.objectid import ObjectId

from src.data.claim_data import ClaimData
from src.errors import VideoPrivate
from tests.api.actors import Api, Person
from tests.api.conftest import anna, api, bert
from tests.tools.stores import end_leases
from tests.tools.waiting import eventually

__all__ = ["anna", "api", "bert"]

pytestmark = pytest.mark.slow
AT_ONCE = {"Prefer": "respond-async"}


def test_what_exists_is_not_made_twice(api: Api, anna: Person, bert: Person) -> None:
    first, same, other = anna.save(), bert.save(), bert.save(end_time=121)
    made = anna.post(f"/api/video/download/{first}")
    shared = bert.post(f"/api/video/download/{same}")
    assert made.data == shared.data and len(api.engine.calls) == 1
    assert f"video_{same}.mp4" in shared.headers["Content-Disposition"]
    assert bert.status(same)["title"] == "A film" and bert.status(same)["actual"] == anna.status(first)["actual"]
    bert.post(f"/api/video/download/{other}")
    assert len(api.engine.calls) == 2
    paths = [api.services.jobs.find_any(each).artifact for each in (first, same)]
    assert paths[0] and paths[1] and paths[0].path.samefile(paths[1].path) and paths[0].path != paths[1].path
    assert api.call("DELETE", f"/api/video/{first}", token=anna.token).status_code == 200
    assert bert.post(f"/api/video/download/{same}").data == shared.data
    assert bert.get(f"/api/video/download/{first}").status_code in (403, 404)


def test_another_format_is_another_file(api: Api, anna: Person, bert: Person) -> None:
    first, second = anna.save(), bert.save()
    anna.post(f"/api/video/download/{first}")
    bert.post(f"/api/video/download/{second}", json={"format_preference": "webm"})
    assert len(api.engine.calls) == 2


# --- while the first is at work ---------------------------------------------------------------------------------


def begin(person: Person, video_id: str) -> None:
    assert person.post(f"/api/video/download/{video_id}", headers=AT_ONCE).status_code == 202


def is_following(api: Api, video_id: str) -> bool:
    return api.services.database["videos"].count_documents({"_id": ObjectId(video_id), "follows": {"$ne": None}}) == 1


@pytest.fixture
def two(api: Api, anna: Person, bert: Person) -> tuple[str, str]:
    """A job of anna that is at work, and one of bert that waits for it."""
    api.engine.busy = True
    first, second = anna.save(), bert.save()
    begin(anna, first)
    eventually(lambda: anna.status(first)["progress"])
    begin(bert, second)
    eventually(lambda: is_following(api, second))
    assert bert.status(second)["status"] == "pending" and bert.status(second)["attempts"] == 0
    return first, second


def completed(person: Person, video_id: str) -> bool:
    return bool(person.status(video_id)["status"] == "completed")


def test_who_asks_for_what_is_being_made_gets_the_same_file(
    api: Api, anna: Person, bert: Person, two: tuple[str, str]
) -> None:
    api.engine.hurry.set()
    eventually(lambda: completed(anna, two[0]) and completed(bert, two[1]))
    assert len(api.engine.calls) == 1
    assert bert.get(f"/api/video/download/{two[1]}").data == anna.get(f"/api/video/download/{two[0]}").data


def test_who_waits_takes_over_when_the_first_is_cancelled(
    api: Api, anna: Person, bert: Person, two: tuple[str, str]
) -> None:
    anna.post(f"/api/video/{two[0]}/cancel")
    eventually(lambda: bert.status(two[1])["progress"])
    api.engine.hurry.set()
    eventually(lambda: completed(bert, two[1]))
    assert anna.status(two[0])["status"] == "cancelled" and len(api.engine.calls) == 2


def test_who_waits_hears_of_a_failure_by_failing_alone(
    api: Api, anna: Person, bert: Person, two: tuple[str, str]
) -> None:
    api.engine.late_errors = [VideoPrivate()]
    api.engine.hurry.set()
    eventually(lambda: completed(bert, two[1]))
    assert anna.status(two[0])["error"]["code"] == "VIDEO_PRIVATE" and len(api.engine.calls) == 2


def test_one_who_waits_can_be_cancelled_without_the_other(
    api: Api, anna: Person, bert: Person, two: tuple[str, str]
) -> None:
    bert.post(f"/api/video/{two[1]}/cancel")
    assert bert.status(two[1])["status"] == "cancelled"
    api.engine.hurry.set()
    eventually(lambda: completed(anna, two[0]))
    assert bert.status(two[1])["status"] == "cancelled" and len(api.engine.calls) == 1


def test_a_dead_worker_is_not_waited_for(api: Api, anna: Person, bert: Person) -> None:
    claims = ClaimData(api.services.database)
    first, second = anna.save(), bert.save()
    for video_id in (first, second):
        api.services.jobs._jobs.enqueue(video_id, {})
    assert claims.claim(first, "dead", lease_seconds=30, max_attempts=3)
    end_leases(api.services.database)
    api.services.runner.run(second)
    assert completed(bert, second)
    api.services.runner.run(first)
    assert completed(anna, first) and len(api.engine.calls) == 1, "the one that was late shares, too"
