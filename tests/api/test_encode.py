"""``/api/encode/*``: every documented reply and error."""

from __future__ import annotations

import io
import socket
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from src.errors import Busy, EncodeFailed, FormatRefused, MediaInvalid
from tests.api.actors import Api, Person
from tests.api.test_video import UNKNOWN_ID, assert_error
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

HIGH = {"video_codec": "h264", "quality_preset": "high"}


def uploaded(person: Person, **options: Any) -> str:
    reply = person.upload(**options)
    assert reply.status_code == 201 and reply.json is not None, reply.json
    return str(reply.json["encode_id"])


def left_in_uploads(api: Api) -> list[str]:
    return sorted(path.name for path in api.services.files.uploads.rglob("*") if path.is_file())


def test_upload_answers_as_documented(api: Api, anna: Person) -> None:
    reply = anna.upload(content=b"x" * 45_200)
    assert reply.status_code == 201 and reply.json is not None
    assert reply.json == {
        "message": "Video uploaded successfully",
        "encode_id": reply.json["encode_id"],
        "original_filename": "myvideo.avi",
        "file_size_mb": 0.05,
        "metadata": {"duration": 120, "resolution": "1920x1080", "original_codec": "h264"},
    }
    assert '"duration":120,' in reply.text, "whole seconds have no decimal point"
    assert left_in_uploads(api) == [f"{reply.json['encode_id']}.avi"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("notes.txt", 400, "UPLOAD_TYPE_UNSUPPORTED"),
        ("movie", 400, "UPLOAD_TYPE_UNSUPPORTED"),
        ("movie.mp4.exe", 400, "UPLOAD_TYPE_UNSUPPORTED"),
        ("", 400, "UPLOAD_MISSING"),
    ],
)
def test_upload_refuses_other_files_and_leaves_nothing(
    api: Api, anna: Person, name: str, status: int, code: str
) -> None:
    assert_error(anna.upload(name=name), status, code)
    assert left_in_uploads(api) == []


TYPES = ["mp4", "avi", "mkv", "mov", "flv", "wmv", "webm", "m4v", "mpg", "mpeg", "3gp", "MP4"]


@pytest.mark.parametrize("suffix", TYPES)
def test_upload_takes_every_documented_type(anna: Person, suffix: str) -> None:
    uploaded(anna, name=f"film.{suffix}")


def test_upload_without_a_form_or_under_another_field(api: Api, anna: Person) -> None:
    assert_error(anna.post("/api/encode/upload"), 400, "UPLOAD_MISSING")
    assert_error(anna.post("/api/encode/upload", json={"video": "x"}), 400, "UPLOAD_MISSING")
    other = {"film": (io.BytesIO(b"x"), "film.mp4")}
    assert_error(anna.post("/api/encode/upload", data=other), 400, "UPLOAD_MISSING")
    assert left_in_uploads(api) == []


def test_upload_that_is_no_video(api: Api, anna: Person) -> None:
    api.engine.errors = [MediaInvalid()]
    assert_error(anna.upload(), 400, "MEDIA_INVALID")
    assert left_in_uploads(api) == []


def test_upload_that_is_too_large(api: Api, anna: Person) -> None:
    object.__setattr__(api.services, "settings", api.services.settings.model_copy(update={"max_upload_size_mb": 1}))
    assert_error(anna.upload(content=b"x" * 1_000_001), 400, "UPLOAD_TOO_LARGE")
    assert_error(anna.upload(content=b"x" * 3_000_000), 400, "UPLOAD_TOO_LARGE")
    assert left_in_uploads(api) == []
    assert anna.upload(content=b"x" * 1_000_000).status_code == 201


def test_upload_whose_connection_ends_early_leaves_nothing(api: Api, anna: Person) -> None:
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            head = (
                "POST /api/encode/upload HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {anna.token}\r\nContent-Length: 900000\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
                '--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
            )
            line.sendall(head.encode() + b"x" * 200_000)
            eventually(lambda: left_in_uploads(api))  # the file is written while it arrives
        eventually(lambda: not left_in_uploads(api))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert api.services.database["videos"].count_documents({}) == 0


