"""Recordings of whole streams by the API: who may have them, how many, how they end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from src.models.params import RecordingParams
from tests.api.actors import LINK, Api, Person
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow


def record(person: Person, **body: Any) -> Any:
    return person.post("/api/video/save", json={"url": LINK, "user_id": person.id, "start_time": "now", **body})


def test_the_owner_records_two_streams_at_once(api: Api, anna: Person, bert: Person) -> None:
    api.notifier.answer = None
    body = {"url": LINK, "user_id": anna.id, "start_time": 0, "end_time": None}
    for token in (api.public_token(), bert.token):
        refused = api.call("POST", "/api/video/save", token=token, json=body)
        assert (refused.status_code, (refused.json or {})["code"]) == (403, "NOT_OWNER")
    first = record(anna, start_time="0:00").json["video_id"]
    job = api.services.jobs.find_any(first)
    assert isinstance(job.params, RecordingParams) and job.params.from_start and job.waiting
    assert job.keep_seconds == timedelta(days=7).total_seconds()
    assert abs(job.params.requested_at - job.created_at) < timedelta(seconds=5)
    second = record(anna).json["video_id"]
    third = record(anna)
    assert (third.status_code, third.json["code"]) == (429, "TOO_MANY_RECORDINGS")
    assert record(bert).status_code == 201, "the limit is that of an account"
    listed = anna.get("/api/video/list").json
    assert anna.status(second)["start_time"] is None and listed is not None and listed["total"] == 2

    moved = api.call("PATCH", f"/api/video/{first}", token=anna.token, json={"move_end": -1})
    assert moved.status_code == 409
    ending = anna.post(f"/api/video/{first}/cancel").json
    assert ending is not None and ending["status"] == "pending"
    removed = api.call("DELETE", f"/api/video/{second}", token=anna.token)
    assert removed.json is not None and removed.json["status"] == "cancelled"
    api.services.runner.run(first)
    assert anna.status(first)["status"] == "cancelled", "nothing was recorded"
    assert record(anna).status_code == 201


@pytest.mark.parametrize("times", [{"start_time": "now", "end_time": 5}, {"start_time": 5}, {"start_time": "soon"}])
def test_times_that_are_no_whole_stream(api: Api, anna: Person, times: dict[str, Any]) -> None:
    reply = record(anna, **{"start_time": None, **times})
    assert (reply.status_code, reply.json["code"]) == (400, "CLIP_RANGE_INVALID")


def test_a_recording_that_its_owner_ends_is_delivered(live: Api, site: OfflineYoutube, tmp_path: Path) -> None:
    person = live.person()
    video_id = record(person, url=f"https://youtu.be/{VideoId.LIVE_BY_NUMBER}", start_time=0).json["video_id"]
    live.notifier.finish()
    status = person.status(video_id)
    assert (status["status"], status["waiting_for"]) == ("processing", "segments"), status
    assert status["recorded"]["seconds"] > 0 and status["recorded"]["bytes"] > 0, "as far as the last reading knew"
    assert person.post(f"/api/video/{video_id}/cancel").status_code == 200
    live.notifier.finish()
    eventually(lambda: person.status(video_id)["status"] == "completed")
    status = person.status(video_id)
    assert status["notes"][0]["code"] == "ends_early" and status["complete"] is True
    assert status["title"] and status["actual"]["from"]
    path = tmp_path / "recording.mp4"
    path.write_bytes(person.get(f"/api/video/download/{video_id}").data)
    numbers = [frame.number for frame in frame_numbers(path)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > 50 * 25
    again = person.post(f"/api/video/download/{video_id}", json={"resolution_preference": "1080p", "mode": "reencode"})
    assert again.status_code == 200, "a stream cannot be recorded again"
    assert live.call("DELETE", f"/api/video/{video_id}", token=person.token).json["deleted"] is True  # type: ignore[index]
    assert live.services.jobs.peek(video_id) is None
