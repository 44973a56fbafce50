"""What a decoder that untrusted media has taken over might try; a child of the clip engine for tests.

Its parent starts it instead of ``sandbox_child``; what to do is in the URL of the order's source, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor, Progress
from src.services.cutting import sandbox_child
from src.services.cutting.engine.engine import METHODS
from src.services.cutting.engine.model import ClipReport, CutOrder
from src.utils.sandbox import SandboxRules, locked_into

_NOWHERE = TimeRange(Fraction(0), Fraction(1))


def _tried(name: str, action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return f"{name}: {type(error).__name__}"
    return f"{name}: done"


def misbehave(monitor: Monitor, outside: str, work: str, port: int) -> list[ClipReport]:
    """Tell in the notes what could be done."""
    beside, own = Path(outside), Path(work)

    def say() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"secrets", ("192.0.2.1", 53))

    notes = (
        _tried("read", (beside / "secret").read_text),
        _tried("write", lambda: (beside / "new").write_text("x")),
        _tried("list", lambda: list(beside.iterdir())),
        _tried("passwd", Path("/etc/passwd").read_text),
        _tried("connect", lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close()),
        _tried("datagram", say),
        _tried("program", lambda: os.execv("/bin/sh", ["/bin/sh", "-c", "true"])),  # noqa: S606
        _tried("own file", lambda: (own / "own").write_text("x")),
        _tried("link", lambda: (own / "link").symlink_to(beside / "secret")),
        _tried("pipe", lambda: os.mkfifo(own / "pipe")),
        f"environment: {sorted(set(os.environ) - {'LC_CTYPE'})}",
    )
    monitor.report(Progress())
    return [ClipReport(_NOWHERE, _NOWHERE, "smart", 0, 0, 0, tuple(Note(NoteCode.TARGET, note) for note in notes))]


def die(monitor: Monitor) -> list[ClipReport]:
    """End as after a fault of memory."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def lie(monitor: Monitor, what: str) -> list[ClipReport]:
    """Say something that is no answer."""
    os.write(int(sys.argv[1]), what.encode())
    signal.pause()
    return []


def hang(monitor: Monitor) -> list[ClipReport]:
    """Never answer."""
    signal.pause()
    return []


def fill(monitor: Monitor, work: str, count: int) -> list[ClipReport]:
    """Write a file of this many bytes."""
    with Path(work, "large").open("wb") as file:
        file.truncate(count)
    return told("done")


def modules(monitor: Monitor) -> list[ClipReport]:
    """Tell in the notes which modules this process has loaded."""
    return told(*sorted(sys.modules))


def told(*texts: str) -> list[ClipReport]:
    """A report with these notes."""
    notes = tuple(Note(NoteCode.TARGET, text) for text in texts)
    return [ClipReport(_NOWHERE, _NOWHERE, "smart", 0, 0, 0, notes)]


ACTS: dict[str, Callable[..., list[ClipReport]]] = {
    act.__name__: act for act in (misbehave, die, lie, hang, fill, modules)
}


def order_to(act: str, folder: Path, network: NetworkSettings, /, **given: Any) -> CutOrder:
    """The order for one of the acts."""
    url = json.dumps({"act": act, **given})
    return CutOrder(ClipSource((Track(url),)), (_NOWHERE,), (folder / "clip.mp4",), folder, network)


def _act(order: CutOrder, monitor: Monitor, refresh: object) -> list[ClipReport]:
    assert isinstance(order.source, ClipSource)
    given = json.loads(order.source.tracks[0].url)
    return ACTS[given.pop("act")](monitor, **given)


def _false_figures(order: CutOrder, monitor: Monitor, refresh: Any) -> list[ClipReport]:
    """Cut as the engine does, and claim one frame more in the last clip."""
    *others, last = METHODS["clips"](order, monitor, refresh)
    return [*others, replace(last, encoded_frames=last.encoded_frames + 1)]


def _too_few(order: CutOrder, monitor: Monitor, refresh: Any) -> list[ClipReport]:
    """Cut as the engine does, and leave one report out."""
    return METHODS["clips"](order, monitor, refresh)[1:]


def _die(order: CutOrder, monitor: Monitor, refresh: Any) -> list[ClipReport]:
    return die(monitor)


def _cut_audio(order: CutOrder, monitor: Monitor, refresh: Any) -> list[ClipReport]:
    """Fetch as the engine does, and leave a file whose second half is noise."""
    reports = METHODS["whole"](order, monitor, refresh)
    content = order.output.read_bytes()
    order.output.write_bytes(content[: len(content) // 2] + os.urandom(len(content) // 2))
    return reports


_CHILDREN: dict[str, dict[str, Callable[..., list[ClipReport]]]] = {
    "act": {"clip": _act},
    "false_figures": {"clips": _false_figures},
    "too_few": {"clips": _too_few},
    "dies": {"whole": _die},
    "spoils_audio": {"whole": _cut_audio},
}


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


if __name__ == "__main__":
    sandbox_child.main(sys.argv[1:], _CHILDREN[os.environ.get("ACT", "act")])
