"""Room on the disk: accounts, anonymous owners and all of these together have shares, counted while bytes arrive."""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from pymongo.database import Database

from src.errors import DiskFull, QuotaExceeded
from src.models.progress import Monitor, Phase, Progress
from src.models.video import Owner, OwnerKind
from src.utils.allocation import allocate, give_back
from tests.api.actors import LINK, Api, Person
from tests.api.conftest import api_settings, app_over
from tests.api.test_tus import announce, append
from tests.tools.fakes import FakeEngine, FakeReport

pytestmark = pytest.mark.slow
MB = 1_000_000
VIDEO = "dQw4w9WgXcQ"


class Fetching(FakeEngine):
    """Fetches ``content`` in pieces of a megabyte and reports each of them."""

    def _work(self, path: Path, monitor: Monitor, phase: Phase) -> None:
        with path.open("wb") as file:
            for start in range(0, len(self.content), MB):
                file.write(self.content[start : start + MB])
                monitor.report(Progress(phase=Phase.DOWNLOADING, bytes_done=min(start + MB, len(self.content))))

    def download_video(self, url: str, output_path: Path, *asked: Any, monitor: Monitor, **more: Any) -> FakeReport:
        return super().download_video(url, output_path, *asked, monitor=monitor, **more)


@pytest.fixture
def with_room(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> Iterator[Callable[..., Api]]:
    made: list[Api] = []

    def make(*, content: bytes = b"small", **settings: Any) -> Api:
        changed = api_settings(tmp_path, **{"anonymous_disk_percent": 0, **settings})
        made.append(app_over(changed, mongo_database, redis_client, engine=Fetching(content=content)))
        return made[-1]

    yield make
    for api in made:
        api.notifier.finish()


def store(person: Person | None, api: Api, size: int, video_id: str = VIDEO) -> Any:
    sent = {"file": (io.BytesIO(bytes(size)), "film.mp4"), "video_id": video_id, "metadata": "{}"}
    return api.call("POST", "/storage/video", token=person.token if person else None, data=sent)


def used(person: Person) -> tuple[float, float | None]:
    told = person.get("/api/auth/me").json
    assert told is not None
    return told["used_mb"], told["quota_mb"]


def held(api: Api) -> list[dict[str, Any]]:
    return [hold for share in api.services.database["space"].find() for hold in share["holds"]]


def guest(api: Api, address: str = "203.0.113.5") -> str:
    place: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": address}}
    reply = api.call("POST", "/api/sessions/", **place)
    assert reply.json is not None
    return str(reply.json["session_uuid"])


def fetch(api: Api, session: str, video: str = LINK) -> dict[str, Any]:
    """What the job of a guest ends with; or the answer that refused it."""
    headers = {"X-Session-ID": session}
    reply = api.call("POST", "/api/jobs/", headers=headers, json={"url": video})
    if reply.status_code != 201:
        return {"refused": reply.status_code, **(reply.json or {})}
    assert reply.json is not None
    api.notifier.finish()
    told = api.call("GET", f"/api/jobs/{reply.json['job_uuid']}", headers=headers).json
    assert told is not None
    return dict(told)


# --- accounts --------------------------------------------------------------------------------------------------------


def test_who_is_signed_in_sees_quota_and_use(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=10)
    anna, bert = api.person(), api.person()
    assert used(anna) == (0, 10)
    assert anna.upload(content=bytes(3 * MB)).status_code == 201
    assert store(anna, api, 2 * MB).status_code == 201
    assert announce(anna, 4 * MB).status_code == 201
    assert used(anna) == (9, 10) and used(bert) == (0, 10)
    unlimited = with_room(user_quota_mb=0)
    unlimited.people = 2
    assert used(Person(unlimited, anna.email, anna.id, anna.token))[1] is None


@pytest.mark.parametrize("way", ["upload", "storage", "tus"])
def test_parallel_uploads_cannot_exceed_the_share(with_room: Callable[..., Api], way: str) -> None:
    api = with_room(user_quota_mb=5)
    anna = api.person()

    def send(number: int) -> int:
        if way == "upload":
            return anna.upload(content=bytes(2 * MB)).status_code
        if way == "storage":
            return int(store(anna, api, 2 * MB, f"dQw4w9WgXc{number}").status_code)
        return announce(anna, 2 * MB).status_code

    with ThreadPoolExecutor(6) as pool:
        found = sorted(pool.map(send, range(6)))
    assert found == [201] * 2 + [507] * 4, "two of 2 MB fit into 5 MB, and always two get in"
    assert used(anna)[0] == 4
    assert list(api.services.files.incoming.glob("upload-*")) == []


def test_only_the_owner_over_its_share_is_refused(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=3)
    anna, bert = api.person(), api.person()
    assert store(anna, api, 3 * MB).status_code == 201
    refused = store(anna, api, MB, "jNQXAC9IVRw")
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "QUOTA_EXCEEDED")
    assert anna.upload(content=b"small").status_code == 507
    assert announce(anna, 9).status_code == 507
    assert store(bert, api, 3 * MB).status_code == 201
    assert api.call("DELETE", f"/storage/videos/{VIDEO}", token=anna.token).status_code == 200
    assert used(anna)[0] == 0 and anna.upload(content=bytes(3 * MB)).status_code == 201


