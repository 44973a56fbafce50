"""Lists of clips, encodes and batches, their filters, and many deletions at once."""

from __future__ import annotations

import io
import zipfile
from fractions import Fraction
from typing import Any

import pytest

from src.errors import VideoPrivate
from src.models.video import Owner, WaitsFor
from src.services.clips.requests import MomentRequest
from src.utils.stream_names import name_of_video
from tests.api.actors import LINK, Api, Person
from tests.tools.media_kit import Film, cached_film

pytestmark = pytest.mark.slow


def listed(person: Person, path: str = "/api/video/list", **query: Any) -> list[dict[str, Any]]:
    reply = person.get(path, query_string=query)
    assert reply.status_code == 200 and reply.json is not None, reply.text
    name = next(name for name in ("videos", "encodes", "batches") if name in reply.json)
    assert reply.json["total"] == len(reply.json[name])
    return list(reply.json[name])


def test_entries_tell_all_that_a_row_shows(api: Api, anna: Person) -> None:
    api.engine.content = cached_film(Film(size=(320, 180), seconds=Fraction(2), crf=40), ".mp4").read_bytes()
    done = anna.save()
    anna.post(f"/api/video/start/{done}")
    api.notifier.finish()
    api.engine.errors.append(VideoPrivate())
    failed = anna.save(end_time=90)  # not the range of the other, whose file would be taken
    anna.post(f"/api/video/start/{failed}")
    api.notifier.finish()
    saved = anna.save(start_time=5, end_time=7.5)
    rows = {row["video_id"]: row for row in listed(anna)}
    assert [rows[each]["status"] for each in (done, failed, saved)] == ["completed", "failed", "pending"]
    assert {row["kind"] for row in rows.values()} == {"clip"}
    assert rows[done]["file_size_bytes"] == len(api.engine.content) and rows[done]["expires_at"]
    assert rows[failed]["error"]["code"] == "VIDEO_PRIVATE" and rows[done]["error"] is None
    assert (rows[saved]["duration"], rows[saved]["poster"], rows[saved]["file_size_bytes"]) == (2.5, None, None)
    poster = api.call("GET", rows[done]["poster"])
    assert poster.mimetype == "image/jpeg" and poster.data.startswith(b"\xff\xd8")
    assert [row["video_id"] for row in listed(anna, status="failed")] == [failed]
    assert [row["video_id"] for row in listed(anna, status="pending", kind="clip")] == [saved]
    assert listed(anna, kind="live_clip") == []
    for wrong in ({"status": "lost"}, {"kind": "preview"}, {"kind": "encode"}):
        assert anna.get("/api/video/list", query_string=wrong).json["code"] == "REQUEST_INVALID"  # type: ignore[index]


def test_a_clip_that_waits_for_its_stream_is_found_as_it_is_shown(api: Api, anna: Person) -> None:
    api.notifier.answer = None
    job = api.services.clips.save_moment(anna.id, MomentRequest(name_of_video("dQw4w9WgXcQ"), duration=30))
    claims = api.services.runner._claims
    claimed = claims.claim(job.id, "worker", lease_seconds=30, max_attempts=5)
    assert claimed is not None and claimed.lease is not None
    claims.hand_back(job.id, claimed.lease, delay_seconds=60, count_attempt=False, waiting_for=WaitsFor.STREAM)
    assert listed(anna, status="pending") == []
    (row,) = listed(anna, status="processing")
    assert (row["status"], row["kind"], row["duration"]) == ("processing", "live_clip", 30)


def test_encodes_and_batches_are_listed(api: Api, anna: Person, bert: Person) -> None:
    encode = anna.upload().json["encode_id"]  # type: ignore[index]
    ranges = [{"start_time": 1, "end_time": 2}]
    api.notifier.answer = None
    batch = anna.post("/api/video/batch", {"url": LINK, "ranges": ranges}).json["video_id"]  # type: ignore[index]
    (row,) = listed(anna, "/api/encode/list")
    assert (row["encode_id"], row["kind"], row["status"], row["original_filename"]) == (
        encode,
        "encode",
        "pending",
        "myvideo.avi",
    )
    assert row["file_size_bytes"] == 6 and row["poster"] is None and row["error"] is None
    (row,) = listed(anna, "/api/video/batch/list", status="pending")
    assert (row["video_id"], row["kind"]) == (batch, "batch")
    assert listed(anna, "/api/encode/list", status="completed") == []
    assert listed(bert, "/api/encode/list") == listed(bert, "/api/video/batch/list") == []


def test_many_are_deleted_at_once_and_nothing_of_others(api: Api, anna: Person, bert: Person) -> None:
    ids, other = [anna.save() for _ in range(3)], bert.save()
    api.notifier.answer = None
    anna.post(f"/api/video/start/{ids[2]}")
    told = anna.post("/api/video/delete", {"ids": [*ids, ids[0], other, "nonsense"]})
    assert told.json == {"deleted": ids[:2], "cancelled": ids[2:], "missing": [other, "nonsense"]}
    assert bert.status(other)["status"] == "pending"
    assert anna.post("/api/video/delete", {"ids": ids}).json["deleted"] == ids[2:]  # type: ignore[index]
    for wrong in ([], ["x"] * 201, [1], None):
        assert anna.post("/api/video/delete", {"ids": wrong}).status_code == 400
    assert api.services.jobs.some(Owner.user(anna.id), ("clip",), offset=0, limit=5) == ([], 0)


def test_several_files_come_as_one_zip(api: Api, anna: Person, bert: Person) -> None:
    titles = ["A / jump", "A / jump", "a _ jump (2)"]
    ids, saved, other = [anna.save(additional_message=title) for title in titles], anna.save(), bert.save()
    for video_id in ids:
        assert anna.post(f"/api/video/download/{video_id}").status_code == 200
    told = anna.post("/api/video/zip", {"ids": [*ids, saved, other, "nonsense"]}).json
    assert told is not None and told["files"] == 3 and told["missing"] == [saved, other, "nonsense"]
    reply = api.call("GET", told["url"])
    assert (reply.status_code, reply.mimetype) == (200, "application/zip")
    assert (
        reply.headers["Content-Disposition"].startswith("attachment") and "no-store" in reply.headers["Cache-Control"]
    )
    with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [api.engine.content] * 3
        assert archive.namelist() == ["A _ jump.mp4", "A _ jump (2).mp4", "a _ jump (2) (2).mp4"]
    for wrong in (told["url"][:-1], told["url"].replace(ids[0], other), told["url"].split("?")[0]):
        assert api.call("GET", wrong).status_code == 403
    assert bert.post("/api/video/zip", {"ids": ids}).json["code"] == "FILE_GONE"  # type: ignore[index]
    anna.post("/api/video/delete", {"ids": ids})
    assert api.call("GET", told["url"]).status_code == 404


def test_a_list_tells_what_waits_from_what_is_only_saved(api: Api, anna: Person) -> None:
    api.notifier.answer = None
    saved, queued = anna.save(), anna.save()
    anna.post(f"/api/video/start/{queued}")
    assert {row["video_id"]: row["queued"] for row in listed(anna)} == {saved: False, queued: True}
