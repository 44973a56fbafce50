"""The whole service as ``make run`` starts it, on a free port, with a data folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class LiveService:
    """A running service: its address, the launcher's process id, and its folder."""

    base: str
    pid: int
    folder: Path

    def processes(self, word: str) -> list[int]:
        """Ids of the service's processes, oldest first, whose command line holds ``word``."""
        return [pid for pid in descendants(self.pid) if word in _command_line(pid)]


@contextmanager
def running_service(environment: Mapping[str, str], *, console: Path | None = None) -> Iterator[LiveService]:
    """Start it, wait for the ready line, and stop it at the end. ``console`` takes what it says on standard error."""
    with tempfile.TemporaryDirectory(prefix="ytd-") as folder:
        port = free_port()
        own = {
            "PORT": str(port),
            "DATA_DIR": f"{folder}/data",
            "DOWNLOADS_DIR": f"{folder}/downloads",
            "UPLOADS_DIR": f"{folder}/uploads",
            "LOG_FILE": f"{folder}/app.log",
            "MONGODB_URI": "",
            "REDIS_URI": "",
        }
        said = console or Path(folder) / "console.log"
        with said.open("w") as sink:
            process = subprocess.Popen(
                [sys.executable, "start_server.py"],
                cwd=ROOT,
                env={**os.environ, **own, **environment},
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "is ready" not in line:
                raise RuntimeError(f"the service did not start:\n{line}{said.read_text()[-4000:]}")
            yield LiveService(f"http://127.0.0.1:{port}", process.pid, Path(folder))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether anybody listens on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def descendants(ancestor: int) -> list[int]:
    """All processes that this one started, and theirs, oldest first."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    found: list[int] = []
    pending = [ancestor]
    while pending:
        parent = pending.pop(0)
        children = sorted(pid for pid, of in parents.items() if of == parent)
        found += children
        pending += children
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