def test_a_body_that_nobody_announced_is_counted_while_it_arrives(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=2)
    anna = api.person()
    boundary = b"----------boundary"
    head = b'--%b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n' % boundary
    given = {"bytes": 0}

    class Endless(io.RawIOBase):
        """A body that goes on until nobody reads it."""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            piece = bytes(len(buffer)) if given["bytes"] else head
            given["bytes"] += len(piece)
            assert given["bytes"] < 50 * MB, "it is read to no end"
            buffer[: len(piece)] = piece
            return len(piece)

    reply = api.call(
        "POST",
        "/api/encode/upload",
        token=anna.token,
        environ_overrides={
            "CONTENT_TYPE": f"multipart/form-data; boundary={boundary.decode()}",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": Endless(),
            "wsgi.input_terminated": True,
        },
    )
    assert (reply.status_code, (reply.json or {})["code"]) == (507, "QUOTA_EXCEEDED")
    assert given["bytes"] < 5 * MB
    assert list(api.services.files.incoming.iterdir()) == [] and used(anna)[0] == 0


def test_what_a_dead_process_held_runs_out(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=2)
    anna = api.person()
    api.services.space.hold(Owner.user(anna.id), "6a0000000000000000000001", 2 * MB, seconds=-1)
    assert anna.upload(content=bytes(2 * MB)).status_code == 201


def test_an_upload_that_is_given_up_gives_its_room_back(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=2)
    anna = api.person()
    location = announce(anna, 2 * MB).headers["Location"]
    assert announce(anna, MB).status_code == 507
    assert append(anna, location, 0, bytes(MB)).status_code == 204
    assert used(anna)[0] == 2, "the announced size counts until it is given up"
    deleted = api.call("DELETE", location, token=anna.token, headers={"Tus-Resumable": "1.0.0"})
    assert deleted.status_code == 204 and used(anna)[0] == 0 and held(api) == []


def test_a_download_of_an_account_ends_at_its_share_while_bytes_arrive(with_room: Callable[..., Api]) -> None:
    api = with_room(user_quota_mb=20, content=bytes(30 * MB))
    anna = api.person()
    video_id = anna.save()
    reply = anna.post(f"/api/video/download/{video_id}")
    assert (reply.status_code, (reply.json or {})["code"]) == (507, "QUOTA_EXCEEDED")
    assert used(anna)[0] == 0 and held(api) == []
    cast(Fetching, api.engine).content = bytes(20 * MB)
    assert anna.post(f"/api/video/download/{video_id}").status_code == 200, "all of the share may be used"
    assert used(anna)[0] == 20


# --- owners without an account ---------------------------------------------------------------------------------------


def test_a_guest_has_a_quota_and_others_have_theirs(with_room: Callable[..., Api]) -> None:
    api = with_room(anonymous_quota_mb=5, content=bytes(3 * MB))
    first, second = guest(api), guest(api)
    assert fetch(api, first)["status"] == "completed"
    over = fetch(api, first, "https://youtu.be/jNQXAC9IVRw")
    assert over["status"] == "failed" and over["error_code"] == "QUOTA_EXCEEDED", over
    assert fetch(api, second)["status"] == "completed"
    assert held(api) == []
    cast(Fetching, api.engine).content = bytes(2 * MB)
    assert fetch(api, first, "https://youtu.be/9bZkp7q19f0")["status"] == "completed"
    full = fetch(api, first, "https://youtu.be/M7lc1UVf-VE")
    assert (full["refused"], full["code"]) == (507, "QUOTA_EXCEEDED")


def test_guests_together_have_a_part_of_the_disk_and_accounts_are_not_touched(
    with_room: Callable[..., Api], tmp_path: Path
) -> None:
    percent = 5.5 * MB / shutil.disk_usage(tmp_path).total * 100
    api = with_room(anonymous_quota_mb=0, anonymous_disk_percent=percent, content=bytes(2 * MB))
    found = [fetch(api, guest(api, f"203.0.113.{number}")).get("status") for number in range(3)]
    assert found == ["completed", "completed", "failed"]
    anna = api.person()
    assert anna.post(f"/api/video/download/{anna.save()}").status_code == 200
    assert anna.upload(content=bytes(MB)).status_code == 201
    assert store(None, api, 3 * MB).status_code == 201, "the archive of the network is the operator's"
    space, one = api.services.space, Owner(OwnerKind.ADDRESS, "203.0.113.9")
    space.hold(one, "6a0000000000000000000001", MB)
    with pytest.raises(QuotaExceeded) as refused:
        space.hold(Owner(OwnerKind.SESSION, "x"), "6a0000000000000000000002", MB)
    assert refused.value.details == {}, "what others use is told to nobody"


