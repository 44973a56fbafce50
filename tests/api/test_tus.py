"""``/api/encode/tus/``: uploads that survive a broken connection."""

from __future__ import annotations

import base64
import os
import socket
import time
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from src.data.video_data import VideoData
from src.errors import Busy, MediaInvalid, StoreUnavailable
from tests.api.actors import Api, Person
from tests.api.test_encode import HIGH, left_in_uploads
from tests.api.test_video import assert_error
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

TUS = {"Tus-Resumable": "1.0.0"}


def metadata(name: str) -> str:
    return f"filetype {base64.b64encode(b'video/mp4').decode()},filename {base64.b64encode(name.encode()).decode()}"


def announce(person: Person, length: object, name: str = "film.mp4") -> TestResponse:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(name)}
    return person.post("/api/encode/tus/", headers=headers)


def append(person: Person, location: str, offset: int, content: bytes, **headers: str) -> TestResponse:
    sent = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **headers}
    return person.api.call("PATCH", location, token=person.token, data=content, headers=sent)


def head(person: Person, location: str) -> TestResponse:
    return person.api.call("HEAD", location, token=person.token, headers=TUS)


def test_an_upload_in_three_pieces_becomes_an_encode_request(api: Api, anna: Person) -> None:
    created = announce(anna, 9, "Ein Film.mp4")
    assert created.status_code == 201 and created.headers["Tus-Resumable"] == "1.0.0"
    location = created.headers["Location"]
    for offset, piece in ((0, b"abc"), (3, b"def")):
        reply = append(anna, location, offset, piece)
        assert reply.status_code == 204 and reply.headers["Upload-Offset"] == str(offset + 3)
        assert "Upload-Expires" in reply.headers
    asked = head(anna, location)
    assert asked.status_code == 200 and asked.headers["Upload-Offset"] == "6"
    assert asked.headers["Upload-Length"] == "9" and asked.headers["Cache-Control"] == "no-store"
    assert append(anna, location, 6, b"ghi").headers["Upload-Offset"] == "9"
    encode_id = location.rsplit("/", 1)[1]
    status = anna.get(f"/api/encode/status/{encode_id}").json
    assert status is not None and status["original_filename"] == "Ein Film.mp4" and status["status"] == "pending"
    assert (api.services.files.uploads / f"{encode_id}.mp4").read_bytes() == b"abcdefghi"
    assert anna.post(f"/api/encode/start/{encode_id}", json=HIGH).status_code == 200
    assert_error(head_as_get(anna, location), 405, "METHOD_NOT_ALLOWED")


def head_as_get(person: Person, location: str) -> TestResponse:
    return person.get(location, headers=TUS)


def test_the_capabilities_need_no_token(api: Api) -> None:
    reply = api.call("OPTIONS", "/api/encode/tus/")
    assert reply.status_code == 204
    assert reply.headers["Tus-Version"] == "1.0.0" and reply.headers["Tus-Max-Size"] == "500000000"
    assert reply.headers["Tus-Extension"] == "creation,termination,expiration"


