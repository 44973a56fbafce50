"""``/api/video/*``: every documented reply and error."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from src.data.video_data import VideoData
from src.errors import FormatNotAvailable, NetworkTimeout, RateLimited, VideoPrivate
from src.models.source import LiveStatus, SourceFormat, VideoInfo
from src.models.video import Status
from tests.api.actors import LINK, Api, Person
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

UNKNOWN_ID = "65a0000000000000000000ff"


def assert_error(reply: Any, status: int, code: str) -> None:
    assert (reply.status_code, reply.json["code"]) == (status, code), reply.json
    assert reply.json["error"] and "details" in reply.json


# --- save -------------------------------------------------------------------------------------------------------


def test_save_answers_as_documented(api: Api, anna: Person) -> None:
    body = {
        "url": LINK,
        "start_time": 60,
        "end_time": 120,
        "user_id": anna.id,
        "additional_message": "Great moment!",
        "clip_offset": 30,
    }
    reply = api.call("POST", "/api/video/save", token=api.public_token(), json=body)
    assert reply.status_code == 201
    assert reply.json is not None
    assert reply.json == {"message": "Video info saved successfully", "video_id": reply.json["video_id"]}
    status = anna.status(reply.json["video_id"])
    assert status["additional_message"] == "Great moment!" and status["clip_offset"] == 30
    assert api.notifier.described == [reply.json["video_id"]], "a worker looks the source up, the caller does not wait"
    assert api.notifier.notified == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": "https://example.com/watch?v=dQw4w9WgXcQ"}, "URL_INVALID"),
        ({"url": "https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ"}, "URL_INVALID"),
        ({"url": 7}, "REQUEST_INVALID"),
        ({"url": None}, "REQUEST_INVALID"),
        ({"start_time": None}, "CLIP_RANGE_INVALID"),
        ({"end_time": None}, "CLIP_RANGE_INVALID"),
        ({"start_time": 120, "end_time": 60}, "CLIP_RANGE_INVALID"),
        ({"start_time": 60, "end_time": 60}, "CLIP_RANGE_INVALID"),
        ({"start_time": -1}, "CLIP_RANGE_INVALID"),
        ({"start_time": "soon"}, "CLIP_RANGE_INVALID"),
        ({"start_time": 2**70, "end_time": 2**71}, "CLIP_RANGE_INVALID"),
        ({"start_time": [1]}, "REQUEST_INVALID"),
        ({"start_time": True}, "REQUEST_INVALID"),
        ({"start_time": 0, "end_time": 3601}, "CLIP_TOO_LONG"),
        ({"user_id": UNKNOWN_ID}, "USER_UNKNOWN"),
        ({"user_id": "12345"}, "USER_UNKNOWN"),
        ({"user_id": None}, "REQUEST_INVALID"),
        ({"user_id": {"$ne": 1}}, "REQUEST_INVALID"),
        ({"additional_message": "x" * 501}, "REQUEST_INVALID"),
        ({"additional_message": "\ud800"}, "REQUEST_INVALID"),
    ],
)
def test_save_refuses_what_cannot_be_done(api: Api, anna: Person, changes: dict[str, Any], code: str) -> None:
    body = {"url": LINK, "start_time": 60, "end_time": 120, "user_id": anna.id, **changes}
    body = {name: value for name, value in body.items() if value is not None}
    assert_error(api.call("POST", "/api/video/save", token=api.public_token(), json=body), 400, code)


def test_a_field_of_a_wrong_type_is_named_as_it_was_sent(api: Api, anna: Person) -> None:
    body = {"url": LINK, "start_time": [1], "end_time": 2, "user_id": anna.id}
    reply = api.call("POST", "/api/video/save", token=api.public_token(), json=body)
    assert_error(reply, 400, "REQUEST_INVALID")
    assert [field["field"] for field in (reply.json or {})["details"]["fields"]] == ["start_time"]
    missing = api.call("POST", "/api/video/save", token=api.public_token(), json={})
    assert {field["field"] for field in (missing.json or {})["details"]["fields"]} == {"url"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"start_time": NaN}',
        b'{"start_time": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_save_answers_hostile_bodies_with_400(api: Api, raw: bytes) -> None:
    reply = api.call("POST", "/api/video/save", token=api.public_token(), data=raw, content_type="application/json")
    assert reply.status_code in {400, 413}
    assert reply.json is not None and reply.json["code"] in {"REQUEST_INVALID", "BODY_TOO_LARGE"}


def test_save_takes_json_under_any_content_type(api: Api, anna: Person) -> None:
    text = f'{{"url": "{LINK}", "start_time": "1:00", "end_time": "2:00", "user_id": "{anna.id}"}}'
    reply = api.call(
        "POST",
        "/api/video/save",
        token=api.public_token(),
        data=text,
        content_type="application/x-www-form-urlencoded",
    )
    assert reply.status_code == 201


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ({"start_time": 3.5, "end_time": 8.5}, 3.5, 8.5),
        ({"start_time": "1:30", "end_time": "0:02:00"}, 90, 120),
        ({"start_time": "1m30s", "end_time": "2m"}, 90, 120),
    ],
)
def test_times_may_be_written_as_people_write_them(
    anna: Person, times: dict[str, Any], start: float, end: float
) -> None:
    status = anna.status(anna.save(**times))
    assert (status["start_time"], status["end_time"]) == (start, end)


def test_a_link_with_a_time_needs_no_start(anna: Person, api: Api) -> None:
    body = {"url": f"{LINK}&t=1m5s", "end_time": 70, "user_id": anna.id}
    reply = api.call("POST", "/api/video/save", token=api.public_token(), json=body)
    assert reply.status_code == 201 and reply.json is not None
    assert anna.status(reply.json["video_id"])["start_time"] == 65


def test_the_number_of_open_jobs_of_a_user_is_bounded(api: Api, anna: Person) -> None:
    api.services.jobs._limits._most = 2
    body = {"url": LINK, "start_time": 60, "end_time": 120, "user_id": anna.id}
    assert [anna.post("/api/video/save", body).status_code for _ in range(2)] == [201] * 2
    assert_error(anna.post("/api/video/save", body), 429, "TOO_MANY_PENDING")


# --- save from a stream -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_moment_of_a_stream_is_saved_as_documented(api: Api, anna: Person, method: str) -> None:
    path = f"/api/video/save/stream/{api.public_token()}/dQw4w9WgXcQ"
    reply = api.call(method, path, query_string={"user_id": anna.id, "message": "wow", "offset": 30, "duration": 45})
    assert reply.status_code == 201 and reply.json is not None
    assert reply.json == {
        "message": "Video clip saved successfully",
        "video_id": reply.json["video_id"],
        "youtube_video_id": "dQw4w9WgXcQ",
    }
    assert anna.status(reply.json["video_id"])["clip_offset"] == 30


@pytest.mark.parametrize(
    ("video_id", "query", "status", "code"),
    [
        ("short", {}, 400, "VIDEO_ID_INVALID"),
        ("dQw4w9WgXcQ", {"user_id": None}, 400, "REQUEST_INVALID"),
        ("dQw4w9WgXcQ", {"user_id": UNKNOWN_ID}, 400, "USER_UNKNOWN"),
        ("dQw4w9WgXcQ", {"duration": 0}, 400, "REQUEST_INVALID"),
        ("dQw4w9WgXcQ", {"duration": "nan"}, 400, "REQUEST_INVALID"),
        ("dQw4w9WgXcQ", {"duration": 7200}, 400, "CLIP_TOO_LONG"),
        ("dQw4w9WgXcQ", {"offset": -1}, 400, "REQUEST_INVALID"),
    ],
)
def test_a_moment_that_cannot_be_saved(
    api: Api, anna: Person, video_id: str, query: dict[str, Any], status: int, code: str
) -> None:
    asked = {name: value for name, value in {"user_id": anna.id, **query}.items() if value is not None}
    path = f"/api/video/save/stream/{api.public_token()}/{video_id}"
    assert_error(api.call("GET", path, query_string=asked), status, code)


def test_a_moment_needs_a_right_token(api: Api, anna: Person) -> None:
    path = "/api/video/save/stream/not-a-token/dQw4w9WgXcQ"
    assert_error(api.call("GET", path, query_string={"user_id": anna.id}), 401, "TOKEN_INVALID")


# --- download ---------------------------------------------------------------------------------------------------


def test_download_makes_and_sends_the_file(api: Api, anna: Person) -> None:
    video_id = anna.save()
    reply = anna.post(f"/api/video/download/{video_id}")
    assert reply.status_code == 200
    assert reply.mimetype == "video/mp4"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="video_{video_id}.mp4"'
    assert reply.data == b"a small file"
    assert api.engine.calls[0]["start_time"] == 60 and api.engine.calls[0]["end_time"] == 120
    status = anna.status(video_id)
    assert status["status"] == "completed" and status["file_available"] is True
    made, gone = (datetime.fromisoformat(status[name]) for name in ("completed_at", "expires_at"))
    assert gone - made == timedelta(minutes=30)


def test_a_second_download_sends_the_same_file_without_work(api: Api, anna: Person) -> None:
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}")
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    assert anna.post(f"/api/video/download/{video_id}", json={"format_preference": "mp4"}).status_code == 200
    assert len(api.engine.calls) == 1


def test_another_choice_makes_another_file(api: Api, anna: Person) -> None:
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}")
    reply = anna.post(
        f"/api/video/download/{video_id}", json={"format_preference": "webm", "resolution_preference": "720p"}
    )
    assert reply.status_code == 200 and reply.mimetype == "video/webm"
    assert api.engine.calls[1]["resolution_preference"] == "720p"
    assert [path.suffix for path in api.services.files.artifacts()] == [".webm"]


def test_long_work_answers_202_and_where_to_ask(api: Api, anna: Person) -> None:
    api.engine.busy = True
    video_id = anna.save()
    reply = anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"})
    assert reply.status_code == 202
    assert reply.json == {"message": "Video is currently being processed", "status": "processing"}
    assert reply.headers["Location"] == f"/api/video/status/{video_id}"
    assert int(reply.headers["Retry-After"]) >= 1
    again = anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=0"})
    assert again.status_code == 202
    assert anna.get(f"/api/video/download/{video_id}").status_code == 202
    assert not api.engine.hurry.is_set(), "nobody has waited"
    api.engine.hurry.set()
    assert anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=60"}).status_code == 200
    assert len(api.engine.calls) == 1


def test_a_request_decided_before_the_end_does_not_replace_the_result(api: Api, anna: Person) -> None:
    """The record is read, then the job ends, then the job is started: the new file must stay."""
    api.engine.busy = True
    video_id = anna.save()
    assert anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=0"}).status_code == 202
    read = api.services.jobs.find_any(video_id)
    api.engine.hurry.set()
    assert anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=60"}).status_code == 200
    assert api.services.jobs.start(read).status is Status.COMPLETED
    assert anna.get(f"/api/video/download/{video_id}").data == b"a small file"
    assert len(api.engine.calls) == 1
    other = api.services.jobs.start(read, {"resolution_preference": "360p"})
    assert other.status is Status.PENDING, "another file was requested"


def test_when_too_many_wait_the_next_is_answered_at_once(api: Api, anna: Person) -> None:
    api.services.jobs._waiters = threading.BoundedSemaphore(1)
    api.engine.busy = True
    first, second = anna.save(), anna.save()
    waiting = threading.Thread(target=anna.post, args=(f"/api/video/download/{first}",))
    waiting.start()
    eventually(lambda: api.services.jobs._waiters._value == 0)
    assert anna.post(f"/api/video/download/{second}").status_code == 202
    assert waiting.is_alive()
    api.engine.hurry.set()
    waiting.join()


def test_a_failure_is_told_once_and_then_tried_again(api: Api, anna: Person) -> None:
    api.engine.errors = [VideoPrivate()]
    video_id = anna.save()
    assert_error(anna.post(f"/api/video/download/{video_id}"), 500, "VIDEO_PRIVATE")
    status = anna.status(video_id)
    assert status["status"] == "failed" and status["error"]["code"] == "VIDEO_PRIVATE"
    assert status["error_message"] == "The video is private."
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200


def test_a_failure_behind_a_202_is_heard_by_the_next_request(api: Api, anna: Person) -> None:
    api.engine.errors = [VideoPrivate()]
    api.notifier.answer = None
    video_id = anna.save()
    assert anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"}).status_code == 202
    api.services.runner.run(video_id)
    api.notifier.answer = api.services.runner.run
    assert_error(anna.post(f"/api/video/download/{video_id}"), 500, "VIDEO_PRIVATE")
    assert len(api.engine.calls) == 1
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200


def test_a_failure_behind_a_202_is_not_that_of_another_request(api: Api, anna: Person) -> None:
    api.engine.errors = [VideoPrivate()]
    api.notifier.answer = None
    video_id = anna.save()
    assert anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"}).status_code == 202
    api.services.runner.run(video_id)
    api.notifier.answer = api.services.runner.run
    other = {"resolution_preference": "480p"}
    assert anna.post(f"/api/video/download/{video_id}", json=other).status_code == 200
    assert len(api.engine.calls) == 2


def test_a_passing_cause_is_tried_again_by_the_service(api: Api, anna: Person) -> None:
    api.engine.errors = [NetworkTimeout(), RateLimited()]
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "respond-async"})

    def completed_by_the_service() -> bool:
        api.services.reconciler.run(notified_before_seconds=0.05)
        return bool(anna.status(video_id)["status"] == "completed")

    eventually(completed_by_the_service)
    assert anna.status(video_id)["attempts"] == 3


def test_foreign_and_unknown_videos(anna: Person, bert: Person) -> None:
    video_id = anna.save()
    for method, path in [
        ("POST", f"/api/video/download/{video_id}"),
        ("GET", f"/api/video/download/{video_id}"),
        ("GET", f"/api/video/status/{video_id}"),
        ("GET", f"/api/video/formats/{video_id}"),
    ]:
        reply = bert.api.call(method, path, token=bert.token)
        assert_error(reply, 403, "NOT_OWNER")
        assert LINK not in reply.text and "dQw4w9WgXcQ" not in reply.text
        for unknown in (UNKNOWN_ID, "x" * 24, "nonsense-ids", "%00", "a" * 3000):
            missing = bert.api.call(method, path.replace(video_id, unknown), token=bert.token)
            assert missing.status_code in {400, 404}, (method, path, unknown)


@pytest.mark.parametrize(
    "body",
    [
        {"format_preference": "avi"},
        {"resolution_preference": "1081p"},
        {"resolution_preference": 1080},
        {"format_preference": None, "compatibility": "h266"},
    ],
)
def test_unknown_choices_are_refused(anna: Person, body: dict[str, Any]) -> None:
    assert_error(anna.post(f"/api/video/download/{anna.save()}", json=body), 400, "REQUEST_INVALID")


@pytest.mark.parametrize("times", [(60, 120), (-90, 0), (0, None)])
def test_an_encode_that_this_server_cannot_do_is_refused_when_requested(api: Api, anna: Person, times: Any) -> None:
    """A clip, a moment of a running stream and the recording of a stream: nothing starts, and nothing changes."""
    api.notifier.answer = None
    body = {"url": LINK, "user_id": anna.id, "start_time": times[0], "end_time": times[1]}
    saved = anna.post("/api/video/save", json=body).json
    assert saved is not None
    video_id, notified = saved["video_id"], len(api.notifier.notified)
    before = api.services.jobs.find_any(video_id)
    api.engine.refusal = FormatNotAvailable("The FFmpeg of this server cannot do this.")
    for action in ("start", "download"):
        refused = anna.post(f"/api/video/{action}/{video_id}", json={"compatibility": "h265"})
        assert_error(refused, 422, "FORMAT_NOT_AVAILABLE")
    assert api.services.jobs.find_any(video_id) == before and len(api.notifier.notified) == notified
    if times[1] is not None:
        body = {"compatibility": "h265", "format_preference": "webm"}
        assert anna.post(f"/api/video/start/{video_id}", json=body).status_code == 202, "that is not encoded"


def test_a_finished_recording_is_not_recorded_again(api: Api, anna: Person) -> None:
    body = {"url": LINK, "user_id": anna.id, "start_time": 0, "end_time": None}
    api.notifier.answer = None
    saved = anna.post("/api/video/save", json=body).json
    assert saved is not None
    done = {"status": "completed", "completed_at": datetime.now(UTC), "file_path": "video/whole.mp4"}
    done |= {"file_mime": "video/mp4", "file_size_bytes": 1, "download_name": "whole.mp4"}
    api.services.database["videos"].update_one({"_id": ObjectId(saved["video_id"])}, {"$set": done})
    reply = anna.post(f"/api/video/start/{saved['video_id']}", json={"resolution_preference": "360p"})
    assert (reply.status_code, (reply.json or {})["status"]) == (200, "completed")


def test_get_sends_a_finished_file_in_ranges_and_starts_nothing(api: Api, anna: Person) -> None:
    video_id = anna.save()
    path = f"/api/video/download/{video_id}"
    assert_error(anna.get(path), 404, "FILE_NOT_READY")
    assert api.engine.calls == []
    anna.post(path)
    whole = anna.get(path)
    assert whole.status_code == 200 and whole.headers["ETag"]
    part = anna.get(path, headers={"Range": "bytes=2-6"})
    assert part.status_code == 206 and part.data == b"small"
    assert part.headers["Content-Range"] == "bytes 2-6/12"
    fresh = anna.get(path, headers={"Range": "bytes=2-6", "If-Range": whole.headers["ETag"]})
    assert fresh.status_code == 206
    stale = anna.get(path, headers={"Range": "bytes=2-6", "If-Range": '"another"'})
    assert stale.status_code == 200 and stale.data == b"a small file"
    assert_error(anna.get(path, headers={"Range": "bytes=50-"}), 416, "RANGE_NOT_SATISFIABLE")
    for passed_over in ("pages=1", "bytes=0-1,5-6", "nonsense"):
        assert anna.get(path, headers={"Range": passed_over}).data == b"a small file"
    head = api.call("HEAD", path, token=anna.token)
    assert head.status_code == 200 and head.headers["Content-Length"] == "12" and head.data == b""
    assert head.headers["Accept-Ranges"] == "bytes"
    no_part = api.call("HEAD", path, token=anna.token, headers={"Range": "bytes=2-6"})
    assert (no_part.status_code, no_part.content_length) == (200, 12)


def test_an_expired_file_is_made_again_on_demand(api: Api, anna: Person) -> None:
    video_id = anna.save()
    path = f"/api/video/download/{video_id}"
    anna.post(path)
    past = datetime.now(UTC) - timedelta(minutes=1)
    api.services.database["videos"].update_one({}, {"$set": {"expires_at": past}})
    api.services.cleanup.run()
    status = anna.status(video_id)
    assert status["status"] == "completed" and status["file_available"] is False
    assert_error(anna.get(path), 404, "FILE_GONE")
    assert anna.post(path).status_code == 200


# --- status, list, formats --------------------------------------------------------------------------------------


def test_status_while_it_is_being_made(api: Api, anna: Person) -> None:
    video_id = anna.save()
    assert anna.status(video_id)["status"] == "pending"
    anna.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=1"})
    other = anna.save()
    anna.post(f"/api/video/download/{other}", headers={"Prefer": "respond-async"})
    api.engine.busy = True
    slow = anna.save(end_time=119)
    anna.post(f"/api/video/download/{slow}", headers={"Prefer": "respond-async"})
    eventually(lambda: anna.status(slow)["progress"])
    status = anna.status(slow)
    api.engine.hurry.set()
    documented = {
        "video_id": slow,
        "status": "processing",
        "url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "start_time": 60,
        "end_time": 119,
        "file_available": False,
    }
    assert {name: status[name] for name in documented} == documented
    assert status["created_at"].endswith("Z") and isinstance(status["available_formats"], list)
    assert status["progress"] == {
        "current_phase": "downloading",
        "download_progress": 45.2,
        "encoding_progress": 0,
        "speed": "2.3x",
        "eta": "03:24",
        "fps": 45.2,
        "bytes_done": None,
        "bytes_total": None,
    }


def test_a_gap_has_its_wall_clock_under_the_documented_names(
    api: Api, anna: Person, mongo_database: Database[dict[str, Any]]
) -> None:
    video_id = anna.save()
    anna.post(f"/api/video/download/{video_id}")
    gap = {"start": 2.0, "end": 4.5, "from": "2026-01-18T10:00:02.000Z", "to": "2026-01-18T10:00:04.500Z"}
    stored = mongo_database[VideoData.COLLECTION].update_one(
        {"_id": ObjectId(video_id)}, {"$set": {"report.gaps": [gap], "report.complete": False}}
    )
    assert stored.modified_count == 1
    assert anna.status(video_id)["gaps"] == [gap]
    listed = (anna.get("/api/video/list").json or {})["videos"]
    assert [job["gaps"] for job in listed if job["video_id"] == video_id] == [[gap]]


def test_formats_of_a_saved_video_arrive_from_the_worker(api: Api, anna: Person) -> None:
    formats = tuple(SourceFormat(str(height), "webm", "https", "vp9", resolution=height) for height in (1440, 720, 480))
    api.engine.info = VideoInfo(
        id="dQw4w9WgXcQ",
        url=LINK,
        title="A film",
        duration_seconds=212.0,
        live_status=LiveStatus.NOT_LIVE,
        formats=formats,
    )
    video_id = anna.save()
    assert anna.status(video_id)["available_formats"] == []
    api.services.metadata.describe(video_id)
    status = anna.status(video_id)
    assert status["available_formats"] == ["1440p", "720p"] and status["title"] == "A film"


def test_a_source_that_cannot_be_looked_up_does_not_spoil_the_save(api: Api, anna: Person) -> None:
    api.engine.info = VideoPrivate()
    video_id = anna.save()
    api.services.metadata.describe(video_id)
    assert anna.status(video_id)["status"] == "pending"


def test_the_list_is_newest_first_in_pages_and_ones_own(anna: Person, bert: Person) -> None:
    ids = [anna.save() for _ in range(5)]
    bert.save()
    first = anna.get("/api/video/list", query_string={"per_page": 2}).json
    assert first is not None
    assert [video["video_id"] for video in first["videos"]] == [ids[4], ids[3]]
    assert (first["page"], first["per_page"], first["total"]) == (1, 2, 5)
    last = anna.get("/api/video/list", query_string={"per_page": 2, "page": 3}).json
    assert last is not None and [video["video_id"] for video in last["videos"]] == [ids[0]]
    assert set(first["videos"][0]) >= {
        "video_id",
        "url",
        "start_time",
        "end_time",
        "status",
        "created_at",
        "file_available",
    }
    for wrong in ({"page": 0}, {"per_page": 1000}, {"page": "x"}):
        assert_error(anna.get("/api/video/list", query_string=wrong), 400, "REQUEST_INVALID")


def test_formats_as_documented(anna: Person) -> None:
    expected = {
        "video_id": "dQw4w9WgXcQ",
        "resolutions": ["1440p", "1080p", "720p"],
        "extensions": ["mp4", "webm"],
        "formats": {"1440p": ["webm"], "1080p": ["mp4", "webm"], "720p": ["mp4", "webm"]},
    }
    assert anna.get("/api/video/formats/dQw4w9WgXcQ").json == expected
    assert anna.get(f"/api/video/formats/{anna.save()}").json == expected


def test_resolutions_need_no_token(api: Api) -> None:
    reply = api.call("POST", "/api/video/resolutions", json={"url": LINK})
    assert reply.json == {"video_id": "dQw4w9WgXcQ", "url": LINK, "resolutions": ["1440p", "1080p", "720p"]}
    assert_error(api.call("POST", "/api/video/resolutions", json={"url": "nonsense"}), 400, "URL_INVALID")
    assert_error(api.call("POST", "/api/video/resolutions", json={}), 400, "REQUEST_INVALID")
    api.engine.info = VideoPrivate()
    assert_error(api.call("POST", "/api/video/resolutions", json={"url": LINK}), 500, "VIDEO_PRIVATE")


def test_a_start_sends_no_bytes_and_starts_after_a_failure_that_nobody_has_read(api: Api, anna: Person) -> None:
    api.engine.errors.append(VideoPrivate())
    video = anna.save()
    started = anna.post(f"/api/video/start/{video}")
    assert started.status_code == 202 and started.json is not None and started.json["video_id"] == video
    assert started.json["status"] in ("pending", "processing")
    assert started.headers["Location"].endswith(f"/api/video/status/{video}")
    api.notifier.finish()
    assert anna.status(video)["status"] == "failed"
    assert anna.post(f"/api/video/start/{video}").status_code == 202
    api.notifier.finish()
    done = anna.post(f"/api/video/start/{video}", {"format_preference": "mp4"})
    assert (done.status_code, done.json) == (200, {"video_id": video, "status": "completed"})
    other = anna.post(f"/api/video/start/{video}", {"format_preference": "webm"})
    assert other.status_code == 202
    api.notifier.finish()
    assert anna.status(video)["format_preference"] == "webm"
    assert_error(anna.post(f"/api/video/start/{video}", {"format_preference": "gif"}), 400, "REQUEST_INVALID")
    assert_error(api.person().post(f"/api/video/start/{video}"), 403, "NOT_OWNER")


def test_a_login_saves_for_its_own_account_and_a_public_token_names_one(api: Api, anna: Person) -> None:
    body = {"url": LINK, "start_time": 60, "end_time": 120}
    saved = anna.post("/api/video/save", body)
    assert saved.status_code == 201 and saved.json is not None
    assert not anna.status(saved.json["video_id"])["anonymous"]
    reply = api.call("POST", "/api/video/save", token=api.public_token(), json=body)
    assert_error(reply, 400, "REQUEST_INVALID")
    assert (reply.json or {})["details"]["fields"] == [{"field": "user_id", "problem": "Field required"}]
