"""Ranges of a running stream by time: from its start, or back from now. Real extractor, real media, exact frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.models.params import LiveClipParams
from tests.api.actors import LINK, Api, Person
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

FPS = 25
STREAM = f"https://youtu.be/{VideoId.LIVE_NOW}"


def save(person: Person, **body: Any) -> str:
    video_id = person.save(**{"url": STREAM, **body})
    person.api.notifier.finish()
    return video_id


def fetched(person: Person, video_id: str, folder: Path, **wish: Any) -> list[int]:
    """Ask for the file until it is there, as a scheduler and a client do; the numbers of its frames."""
    person.post(f"/api/video/download/{video_id}", json=wish or None, headers={"Prefer": "respond-async"})
    eventually(lambda: has_ended(person, video_id))
    status = person.status(video_id)
    assert status["status"] == "completed", status
    path = folder / "clip"
    path.write_bytes(person.get(f"/api/video/download/{video_id}").data)
    return [frame.number for frame in frame_numbers(path)]


def has_ended(person: Person, video_id: str) -> bool:
    """Let a worker do what is due, as the scheduler does."""
    person.api.services.reconciler.run(notified_before_seconds=0)
    person.api.notifier.finish()
    return person.status(video_id)["status"] in ("completed", "failed")


def frame_at(site: OfflineYoutube, moment: str) -> int:
    """The first frame at or behind this time by the wall clock."""
    seconds = Fraction(round(datetime.fromisoformat(moment).timestamp() * 1000), 1000)
    return -int(-(seconds - Fraction(site.live.began_at)) * FPS // 1)


def test_the_last_seconds_are_captured_at_once(live: Api, site: OfflineYoutube, tmp_path: Path) -> None:
    person = live.person()
    video_id = person.save(url=STREAM, start_time=-22, end_time="-0:16", clip_offset=30)
    assert [each[0] for each in live.notifier.notified] == [video_id], "a stream drops what is not captured"
    job = live.services.jobs.find_any(video_id)
    assert isinstance(job.params, LiveClipParams)
    assert (job.params.clip_offset, job.params.clip_duration) == (22, 6)
    assert abs((job.params.event_at - job.created_at).total_seconds()) < 5, "the arrival of the request"

    numbers = fetched(person, video_id, tmp_path)
    status = person.status(video_id)
    asked = status["requested"]
    assert numbers == list(range(frame_at(site, asked["from"]), frame_at(site, asked["to"]))) and len(numbers) == 150
    assert (status["source"], status["complete"], status["gaps"]) == ("live", True, [])


def test_times_from_the_start_of_a_running_stream(live: Api, site: OfflineYoutube, tmp_path: Path) -> None:
    person = live.person()
    video_id = save(person, start_time="0:38", end_time=44.2)
    assert live.notifier.notified == [], "it is only saved, as every range is"
    assert fetched(person, video_id, tmp_path, resolution_preference="144p") == list(range(950, 1105))
    status = person.status(video_id)
    assert (status["source"], status["complete"], status["start_time"], status["end_time"]) == ("live", True, 38, 44.2)
    assert status["requested"]["start"] == 38 and status["actual"]["start"] == 38 and status["actual"]["from"]

    moved = live.call("PATCH", f"/api/video/{video_id}", token=person.token, json={"move_start": 1, "move_end": -2})
    assert moved.status_code == 202 and moved.json is not None and moved.json["refetched"] is False
    assert fetched(person, video_id, tmp_path) == list(range(975, 1055))


def test_a_range_that_starts_later_is_awaited_without_a_worker(live: Api, site: OfflineYoutube, tmp_path: Path) -> None:
    person = live.person()
    video_id = save(person, start_time=4000, end_time=4010)
    person.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"})
    live.notifier.finish()
    status = person.status(video_id)
    assert (status["status"], status["waiting_for"]) == ("processing", "segments")
    job = live.services.jobs.find_any(video_id)
    assert job.not_before is not None and job.queued_at is not None
    assert (job.not_before - job.queued_at).total_seconds() > 3500
    assert site.media_requests(VideoId.LIVE_NOW) == []


@pytest.mark.parametrize("name", [VideoId.LADDER, VideoId.WAS_LIVE])
def test_only_a_running_stream_has_last_seconds(real: Api, site: OfflineYoutube, name: VideoId) -> None:
    site.reset()
    person = real.person()
    video_id = save(person, url=f"https://youtu.be/{name}", start_time=-20, end_time=0)
    status = person.status(video_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "CLIP_RANGE_INVALID"), status
    reply = person.post(f"/api/video/download/{video_id}")
    assert (reply.status_code, (reply.json or {})["code"]) == (400, "CLIP_RANGE_INVALID")


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"start_time": -90, "end_time": 30}, "CLIP_RANGE_INVALID"),
        ({"start_time": 30, "end_time": -5}, "CLIP_RANGE_INVALID"),
        ({"start_time": -90}, "CLIP_RANGE_INVALID"),
        ({"end_time": -5}, "CLIP_RANGE_INVALID"),
        ({"start_time": -10, "end_time": -10}, "CLIP_RANGE_INVALID"),
        ({"start_time": -10, "end_time": -20}, "CLIP_RANGE_INVALID"),
        ({"start_time": 0, "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": "--90", "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": "-", "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": "-soon", "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": "-1:75", "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": -(2**70), "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": -1e300, "end_time": 0}, "CLIP_RANGE_INVALID"),
        ({"start_time": float("nan"), "end_time": 0}, "REQUEST_INVALID"),
        ({"start_time": float("-inf"), "end_time": 0}, "REQUEST_INVALID"),
        ({"start_time": [-1], "end_time": 0}, "REQUEST_INVALID"),
        ({"start_time": -3601, "end_time": 0}, "CLIP_TOO_LONG"),
    ],
)
def test_times_that_form_no_range_are_refused(api: Api, anna: Person, times: dict[str, Any], code: str) -> None:
    body = {"url": LINK, "user_id": anna.id, **times}
    reply = api.call("POST", "/api/video/save", token=api.public_token(), json=body)
    assert (reply.status_code, (reply.json or {})["code"]) == (400, code), reply.json
    assert anna.get("/api/video/list").json == {"videos": [], "page": 1, "per_page": 50, "total": 0}


def test_the_longest_range_is_allowed_with_a_public_token(live: Api) -> None:
    person = live.person()
    live.notifier.answer = None
    job = live.services.jobs.find_any(person.save(url=STREAM, start_time=-3700.5, end_time="-1:40.5"))
    assert isinstance(job.params, LiveClipParams)
    assert (job.params.clip_offset, job.params.clip_duration, job.anonymous) == (3700.5, 3600, True)


def test_a_scheduled_stream_is_awaited_for_its_owner_only(real: Api, site: OfflineYoutube) -> None:
    site.reset()
    person = real.person()
    body = {"url": f"https://youtu.be/{VideoId.UPCOMING}", "start_time": 0, "end_time": 60, "user_id": person.id}
    body["when_live"] = True
    refused = real.call("POST", "/api/video/save", token=real.public_token(), json=body)
    assert (refused.status_code, (refused.json or {})["code"]) == (403, "NOT_OWNER")
    nothing = person.post("/api/video/save", json={**body, "start_time": -60, "end_time": 0})
    assert (nothing.status_code, (nothing.json or {})["code"]) == (400, "CLIP_RANGE_INVALID")
    reply = person.post("/api/video/save", json=body)
    assert reply.status_code == 201 and reply.json is not None
    real.notifier.finish()
    status = person.status(reply.json["video_id"])
    assert (status["status"], status["waiting_for"], status["error"]) == ("processing", "stream", None)
    real.services.database["videos"].update_many(
        {}, [{"$set": {"queued_at": {"$subtract": ["$queued_at", 14 * 86_400_000]}, "not_before": "$created_at"}}]
    )
    assert has_ended(person, reply.json["video_id"])
    assert person.status(reply.json["video_id"])["error"]["code"] == "LIVE_NOT_STARTED"


def test_a_file_that_is_still_to_be_repaired_is_not_shared(api: Api, anna: Person, bert: Person) -> None:
    """The repair replaces the file of its own job only."""
    videos = api.services.database["videos"]
    assert anna.post(f"/api/video/download/{anna.save()}", headers={"Prefer": "wait=60"}).status_code == 200
    until = datetime.now(UTC) + timedelta(hours=1)
    repair = {"state": "waiting", "until": until, "at": until, "attempts": 0}
    for state, calls in (("waiting", 2), ("done", 2)):
        videos.update_many({}, {"$set": {"repair": {**repair, "state": state}}})
        assert bert.post(f"/api/video/download/{bert.save()}", headers={"Prefer": "wait=60"}).status_code == 200
        assert len(api.engine.calls) == calls, state