def test_nothing_is_limited_where_it_is_switched_off(with_room: Callable[..., Api]) -> None:
    api = with_room(anonymous_quota_mb=0, anonymous_disk_percent=0, user_quota_mb=0, content=bytes(9 * MB))
    session = guest(api)
    for video in (LINK, "https://youtu.be/jNQXAC9IVRw"):
        assert fetch(api, session, video)["status"] == "completed"
    assert list(api.services.database["space"].find()) == []


def test_the_archive_without_a_token_has_no_quota(with_room: Callable[..., Api]) -> None:
    api = with_room(anonymous_quota_mb=1, anonymous_disk_percent=0.000001, content=bytes(3 * MB))
    assert store(None, api, 3 * MB).status_code == 201
    assert api.services.space.usage(Owner(OwnerKind.ADDRESS, "archive")).quota_bytes is None


def test_jobs_that_hold_at_the_same_time_never_hold_more_than_there_is(with_room: Callable[..., Api]) -> None:
    space = with_room(anonymous_quota_mb=10, anonymous_disk_percent=0).services.space
    owner, start = Owner(OwnerKind.SESSION, "guest"), threading.Barrier(8)

    def grow(number: int) -> int:
        start.wait()
        got = 0
        for size in range(1, 5):
            try:
                space.hold(owner, f"6a000000000000000000000{number}", size * MB)
            except QuotaExceeded:
                break
            got = size
        return got

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(grow, range(8)))
    assert sum(found) == 10, "all of it is given, and no more"
    assert space.usage(owner).used_bytes == 10 * MB


# --- the disk --------------------------------------------------------------------------------------------------------


def test_room_that_was_taken_is_nobody_else_s_and_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        if not allocate(file.fileno(), 0, 8 * MB):
            pytest.skip("this file system keeps no room")
        assert os.fstat(file.fileno()).st_size == 0
        assert os.fstat(file.fileno()).st_blocks * 512 >= 8 * MB
        file.write(b"x" * 1000)
        file.flush()
        give_back(file.fileno())
        assert os.fstat(file.fileno()).st_blocks * 512 < MB
    assert path.read_bytes() == b"x" * 1000


def test_the_disk_keeps_its_floor_while_bytes_arrive(with_room: Callable[..., Api], monkeypatch: Any) -> None:
    api = with_room()
    anna = api.person()
    files = api.services.files
    real = os.fstatvfs

    class Small:
        """A disk of which 10 MB may be used, seen through what was taken of it."""

        f_frsize = 1

        def __init__(self, file: int) -> None:
            taken = sum(path.stat().st_blocks * 512 for path in files.incoming.iterdir())
            self.f_bavail = files.min_free_bytes + 10 * MB - taken

    monkeypatch.setattr(os, "fstatvfs", lambda file: Small(file) if file else real(file))
    gate = threading.Barrier(5)

    def send(number: int) -> int:
        gate.wait()
        return anna.upload(content=bytes(6 * MB)).status_code

    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(send, range(5)))
    assert 507 in found and 201 in found
    assert anna.upload(content=b"small").status_code == 201, "nobody else is refused"
    location = announce(anna, 20 * MB).headers["Location"]
    assert append(anna, location, 0, bytes(12 * MB)).status_code == 507
    assert (
        int(api.call("HEAD", location, token=anna.token, headers={"Tus-Resumable": "1.0.0"}).headers["Upload-Offset"])
        > 0
    )


def test_a_download_ends_when_the_disk_reaches_its_floor(with_room: Callable[..., Api], monkeypatch: Any) -> None:
    api = with_room(content=bytes(20 * MB))
    anna = api.person()
    video_id = anna.save()
    seen: list[int] = []

    def has_room(more_bytes: int = 0) -> bool:
        seen.append(more_bytes)
        return len(seen) < 4

    monkeypatch.setattr(api.services.files, "has_room", has_room)
    reply = anna.post(f"/api/video/download/{video_id}")
    assert (reply.status_code, (reply.json or {})["code"]) == (507, "DISK_FULL")
    assert DiskFull.code == "DISK_FULL" and list(api.services.files.artifacts()) == []