def test_encode_from_start_to_file(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    assert_error(anna.post(f"/api/encode/download/{encode_id}"), 404, "FILE_NOT_READY")
    reply = anna.post(f"/api/encode/start/{encode_id}", json=HIGH)
    assert reply.status_code == 200
    assert reply.json == {"message": "Video encoded successfully", "encode_id": encode_id, "file_size_mb": 0.0}
    for method in ("POST", "GET"):
        file = api.call(method, f"/api/encode/download/{encode_id}", token=anna.token)
        assert file.status_code == 200 and file.mimetype == "video/mp4" and file.data == b"a small file"
        assert file.headers["Content-Disposition"] == 'attachment; filename="myvideo_h264_high.mp4"'
    status = anna.get(f"/api/encode/status/{encode_id}").json
    assert status is not None
    assert status["status"] == "completed" and status["progress"] == 100 and status["file_available"] is True
    assert type(status["progress"]) is int, "a whole number, not 100.0"
    assert anna.post(f"/api/encode/start/{encode_id}", json=HIGH).status_code == 200
    assert len(api.engine.calls) == 1
    other = {"video_codec": "av1", "quality_preset": "medium"}
    assert anna.post(f"/api/encode/start/{encode_id}", json=other).status_code == 200
    assert api.engine.calls[1] == other


def test_what_this_server_cannot_encode_is_refused_when_it_is_requested(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    api.engine.refusal = FormatRefused("The FFmpeg of this server has no encoder for that")
    refused = anna.post(f"/api/encode/start/{encode_id}", json=HIGH)
    assert_error(refused, 422, "FORMAT_NOT_AVAILABLE")
    assert anna.get(f"/api/encode/status/{encode_id}").json["status"] == "pending"  # type: ignore[index]
    assert api.engine.calls == []
    api.engine.refusal = None
    api.engine.errors.append(EncodeFailed())
    assert_error(anna.post(f"/api/encode/start/{encode_id}", json=HIGH), 500, "ENCODE_FAILED")
    api.engine.refusal = FormatRefused("The FFmpeg of this server has no encoder for that")
    assert_error(anna.post(f"/api/encode/{encode_id}/retry"), 422, "FORMAT_NOT_AVAILABLE")


def test_encode_status_while_it_runs(api: Api, anna: Person) -> None:
    api.engine.busy = True
    encode_id = uploaded(anna, content=b"x" * 2_000_000)
    reply = anna.post(f"/api/encode/start/{encode_id}", json=HIGH, headers={"Prefer": "respond-async"})
    assert reply.status_code == 202
    assert reply.json == {"message": "Video is currently being encoded", "status": "processing"}
    assert reply.headers["Location"] == f"/api/encode/status/{encode_id}"
    eventually(lambda: (anna.get(f"/api/encode/status/{encode_id}").json or {})["status"] == "processing")
    status = anna.get(f"/api/encode/status/{encode_id}").json or {}
    documented = {
        "encode_id": encode_id,
        "status": "processing",
        "original_filename": "myvideo.avi",
        "video_codec": "h264",
        "quality_preset": "high",
        "file_available": False,
        "file_size_mb": 2.0,
    }
    assert {name: status[name] for name in documented} == documented
    assert type(status["progress"]) is int
    assert status["created_at"].endswith("Z") and status["encoding_started_at"].endswith("Z")
    assert anna.post(f"/api/encode/download/{encode_id}").status_code == 202
    api.engine.hurry.set()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"video_codec": "vp9", "quality_preset": "high"}, "CODEC_UNSUPPORTED"),
        ({"video_codec": "h264", "quality_preset": "best"}, "CODEC_UNSUPPORTED"),
        ({"video_codec": ["h264"], "quality_preset": "high"}, "REQUEST_INVALID"),
        ({"video_codec": "h264"}, "REQUEST_INVALID"),
        ({**HIGH, "target_size_mb": 0}, "REQUEST_INVALID"),
        ({**HIGH, "target_vmaf": 101}, "REQUEST_INVALID"),
        ({**HIGH, "target_vmaf": 95, "target_size_mb": 5}, "REQUEST_INVALID"),
        ({"video_codec": "h264", "quality_preset": "lossless", "target_vmaf": 95}, "REQUEST_INVALID"),
        ({}, "REQUEST_INVALID"),
    ],
)
def test_start_refuses_unknown_choices(anna: Person, body: dict[str, Any], code: str) -> None:
    assert_error(anna.post(f"/api/encode/start/{uploaded(anna)}", json=body), 400, code)


