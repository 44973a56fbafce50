"""Half a gigabyte comes in over HTTP: the API process stays small, and its sudden death leaves nothing for good."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pymongo.database import Database

from src.bootstrap import build
from tests.api.conftest import api_settings
from tests.engines.encode.recipes import FAST, Row, make, video
from tests.tools.fakes import RecordingNotifier
from tests.tools.live_service import ROOT, descendants, free_port
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

LARGE = 499_000_000
MOST_GROWTH = 100_000_000
BOUNDARY = "----a-form"
FILM = Row("one second, head first", ((*video(seconds=1), *FAST, "-movflags", "+faststart"),))


@pytest.fixture
def large_film(tmp_path: Path) -> Path:
    """A real film that ends with a box of nothing (ISO 14496-12, ``free``); sparse on disk."""
    path = tmp_path / "large.mp4"
    head = make(FILM).read_bytes()
    path.write_bytes(head + (LARGE - len(head)).to_bytes(4, "big") + b"free")
    os.truncate(path, LARGE)
    return path


@dataclass
class Gunicorn:
    """The API alone, as it is deployed: one process that answers, and its master."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def incoming(self) -> Path:
        return self.folder / "uploads" / ".incoming"

    def register(self) -> None:
        account = {"email": "large@example.com", "password": "SecurePass123!"}
        httpx.post(f"{self.base}/auth/register", json=account, timeout=60)
        token = httpx.post(f"{self.base}/auth/login", json=account, timeout=60).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def answering(self) -> list[int]:
        """The API processes: what the master has forked, without children that probe."""
        return [pid for pid in descendants(self.process.pid) if "gunicorn" in _command_of(pid)]

    def kill(self) -> None:
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _memory(pid: int, name: str) -> int:
    """``VmRSS`` (now) or ``VmHWM`` (the highest since it was reset) in bytes: man 5 proc."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


@contextmanager
def growth_of(pids: list[int], most: list[int]) -> Iterator[None]:
    """Puts into ``most`` by how much the largest of these processes grew at any moment of the block, in bytes."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets VmHWM
    before = {pid: _memory(pid, "VmRSS") for pid in pids}
    yield
    most.append(max(_memory(pid, "VmHWM") - before[pid] for pid in pids))


@pytest.fixture
def api(
    mongo_uri: str, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, redis_uri: str, tmp_path: Path
) -> Iterator[Gunicorn]:
    port = free_port()
    settings = api_settings(tmp_path)
    own = {name.upper(): str(getattr(settings, name)) for name in settings.model_fields_set}
    own |= {
        "MONGODB_URI": f"{mongo_uri.rpartition('/')[0]}/{mongo_database.name}",
        "REDIS_URI": redis_uri,
        "API_PROCESSES": "1",
        "API_THREADS": "16",
    }
    options = ("-c", "gunicorn_config.py", "--bind", f"127.0.0.1:{port}", "start_server:create_application()")
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", *options], cwd=ROOT, env={**os.environ, **own})
    running = Gunicorn(tmp_path, port, process)
    try:
        eventually(lambda: _answers(running))
        running.register()
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        shutil.rmtree(tmp_path)  # half a gigabyte need not wait for pytest to forget it


