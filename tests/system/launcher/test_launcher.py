"""The launcher itself, as ``python start_server.py`` runs it: ready, refused, stopped, killed; and nothing is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.tools.live_service import ROOT, descendants, free_port
from tests.tools.mounting import mounting
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

READY = "yt-downloader is ready: http://127.0.0.1:"


@dataclass(frozen=True)
class Launcher:
    """A launcher that was started; ``said`` holds what it and its children say on standard error."""

    process: subprocess.Popen[str]
    said: Path

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ready_url(self) -> str:
        line = self.first_line()
        assert line.startswith(READY), line + self.said.read_text()[-3000:]
        return line.split()[3]

    def end(self, seconds: float = 90) -> int:
        return self.process.wait(timeout=seconds)


def environment(folder: Path, **changes: str) -> dict[str, str]:
    own = {
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "DOWNLOADS_DIR": str(folder / "downloads"),
        "UPLOADS_DIR": str(folder / "uploads"),
        "LOG_FILE": "",
        "MONGODB_URI": "",
        "REDIS_URI": "",
        "JWT_PUBLIC_SECRET": "",
        "JWT_PRIVATE_SECRET": "",
        "FLASK_SECRET_KEY": "",
    }
    return {**os.environ, **own, **changes}


@contextmanager
def launched(folder: Path, *arguments: str, **changes: str) -> Iterator[Launcher]:
    said = folder / f"said-{time.monotonic_ns()}"
    with said.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "start_server.py"), *arguments],
            cwd=folder,  # from anywhere
            env=environment(folder, **changes),
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            # As at a terminal; who runs the tests in the background ignores it, and so would all children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        yield Launcher(process, said)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=40)
        if process.stdout:
            process.stdout.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # a short-lived one
        return ""


def test_one_life(tmp_path: Path) -> None:
    """Ready, a second one refused, an API that died comes back, Ctrl-C; one start serves all of it."""
    with launched(tmp_path) as launcher:
        url = launcher.ready_url()
        assert httpx.get(f"{url}/api/health", timeout=60).json()["status"] == "healthy"
        family = descendants(launcher.process.pid)
        assert f"Open {url}/ in your browser." in launcher.said.read_text()
        assert len(family) >= 9, "stores, template, API, workers and scheduler, with their own children"

        with launched(tmp_path) as second:
            assert second.end() == 1
            assert second.first_line() == ""
            assert f"process {launcher.process.pid})" in second.said.read_text()

        with launched(tmp_path, "--role", "api", "--port", "0") as joined:
            beside = joined.ready_url()
            assert httpx.get(f"{beside}/api/health", timeout=60).json()["status"] == "healthy"
            # The same secrets: a token of one is a token of the other.
            token = httpx.get(f"{url}/api/auth/token/public", timeout=60).json()["token"]
            save = {"url": "https://youtu.be/dQw4w9WgXcQ", "start_time": 1, "end_time": 2, "user_id": "0" * 24}
            signed = {"Authorization": f"Bearer {token}"}
            reply = httpx.post(f"{beside}/api/video/save", json=save, headers=signed, timeout=60)
            assert reply.json()["code"] == "USER_UNKNOWN"

        master = min(pid for pid in family if "gunicorn" in command(pid))
        os.kill(master, signal.SIGKILL)
        # The launcher holds the socket: the request waits in it for the new API.
        assert httpx.get(f"{url}/api/health/simple", timeout=60).status_code == 200
        assert not alive(master)

        family = sorted({*family, *descendants(launcher.process.pid)})
        launcher.process.send_signal(signal.SIGINT)
        assert launcher.end() == 0
        assert [pid for pid in family if alive(pid)] == []
        assert launcher.first_line() == "", "standard output has the one line only"
    secrets = tmp_path / "data" / "secrets.env"
    assert secrets.stat().st_mode & 0o777 == 0o600


def test_a_fresh_folder_with_every_secret_set_starts_with_embedded_stores(tmp_path: Path) -> None:
    """The documented installation: secrets in ``.env``, no store named, no folder yet."""
    names = ("JWT_PUBLIC_SECRET", "JWT_PRIVATE_SECRET", "FLASK_SECRET_KEY")
    secrets = {name: f"{name}-0123456789-0123456789-0123456789" for name in names}
    with launched(tmp_path, **secrets) as launcher:
        assert httpx.get(f"{launcher.ready_url()}/api/health", timeout=60).json()["status"] == "healthy"
        assert not (tmp_path / "data" / "secrets.env").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_launcher(tmp_path: Path, number: signal.Signals) -> None:
    with launched(tmp_path) as launcher:
        launcher.ready_url()
        family = descendants(launcher.process.pid)
        launcher.process.send_signal(number)
        launcher.end()
        eventually(lambda: not any(alive(pid) for pid in family))


def test_a_stop_while_starting_leaves_nothing(tmp_path: Path) -> None:
    with launched(tmp_path) as launcher:
        eventually(lambda: len(descendants(launcher.process.pid)) >= 3)
        family = descendants(launcher.process.pid)
        launcher.process.send_signal(signal.SIGTERM)
        assert launcher.end() == 0
        assert [pid for pid in family if alive(pid)] == []


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), launched(tmp_path, PORT=str(port)) as launcher:
        assert launcher.end() == 1
        assert f"cannot listen on 127.0.0.1:{port}" in launcher.said.read_text()
        assert "PORT=" in launcher.said.read_text()


def test_a_disk_without_room_for_the_stores_is_told_in_one_line(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    fill = f"mount -t tmpfs -o size=64k tmpfs {disk}; head -c 1M /dev/zero > {disk}/full 2>&-; exec {sys.executable} -u"
    done = subprocess.run(
        [*mounting(), "sh", "-c", f"{fill} {ROOT}/start_server.py"],
        env=environment(disk, DOWNLOADS_DIR=str(tmp_path / "downloads"), UPLOADS_DIR=str(tmp_path / "uploads")),
        capture_output=True,
        text=True,
    )
    *warnings, last = done.stderr.splitlines()
    assert done.returncode == 1 and "a disk is full" in last, done.stderr
    assert "Traceback" not in done.stderr and any("MIN_FREE_DISK_MB" in line for line in warnings)


def test_a_host_that_is_not_here_is_told(tmp_path: Path) -> None:
    for host, code in (("192.0.2.1", 1), ("no such host", 2)):
        with launched(tmp_path, HOST=host) as launcher:
            assert launcher.end() == code
            assert "HOST must be an address of this machine" in launcher.said.read_text()


@pytest.mark.parametrize("name", ["MONGODB_URI", "REDIS_URI"])
def test_a_server_that_does_not_answer_is_named_in_two_lines(tmp_path: Path, name: str) -> None:
    scheme = {"MONGODB_URI": "mongodb", "REDIS_URI": "redis"}[name]
    uri = f"{scheme}://anna:hunter2@127.0.0.1:{free_port()}/0"
    with launched(tmp_path, **{name: uri}) as launcher:
        assert launcher.end() == 1
        said = launcher.said.read_text()
    assert f"{name} is {scheme}://[redacted]@127.0.0.1" in said
    assert f"without {name} the service starts an embedded one" in said
    assert "hunter2" not in said
    assert len(said.strip().splitlines()) == 2, said


def test_servers_of_ones_own_are_used_and_none_is_started(tmp_path: Path, mongo_uri: str, redis_uri: str) -> None:
    secrets = {name: f"{name}-0123456789-0123456789-0123456789" for name in ("JWT_PUBLIC_SECRET", "FLASK_SECRET_KEY")}
    with launched(tmp_path, MONGODB_URI=mongo_uri, REDIS_URI=redis_uri, **secrets) as incomplete:
        assert incomplete.end() == 2
        assert "JWT_PRIVATE_SECRET: it is not set: create one with python -c" in incomplete.said.read_text()

    secrets["JWT_PRIVATE_SECRET"] = "another-0123456789-0123456789-0123456789"
    with launched(tmp_path, "--role", "workers", MONGODB_URI=mongo_uri, REDIS_URI=redis_uri, **secrets) as launcher:
        assert launcher.first_line() == "yt-downloader workers are ready\n", launcher.said.read_text()[-3000:]
        commands = [command(pid) for pid in descendants(launcher.process.pid)]
        assert [word for word in ("mongod", "valkey", "gunicorn", "scheduler") if word in " ".join(commands)] == []
        assert not (tmp_path / "data" / "mongodb").exists()


def test_workers_alone_need_servers_to_work_for(tmp_path: Path) -> None:
    with launched(tmp_path, "--role", "workers") as launcher:
        assert launcher.end() == 2
        assert "MONGODB_URI: it is not set" in launcher.said.read_text()