def test_a_target_is_handed_on(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    asked = {**HIGH, "target_vmaf": 93.5}
    assert anna.post(f"/api/encode/start/{encode_id}", json=asked).status_code == 200
    assert anna.post(f"/api/encode/start/{encode_id}", json=asked).status_code == 200
    assert api.engine.calls == [asked]
    assert anna.post(f"/api/encode/start/{encode_id}", json=HIGH).status_code == 200
    assert api.engine.calls[1:] == [HIGH]


def test_an_upload_that_cannot_be_read_now_may_come_again(api: Api, anna: Person) -> None:
    api.engine.errors = [Busy(retry_after_seconds=30)]
    reply = anna.upload()
    assert_error(reply, 503, "BUSY")
    assert reply.headers["Retry-After"] == "30"
    assert left_in_uploads(api) == []
    assert anna.upload().status_code == 201


OTHER = {"video_codec": "av1", "quality_preset": "medium"}


@pytest.mark.parametrize("other", [OTHER, {**HIGH, "target_vmaf": 90}, {**HIGH, "quality_preset": "medium"}])
def test_other_parameters_after_a_failure_are_a_new_attempt(other: dict[str, Any], api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    address = f"/api/encode/start/{encode_id}"
    for again, code in ((other, 200), (HIGH, 500)):
        api.engine.errors = [EncodeFailed("The encoder refused.")]
        api.notifier.answer = None
        assert anna.post(address, json=HIGH, headers={"Prefer": "respond-async"}).status_code == 202
        api.services.runner.run(encode_id)
        api.notifier.answer = api.services.runner.run
        assert anna.post(address, json=again).status_code == code
    assert anna.post(address, json=HIGH).status_code == 200


def test_a_failed_encode(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    api.engine.errors = [EncodeFailed("The encoder refused the picture size.")]
    reply = anna.post(f"/api/encode/start/{encode_id}", json=HIGH)
    assert_error(reply, 500, "ENCODE_FAILED")
    status = anna.get(f"/api/encode/status/{encode_id}").json
    assert status is not None and status["status"] == "failed" and status["error"]["code"] == "ENCODE_FAILED"
    assert_error(anna.post(f"/api/encode/download/{encode_id}"), 500, "ENCODE_FAILED")
    assert anna.post(f"/api/encode/start/{encode_id}", json=HIGH).status_code == 200


def test_foreign_and_unknown_encodes(anna: Person, bert: Person) -> None:
    encode_id, video_id = uploaded(anna), anna.save()
    for method, path in [
        ("POST", "/api/encode/start/{}"),
        ("GET", "/api/encode/status/{}"),
        ("POST", "/api/encode/download/{}"),
        ("GET", "/api/encode/download/{}"),
    ]:
        body = HIGH if "start" in path else None
        foreign = bert.api.call(method, path.format(encode_id), token=bert.token, json=body)
        assert_error(foreign, 403, "NOT_OWNER")
        assert "myvideo" not in foreign.text
        for unknown in (UNKNOWN_ID, "nonsense", video_id):
            missing = bert.api.call(method, path.format(unknown), token=bert.token, json=body)
            assert_error(missing, 404, "ENCODE_NOT_FOUND")


def test_an_expired_upload_cannot_be_started(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna)
    past = datetime.now(UTC) - timedelta(minutes=1)
    api.services.database["videos"].update_one({}, {"$set": {"expires_at": past}})
    api.services.cleanup.run()
    assert left_in_uploads(api) == []
    assert_error(anna.post(f"/api/encode/start/{encode_id}", json=HIGH), 404, "FILE_GONE")


def test_the_size_is_told_after_the_file_has_expired(api: Api, anna: Person) -> None:
    encode_id = uploaded(anna, content=b"x" * 2_000_000)
    api.engine.content = b"x" * 1_000_000
    assert anna.post(f"/api/encode/start/{encode_id}", json=HIGH).status_code == 200
    for available in (True, False):
        status = anna.get(f"/api/encode/status/{encode_id}").json or {}
        assert (status["file_available"], status["file_size_mb"]) == (available, 1.0)
        past = datetime.now(UTC) - timedelta(minutes=1)
        api.services.database["videos"].update_one({}, {"$set": {"expires_at": past}})
        api.services.cleanup.run()


def test_an_upload_is_for_nobody_else_s_eyes(api: Api, anna: Person) -> None:
    uploaded(anna)
    (kept,) = (path for path in api.services.files.uploads.iterdir() if path.is_file())
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_codecs_are_public_and_as_documented(api: Api) -> None:
    presets = ["lossless", "high", "medium"]
    assert api.call("GET", "/api/encode/codecs").json == {"codecs": {"h264": presets, "h265": presets, "av1": presets}}


def test_a_full_disk_refuses_uploads_with_507(api: Api, anna: Person) -> None:
    api.services.files.min_free_bytes = 1 << 60
    assert_error(anna.upload(), 507, "DISK_FULL")
    assert left_in_uploads(api) == []