def _answers(api: Gunicorn) -> bool:
    try:
        return httpx.get(f"{api.base}/health/simple", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def announce(api: Gunicorn, length: int) -> str:
    name = base64.b64encode(b"large.mp4").decode()
    headers = {**api.headers, "Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
    reply = httpx.post(
        f"{api.base}/encode/tus/", headers={**headers, "Upload-Metadata": f"filename {name}"}, timeout=60
    )
    assert reply.status_code == 201, reply.text
    return reply.headers["Location"]


def send(api: Gunicorn, head: str, film: Path | None = None) -> socket.socket:
    """Send a request's head, and as its body a file by ``sendfile``; the connection."""
    line = socket.create_connection(("127.0.0.1", api.port))
    line.sendall(head.replace("\n", "\r\n").encode())
    if film is not None:
        with film.open("rb") as file:
            line.sendfile(file)
    return line


def form_head(api: Gunicorn, size: int) -> tuple[str, str]:
    """The head of a form with one file, and what stands behind the file."""
    part = f'--{BOUNDARY}\nContent-Disposition: form-data; name="video"; filename="large.mp4"\n\n'
    end = f"\n--{BOUNDARY}--\n"
    length = len((part + end).replace("\n", "\r\n")) + size
    head = f"POST /api/encode/upload HTTP/1.1\nHost: x\nAuthorization: {api.headers['Authorization']}\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\nContent-Length: {length}\nConnection: close\n\n"
    return head + part, end


def patch_head(api: Gunicorn, location: str, size: int) -> str:
    head = f"PATCH {location} HTTP/1.1\nHost: x\nAuthorization: {api.headers['Authorization']}\nTus-Resumable: 1.0.0\n"
    head += "Upload-Offset: 0\nContent-Type: application/offset+octet-stream\n"
    return f"{head}Content-Length: {size}\nConnection: close\n\n"


def answer(line: socket.socket) -> str:
    with line, line.makefile("rb") as file:
        return file.read().decode()


def test_a_form_of_half_a_gigabyte_takes_little_memory(
    api: Gunicorn, large_film: Path, record_property: Callable[[str, object], None]
) -> None:
    head, end = form_head(api, LARGE)
    grown: list[int] = []
    with growth_of(api.answering(), grown):
        line = send(api, head, large_film)
        line.sendall(end.replace("\n", "\r\n").encode())
        told = answer(line)
    assert " 201 " in told.splitlines()[0], told
    assert '"file_size_mb":499.0' in told.replace(" ", "")
    record_property("growth_bytes", grown[0])  # 4 MB
    assert grown[0] < MOST_GROWTH


def test_a_resumable_upload_of_half_a_gigabyte_takes_little_memory(
    api: Gunicorn, large_film: Path, record_property: Callable[[str, object], None]
) -> None:
    location = announce(api, LARGE)
    grown: list[int] = []
    with growth_of(api.answering(), grown):
        told = answer(send(api, patch_head(api, location, LARGE), large_film))
    assert " 204 " in told.splitlines()[0], told
    status = httpx.get(
        f"{api.base}/encode/status/{location.rpartition('/')[2]}", headers=api.headers, timeout=60
    ).json()
    assert (status["status"], status["file_size_mb"]) == ("pending", 499.0)
    record_property("growth_bytes", grown[0])  # 6 MB
    assert grown[0] < MOST_GROWTH


def test_what_a_killed_api_had_begun_to_receive_is_swept(
    api: Gunicorn, mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> None:
    piece = tmp_path / "piece"
    piece.write_bytes(bytes(3_000_000))
    location = announce(api, LARGE)
    lines = [send(api, form_head(api, LARGE)[0], piece), send(api, patch_head(api, location, LARGE), piece)]

    def arrived() -> list[Path]:
        return [path for path in api.incoming.iterdir() if path.stat().st_size > 1_000_000]

    eventually(lambda: len(arrived()) == 2)
    api.kill()
    for line in lines:
        line.close()
    assert len(arrived()) == 2, "a killed process cannot tidy up"
    services = build(
        api_settings(tmp_path), notifier=RecordingNotifier(), database=mongo_database, redis_client=redis_client
    )
    long_ago = time.time() - 7200
    for path in arrived():
        os.utime(path, (long_ago, long_ago))
    swept = 0

    def all_swept() -> bool:
        nonlocal swept
        swept += services.cleanup.run().strays
        return swept == 2

    eventually(all_swept)  # a process of the API may hold the lock of its upload for a moment longer than its parent
    assert list(api.incoming.iterdir()) == []
    assert mongo_database["videos"].count_documents({}) == 0
    mongo_database["uploads"].update_many({}, {"$set": {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}})
    eventually(lambda: mongo_database["uploads"].count_documents({}) == 0, 300)