def test_what_is_refused_is_refused_at_once(api: Api, anna: Person, bert: Person) -> None:
    assert_error(announce(anna, 500_000_001), 413, "BODY_TOO_LARGE")
    assert_error(announce(anna, 5, "notes.txt"), 400, "UPLOAD_TYPE_UNSUPPORTED")
    for wrong in ("", "-1", "x", "1e9", "9" * 40):
        assert_error(announce(anna, wrong), 400, "REQUEST_INVALID")
    no_name = anna.post("/api/encode/tus/", headers={**TUS, "Upload-Length": "5", "Upload-Metadata": "filename %%%"})
    assert_error(no_name, 400, "REQUEST_INVALID")
    old = anna.post("/api/encode/tus/", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
    assert_error(old, 412, "TUS_VERSION_UNSUPPORTED")
    assert old.headers["Tus-Version"] == "1.0.0"
    location = announce(anna, 6).headers["Location"]
    assert_error(append(anna, location, 3, b"def"), 409, "UPLOAD_OFFSET_MISMATCH")
    assert_error(append(anna, location, 0, b"abcdefg"), 400, "UPLOAD_TOO_LONG")
    assert_error(append(anna, location, 0, b"abc", **{"Content-Type": "text/plain"}), 415, "MEDIA_TYPE_UNSUPPORTED")
    assert_error(append(bert, location, 0, b"abc"), 403, "NOT_OWNER")
    assert head(bert, location).status_code == 403
    assert_error(append(anna, "/api/encode/tus/65a0000000000000000000ff", 0, b"a"), 404, "UPLOAD_NOT_FOUND")
    assert head(anna, location).headers["Upload-Offset"] == "0"


def test_a_whole_file_that_is_no_video_is_gone(api: Api, anna: Person) -> None:
    location = announce(anna, 3).headers["Location"]
    api.engine.errors = [MediaInvalid()]
    assert_error(append(anna, location, 0, b"abc"), 400, "MEDIA_INVALID")
    assert left_in_uploads(api) == []
    assert head(anna, location).status_code == 404


def test_an_upload_can_be_given_up(api: Api, anna: Person) -> None:
    location = announce(anna, 9).headers["Location"]
    append(anna, location, 0, b"abc")
    assert api.call("DELETE", location, token=anna.token, headers=TUS).status_code == 204
    assert left_in_uploads(api) == [] and head(anna, location).status_code == 404


def test_uploads_under_way_are_bounded(anna: Person) -> None:
    for _ in range(10):
        assert announce(anna, 9).status_code == 201
    assert_error(announce(anna, 9), 429, "TOO_MANY_PENDING")


def test_the_last_byte_before_a_death_is_enough(api: Api, anna: Person) -> None:
    location = announce(anna, 3).headers["Location"]
    upload_id = location.rsplit("/", 1)[1]
    (api.services.files.incoming / f"tus-{upload_id}").write_bytes(b"abc")
    assert head(anna, location).headers["Upload-Offset"] == "3"
    assert anna.get(f"/api/encode/status/{upload_id}").status_code == 200


def test_a_database_that_is_away_at_the_last_byte_costs_nothing(
    api: Api, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise StoreUnavailable()

    location = announce(anna, 3).headers["Location"]
    with monkeypatch.context() as patched:
        patched.setattr(VideoData, "insert", away)
        assert_error(append(anna, location, 0, b"abc"), 503, "STORE_UNAVAILABLE")
    assert head(anna, location).headers["Upload-Offset"] == "3"
    encode_id = location.rsplit("/", 1)[1]
    assert anna.get(f"/api/encode/status/{encode_id}").status_code == 200
    assert (api.services.files.uploads / f"{encode_id}.mp4").read_bytes() == b"abc"


def test_an_upload_that_cannot_be_read_now_is_read_when_its_offset_is_asked_for(api: Api, anna: Person) -> None:
    location = announce(anna, 3).headers["Location"]
    api.engine.errors = [Busy(retry_after_seconds=30)]
    reply = append(anna, location, 0, b"abc")
    assert_error(reply, 503, "BUSY")
    assert reply.headers["Retry-After"] == "30"
    assert head(anna, location).headers["Upload-Offset"] == "3"
    assert anna.get(f"/api/encode/status/{location.rsplit('/', 1)[1]}").status_code == 200


def test_a_broken_connection_costs_only_what_had_not_arrived(api: Api, anna: Person) -> None:
    location = announce(anna, 400_000).headers["Location"]
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            request = (
                f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\n"
                "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 400000\r\n"
                "Content-Type: application/offset+octet-stream\r\n\r\n"
            )
            line.sendall(request.encode() + b"x" * 300_000)
            eventually_here(anna, location, 200_000)
        here = eventually_here(anna, location, 300_000)

        def goes_on() -> TestResponse | None:
            reply = append(anna, location, here, b"y" * (400_000 - here))
            return None if reply.status_code == 409 else reply

        reply = eventually(goes_on)
        assert reply.status_code == 204 and reply.headers["Upload-Offset"] == "400000"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    kept = api.services.files.uploads / f"{location.rsplit('/', 1)[1]}.mp4"
    assert kept.read_bytes() == b"x" * 300_000 + b"y" * 100_000


def eventually_here(person: Person, location: str, at_least: int) -> int:
    def here() -> int:
        return int(head(person, location).headers["Upload-Offset"])

    eventually(lambda: here() >= at_least)
    return here()


def test_what_nobody_continues_is_swept(api: Api, anna: Person) -> None:
    location = announce(anna, 9).headers["Location"]
    path = api.services.files.incoming / f"tus-{location.rsplit('/', 1)[1]}"
    long_ago = time.time() - 7200
    os.utime(path, (long_ago, long_ago))
    api.services.cleanup.run()
    assert left_in_uploads(api) == []
    assert_error(append(anna, location, 0, b"abc"), 404, "UPLOAD_NOT_FOUND")


def test_types_of_the_replies(api: Api) -> None:
    document: dict[str, Any] = api.call("GET", "/openapi.json").json or {}
    assert "content" not in document["paths"]["/api/encode/tus/{upload_id}"]["patch"]["responses"]["204"]
