"""The child process of the clip engine: locks itself in, then fetches, decodes and encodes what a stranger made.

``python -m src.services.cutting.sandbox_child SOCKET FILES NETWORK NAMESPACES``: a descriptor of a socket, and
the kind of sandbox that the parent found. The parent is trusted: tasks come from it pickled, on stdin. This process is
not, once it has read the bytes of a site: it sends lines of JSON on the socket, which the parent reads as untrusted.
"""

from __future__ import annotations

import logging
import pickle
import resource
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from typing import IO, Any

from src.utils.process import use_at_most
from src.utils.sandbox import Kind, SandboxRules, enter_namespaces, lock_in

_LENGTH = struct.Struct("<I")
NO_LISTENER, LISTENER = b"-", b"+"
_LIMITS = (
    (resource.RLIMIT_AS, 16 << 30),  # far above what 8K needs: a stream may not take the machine
    (resource.RLIMIT_CORE, 0),
)


@dataclass(frozen=True)
class Task:
    """Call ``function`` of our own with ``arguments`` and with ``monitor`` and, if it takes one, ``refresh``. The
    answer is a list of ``ClipReport``."""

    function: Any
    arguments: dict[str, Any]
    sandbox: SandboxRules
    refreshes: bool


def send_task(stream: IO[bytes], task: object) -> None:
    """Parent to child: a task, or the answer to a question."""
    data = pickle.dumps(task)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    return pickle.loads(stream.read(length))  # noqa: S301 # nosec B301 (of the parent, which is trusted)


def main(descriptor: int, kind: Kind) -> None:
    """Do one task."""
    enter_namespaces(kind)  # while there is one thread
    # What takes time is loaded while the parent still asks the site: there is nothing of a stranger yet.
    from pydantic import TypeAdapter

    from src.errors import AppError
    from src.models.media_source import SourceUnreadable
    from src.models.progress import Progress
    from src.services.cutting.engine.model import ClipReport, Discontinuous

    channel = socket.socket(fileno=descriptor)
    progress_line, lock = TypeAdapter(Progress), threading.Lock()

    def tell(what: str, value: bytes) -> None:
        with lock:
            channel.sendall(b'{"' + what.encode() + b'": ' + value + b"}\n")

    class Teller:
        """The monitor: what should end the work ends this process."""

        def report(self, progress: Progress) -> None:
            tell("progress", progress_line.dump_json(progress))

        def check(self) -> None:
            pass

    def refresh() -> Any:
        tell("refresh", b"true")
        return _receive(sys.stdin.buffer)

    task: Task = _receive(sys.stdin.buffer)
    _lend_listener(channel, task.sandbox, kind)
    for name, most in _LIMITS:
        use_at_most(name, most)
    lock_in(task.sandbox, kind)
    more = {"refresh": refresh} if task.refreshes else {}
    try:
        made = task.function(**task.arguments, monitor=Teller(), **more)
        tell("made", TypeAdapter(list[ClipReport]).dump_json(made))
    except SourceUnreadable as reason:
        tell(
            "discontinuous" if isinstance(reason, Discontinuous) else "unreadable",
            TypeAdapter(str).dump_json(str(reason)),
        )
    except AppError as error:
        fields = {"code": error.code, "message": error.message, "missing": error.details.get("missing", [])}
        tell("failed", TypeAdapter(dict[str, Any]).dump_json(fields))


def _lend_listener(channel: socket.socket, sandbox: SandboxRules, kind: Kind) -> None:
    """In a network of its own nobody listens: give the parent a listener of here, for its proxy to answer on."""
    if sandbox.loopback_port is None or not kind.namespaces:
        channel.sendall(NO_LISTENER)
        return
    with socket.create_server(("127.0.0.1", sandbox.loopback_port), backlog=256) as listener:
        socket.send_fds(channel, [LISTENER], [listener.fileno()])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    main(int(sys.argv[1]), Kind(sys.argv[2], sys.argv[3], int(sys.argv[4])))
