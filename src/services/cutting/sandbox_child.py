"""Runs one call of the clip engine in a sandboxed process.

``python -m src.services.cutting.sandbox_child SOCKET FILES NETWORK NAMESPACES``: a descriptor of a socket, and the kind
of sandbox that the parent found. Usually it is a fork of the template, which loaded this code before. The parent is
trusted: its messages come pickled, on stdin. This process is untrusted once it has read the bytes of a site: it sends
lines of JSON on the socket, which the parent validates.
"""

from __future__ import annotations

import errno
import functools
import importlib
import logging
import resource
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.utils.process import use_at_most
from src.utils.sandbox import Kind, SandboxRules, enter_namespaces, lock_in

_LIMITS = (
    (resource.RLIMIT_AS, 16 << 30),  # far above what 8K needs: a stream must not exhaust the machine
    (resource.RLIMIT_CORE, 0),
)


_UNUSED = ("cffi", "click", "pygments", "rich")
"""What httpx loads for its command line, and PyCryptodome instead of ctypes, because it is installed."""


_LATE = ("anyio._backends._asyncio", "anyio.streams.tls", "src.services.youtube.media_hosts", "av.subtitles.stream")
"""What httpx, the engine and PyAV load at their first use, which would be while a user waits."""


def load() -> None:
    """Load the engine and what it needs, which takes most of a second; a fork of the template finds it loaded."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import fails as if it were not installed
    for name in ("engine.engine", "sandbox_protocol"):
        importlib.import_module(f"src.services.cutting.{name}")
    for name in _LATE:
        importlib.import_module(name)
    adapters()


@functools.cache
def adapters() -> tuple[Any, Any]:
    """What writes progress and reports as JSON."""
    from pydantic import TypeAdapter

    from src.models.progress import Progress
    from src.services.cutting.engine.model import ClipReport

    return TypeAdapter(Progress), TypeAdapter(list[ClipReport])


def main(arguments: Sequence[str], methods: Mapping[str, Callable[..., Any]] | None = None) -> None:
    """Do one task. ``methods`` replaces those of the engine in tests of the sandbox."""
    descriptor, kind = int(arguments[0]), Kind(arguments[1], arguments[2], int(arguments[3]))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    enter_namespaces(kind)  # while there is one thread
    # What takes time is loaded while the parent still looks the video up: there is no untrusted input yet.
    load()
    from pydantic import TypeAdapter

    from src.errors import AppError, DiskFull
    from src.models.media_source import SourceUnreadable
    from src.models.progress import Progress
    from src.services.cutting.engine.engine import METHODS
    from src.services.cutting.engine.model import Discontinuous
    from src.services.cutting.sandbox_protocol import Task, receive

    channel = socket.socket(fileno=descriptor)
    progress_line, reports_line = adapters()
    lock = threading.Lock()

    def send_line(name: str, value: bytes) -> None:
        with lock:
            channel.sendall(b'{"' + name.encode() + b'": ' + value + b"}\n")

    class ChannelMonitor:
        """Reports to the parent, which ends this process when the work should stop."""

        def report(self, progress: Progress) -> None:
            send_line("progress", progress_line.dump_json(progress))

        def check(self) -> None:
            pass

    def refresh() -> Any:
        send_line("refresh", b"true")
        return receive(sys.stdin.buffer)

    task: Task = receive(sys.stdin.buffer)
    _lend_listener(channel, task.sandbox, kind)
    for name, most in _LIMITS:
        use_at_most(name, most)
    if task.file_bytes is not None:
        use_at_most(resource.RLIMIT_FSIZE, task.file_bytes)
    lock_in(task.sandbox, kind)
    method = (methods or METHODS)[task.call]
    try:
        reports = method(task.order, ChannelMonitor(), refresh if task.refreshes else None)
        send_line("result", reports_line.dump_json(reports))
    except Discontinuous as reason:
        send_line("discontinuous", TypeAdapter(str).dump_json(str(reason)))
    except SourceUnreadable as reason:
        send_line("unreadable", TypeAdapter(str).dump_json(str(reason)))
    except AppError as error:
        send_line("failed", _failure(error))
    except OSError as error:
        if error.errno != errno.EFBIG:  # the limit of this task, not a fault of the engine
            raise
        send_line("failed", _failure(DiskFull("The file would be larger than one job may write.")))


def _failure(error: Any) -> bytes:
    """Return an ``AppError`` as JSON."""
    from pydantic import TypeAdapter

    fields = {"code": error.code, "message": error.message, "missing": error.details.get("missing", [])}
    return TypeAdapter(dict[str, Any]).dump_json(fields)


def _lend_listener(channel: socket.socket, sandbox: SandboxRules, kind: Kind) -> None:
    """Give the parent a listener of this process's own network, in which its proxy could not listen by itself."""
    from src.services.cutting.sandbox_protocol import LISTENER, NO_LISTENER

    if sandbox.loopback_port is None or not kind.namespaces:
        channel.sendall(NO_LISTENER)
        return
    with socket.create_server(("127.0.0.1", sandbox.loopback_port), backlog=256) as listener:
        socket.send_fds(channel, [LISTENER], [listener.fileno()])


if __name__ == "__main__":
    main(sys.argv[1:])
