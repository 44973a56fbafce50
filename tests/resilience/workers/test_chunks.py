"""A long encode shared by real Celery workers, one of which is killed in mid-chunk: the frames are the source's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pymongo
import pytest

from src.launcher.stores import DATABASE
from tests.engines.encode.recipes import FAST, Row, make, video
from tests.services.test_chunk_workers import hashes
from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]

Database = pymongo.database.Database[dict[str, Any]]
FILM = Row("sixteen seconds", ((*video("640x360", seconds=16), *FAST, "-bf", "2", "-g", "25"),), ".mkv")
LOSSLESS = {"video_codec": "h265", "quality_preset": "lossless"}


@pytest.fixture
def database(service: LiveService) -> Iterator[Database]:
    """The database of the running service, to look into."""
    words = Path(f"/proc/{service.processes('mongod')[0]}/cmdline").read_text().split("\0")
    address = next(word.partition("=")[2] for word in words if word.endswith(".sock"))
    with pymongo.MongoClient[dict[str, Any]](f"mongodb://{quote(address, safe='')}") as client:
        yield client[DATABASE]


def upload(user: User, film: Path) -> str:
    with film.open("rb") as file:
        reply = user.http.post("/encode/upload", files={"video": (film.name, file)}, headers=user.private)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["encode_id"])


def encode(user: User, encode_id: str, *, wait: int = 0) -> httpx.Response:
    headers = {**user.private, "Prefer": f"wait={wait}"}
    return user.http.post(f"/encode/start/{encode_id}", json=LOSSLESS, headers=headers)


def status(user: User, encode_id: str) -> dict[str, Any]:
    return dict(user.http.get(f"/encode/status/{encode_id}", headers=user.private).json())


def process_of(worker: str) -> int:
    """Workers call themselves host:process."""
    return int(worker.rsplit(":", 1)[1])


@pytest.mark.parametrize("who", ["helper", "owner"])
def test_a_killed_worker_costs_its_chunk(
    service: LiveService, user: User, database: Database, tmp_path: Path, who: str
) -> None:
    encode_id = upload(user, make(FILM))
    assert encode(user, encode_id).status_code == 202
    owners: set[str] = set()
    helpers: set[str] = set()

    def both_at_work() -> bool:
        chunks = list(database["chunks"].find({"job_id": encode_id, "worker": {"$ne": None}}))
        # Read after the chunks: whoever has one is the owner or a helper of an owner that is known by now.
        job = database["videos"].find_one({"status": "processing", "kind": "encode"}) or {}
        owners.update(filter(None, [job.get("worker")]))
        helpers.update({chunk["worker"] for chunk in chunks} - owners)
        return bool(owners and helpers) and len(chunks) == 2

    eventually(both_at_work, 300)  # encodes stand back, so a busy machine begins them late
    os.kill(process_of((helpers if who == "helper" else owners).pop()), signal.SIGKILL)
    eventually(lambda: status(user, encode_id)["status"] not in {"pending", "processing"}, 300)
    told = status(user, encode_id)
    assert told["status"] == "completed", told
    assert told["report"]["verified"] == "400 frames"
    job = database["videos"].find_one({"file_path": {"$regex": encode_id}}) or {}
    assert job["attempts"] == (1 if who == "helper" else 2)
    out = tmp_path / "out.mp4"
    out.write_bytes(user.http.get(f"/encode/download/{encode_id}", headers=user.private).content)
    assert hashes(out) == hashes(make(FILM))
    assert database["chunks"].count_documents({"job_id": encode_id}) == 0
    eventually(lambda: not list((service.folder / "downloads" / ".work").glob(f"{encode_id}.kept")))
