"""Previews with the real engine against the offline site: their frames, their owners, their limits."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from threading import Barrier
from typing import Any

import av
import pytest
from bson.objectid import ObjectId

from src.models.video import Owner, Status
from src.services.clips import preview_requests
from src.services.clips.preview_requests import PREVIEWS_A_MINUTE
from tests.api.actors import Api
from tests.tools.media_kit.pattern import read_number
from tests.tools.offline_youtube.ladder import RUNGS
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId, situation
from tests.tools.waiting import HANG_SECONDS, eventually

pytestmark = pytest.mark.slow
PATH = "/api/video/preview"


def body(video_id: str = VideoId.LADDER, at: object = 10, seconds: float = 4) -> dict[str, Any]:
    return {"url": f"https://youtu.be/{video_id}", "at": at, "seconds": seconds}


def started(api: Api, **options: Any) -> str:
    reply = api.call("POST", PATH, json=body(), **options)
    assert reply.status_code == 202 and reply.json is not None, reply.text
    return str(reply.json["preview_id"])


def status(api: Api, preview_id: str, **options: Any) -> dict[str, Any]:
    reply = api.call("GET", f"{PATH}/{preview_id}", **options)
    assert reply.status_code == 200 and reply.json is not None, reply.text
    return dict(reply.json)


def ended(api: Api, preview_id: str) -> dict[str, Any]:
    """The status at the end. It is asked for until then: otherwise the preview would be cancelled."""
    eventually(lambda: status(api, preview_id)["status"] not in ("pending", "processing"))
    api.notifier.finish()
    return status(api, preview_id)


def test_a_preview_starts_at_a_key_frame_and_tells_the_time_of_each_of_its_frames(
    real: Api, site: OfflineYoutube
) -> None:
    site.reset()
    preview_id = started(real)
    told = ended(real, preview_id)
    assert (told["status"], told["percent"], told["error"]) == ("completed", 100, None), told
    assert (told["start"], told["frames_per_step"]) == (8, 1) and told["end"] == pytest.approx(12, abs=0.1)
    file = real.call("GET", told["file_url"])
    assert (file.status_code, file.mimetype) == (200, "video/mp4")
    assert file.headers["Content-Disposition"] == "inline"
    part = real.call("GET", told["file_url"], headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.data)) == (206, 100)
    with av.open(io.BytesIO(file.data), "r") as opened:
        shown = [(frame.time, read_number(frame)) for frame in opened.decode(video=0)]
        assert opened.streams.video[0].height == 144 and opened.streams.audio
    base = Fraction(*told["frames"]["time_base"])
    times = [each * base for each in told["frames"]["times"]]
    assert times[: len(shown)] == [Fraction(number, 25) for _, number in shown[: len(times)]]
    assert times[0] == 8 and times == sorted(times) and len(times) == len(shown)
    assert [float(each - times[0]) for each in times] == pytest.approx([at for at, _ in shown], abs=1e-3)
    fetched = {request.parameters["itag"] for request in site.media_requests(VideoId.LADDER)}
    assert fetched == {"160", "139"}  # the smallest picture and the smallest sound


def test_a_preview_has_the_frame_rate_of_the_clip(real: Api) -> None:
    reply = real.call("POST", PATH, json=body(VideoId.MIXED_RATES, at=3, seconds=2))
    told = ended(real, (reply.json or {})["preview_id"])
    assert (told["status"], told["fps"], told["frames_per_step"], told["start"]) == ("completed", 60, 1, 0), told
    base = Fraction(*told["frames"]["time_base"])
    assert [each * base for each in told["frames"]["times"]][:120] == [Fraction(number, 60) for number in range(120)]
    again = real.call("POST", PATH, json=body(VideoId.MIXED_RATES, at=3, seconds=2))
    assert again.json == reply.json, "a finished one is used again"
    low = {**body(VideoId.MIXED_RATES, at=3, seconds=2), "resolution_preference": "240p"}
    smaller = real.call("POST", PATH, json=low)
    assert ended(real, (smaller.json or {})["preview_id"])["fps"] == 30, "as the clip"
    late = real.call("POST", PATH, json=body(VideoId.LATE_LOW, at=5, seconds=1))
    told = ended(real, (late.json or {})["preview_id"])
    base = Fraction(*told["frames"]["time_base"])
    assert told["frames"]["times"][0] * base == pytest.approx(4 + 1 / 90, abs=1e-3)


@pytest.mark.parametrize(
    ("video_id", "at", "seconds", "itags"),
    [
        (VideoId.LADDER, 10, 3, (160, 139)),
        (VideoId.FPS_60, 5, 4, (133, 139)),
        (VideoId.MIXED_RATES, 5, 9, (134, 139)),
        (VideoId.ONLY_PROGRESSIVE, 6, 3, (18,)),
    ],
)
def test_a_preview_fetches_little_more_than_its_window(
    real: Api, site: OfflineYoutube, video_id: VideoId, at: float, seconds: float, itags: tuple[int, ...]
) -> None:
    site.reset()
    reply = real.call("POST", PATH, json=body(video_id, at=at, seconds=seconds))
    told = ended(real, (reply.json or {})["preview_id"])
    assert told["status"] == "completed", told
    rungs = [rung for rung in RUNGS[situation(video_id).formats] if rung.itag in itags]
    needed = sum(needed_bytes(rung.data, told["start"], told["end"]) for rung in rungs)
    assert 0.95 * needed <= site.media_bytes(video_id) <= 1.2 * needed
    assert {request.parameters["itag"] for request in site.media_requests(video_id)} == set(map(str, itags))


def needed_bytes(film: bytes, start: float, end: float) -> int:
    """The bytes of a file's headers and index and of all its fragments with samples of [start, end).

    Without fragments: from the first byte of such a sample to the last one.
    """
    fragments: list[int] = []
    position = 0
    while position + 8 <= len(film):
        size, kind = int.from_bytes(film[position : position + 4], "big"), film[position + 4 : position + 8]
        if kind in (b"moof", b"mdat") and (kind == b"moof" or not fragments):
            fragments.append(position)
        position += size
    with av.open(io.BytesIO(film), "r") as opened:
        samples = [
            (packet.pos or 0, packet.size)
            for packet in opened.demux()
            if packet.pts is not None and start <= packet.pts * packet.time_base < end
        ]
    if film[fragments[0] + 4 : fragments[0] + 8] == b"mdat":
        return fragments[0] + max(place + size for place, size in samples) - min(place for place, _ in samples)
    edges = list(pairwise([*fragments, len(film)]))
    touched = {edge for edge in edges if any(edge[0] <= place < edge[1] for place, _ in samples)}
    return fragments[0] + sum(last - first for first, last in touched)


def test_only_its_owner_sees_a_preview_and_nothing_counts_it(api: Api) -> None:
    anna, guest = api.person(), {"X-Session-ID": api.call("POST", "/api/sessions/").json["session_uuid"]}  # type: ignore[index]
    there: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}
    ways: list[dict[str, Any]] = [{}, {"token": anna.token}, {"headers": guest}, there]
    ids = [started(api, **way) for way in ways]
    for number, way in enumerate(ways):
        seen = [api.call("GET", f"{PATH}/{each}", **way).status_code for each in ids]
        assert seen == [200 if place == number else 404 for place in range(len(ids))]
    for wrong in (ids[0][:24], f"{ids[0][:-1]}x", f"{ids[0]}x", "x"):
        reply = api.call("GET", f"{PATH}/{wrong}")
        assert reply.status_code == 404 and reply.json is not None and reply.json["code"] == "PREVIEW_NOT_FOUND"
    assert anna.get("/api/video/list").json["total"] == 0  # type: ignore[index]
    assert api.call("GET", "/api/jobs/", headers=guest).json["total"] == 0  # type: ignore[index]
    assert api.services.guests.tally().total == 0
    assert api.services.jobs.page_of_all(page=1, per_page=10) == ([], 0)
    owner = api.services.jobs.find_any(ids[1][:24]).owner
    assert api.services.events._owners.of(ids[1][:24]) is None and owner.id == anna.id


def test_a_newer_preview_cancels_an_older_one_and_a_minute_has_so_many(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.notifier.answer = None
    ids = [started(api) for _ in range(4)]
    states = [status(api, each)["status"] for each in ids]
    assert states == ["cancelled", "cancelled", "pending", "pending"]
    previews = api.services.previews
    previews._enabled = True
    found = [api.call("POST", PATH, json=body()).status_code for _ in range(PREVIEWS_A_MINUTE + 1)]
    assert found == [202] * PREVIEWS_A_MINUTE + [429]
    assert api.person().post(PATH, body()).status_code == 202
    monkeypatch.setattr(preview_requests, "PREVIEWS_WAITING", 1)
    there: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}
    full = api.call("POST", PATH, json=body(), **there)
    assert (full.status_code, (full.json or {})["code"]) == (503, "QUEUE_FULL")
    assert api.person().post(PATH, body()).status_code == 202, "accounts have turns of their own"


def test_previews_for_closed_pages_take_no_places(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.notifier.answer = None
    monkeypatch.setattr(preview_requests, "PREVIEWS_WAITING", 2)
    watched, closed = started(api), started(api, environ_overrides={"REMOTE_ADDR": "198.51.100.7"})
    there: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.8"}}
    assert api.call("POST", PATH, json=body(), **there).status_code == 503
    api.services.cache.delete(f"preview:{closed[:24]}")  # ten seconds later
    assert api.call("POST", PATH, json=body(), **there).status_code == 503, "it may just have been saved"
    monkeypatch.setattr(preview_requests, "ATTENTION_SECONDS", 0)
    assert api.call("POST", PATH, json=body(), **there).status_code == 202
    found = {each: api.services.jobs.find_any(each[:24]).status for each in (watched, closed)}
    assert found == {watched: Status.PENDING, closed: Status.CANCELLED}


def test_two_are_left_of_many_at_once(api: Api) -> None:
    api.notifier.answer = None
    everyone, anna = Barrier(8), Owner.user(api.person().id)

    def start(number: int) -> str:
        everyone.wait(HANG_SECONDS)
        return api.services.previews.start(anna, body()["url"], number, 4)[:24]

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(start, range(8)))
    states = [api.services.jobs.find_any(each).status for each in ids]
    assert sorted(states) == [Status.CANCELLED] * 6 + [Status.PENDING] * 2


def test_a_preview_that_nobody_asks_for_ends(real: Api) -> None:
    run, real.notifier.answer = real.notifier.answer, None
    preview_id = started(real)
    real.services.cache.delete(f"preview:{preview_id[:24]}")  # ten seconds later
    assert run is not None
    run(preview_id[:24])
    assert status(real, preview_id)["status"] == "cancelled"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"seconds": 61}, "REQUEST_INVALID"),
    ({"seconds": 0}, "REQUEST_INVALID"),
    ({"seconds": "30"}, "REQUEST_INVALID"),
    ({"at": "soon"}, "CLIP_RANGE_INVALID"),
    ({"at": -1}, "CLIP_RANGE_INVALID"),
    ({"at": None}, "REQUEST_INVALID"),
    ({"resolution_preference": "99p"}, "REQUEST_INVALID"),
    ({"url": "https://example.com/x"}, "URL_INVALID"),
]


def test_what_cannot_be_previewed_has_a_code(api: Api) -> None:
    for changes, code in WRONG:
        reply = api.call("POST", PATH, json={**body(), **changes})
        assert (reply.status_code, (reply.json or {})["code"]) == (400, code), changes


def test_the_record_of_a_preview_goes_with_its_file(real: Api) -> None:
    preview_id = started(real)
    ended(real, preview_id)
    job = real.services.jobs.find_any(preview_id[:24])
    assert job.expires_at is not None and job.completed_at is not None and job.artifact is not None
    assert (job.expires_at - job.completed_at).total_seconds() == 600
    past = job.completed_at - timedelta(seconds=1)
    real.services.database["videos"].update_one({"_id": ObjectId(job.id)}, {"$set": {"expires_at": past}})
    real.services.cleanup.run()
    assert not job.artifact.path.exists() and real.services.jobs.peek(job.id) is None
