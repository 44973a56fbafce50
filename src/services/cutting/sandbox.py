"""Runs the clip engine in a child process that reaches only the files of its job and, through the proxy, the site.

Decoders of untrusted media are where vulnerabilities are found; in the worker they would run next to the secrets and
the stores of the service. The child starts while the video is still being looked up, so that a clip does not wait.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from src.models.media_source import ClipSource
from src.models.progress import Monitor
from src.services.cutting.engine.model import Call, ClipReport, CutOrder
from src.services.cutting.sandbox_channel import SandboxChannel, engine_died, final_output
from src.services.cutting.sandbox_protocol import LISTENER, Task, send
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import CHECK_SECONDS, ENVIRONMENT, stop_group
from src.utils.certificates import own_certificates
from src.utils.process import ChildProcess, dying_with
from src.utils.sandbox import SandboxRules, available
from src.utils.template import ForkedChild, fork_child

CHILD = "src.services.cutting.sandbox_child"
_ROOT = Path(__file__).parents[3]


class EngineSandbox:
    """Starts sandboxed engines. ``egress`` answers their requests to the network; ``file_bytes`` is the size of the
    largest file that they may write."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy, *, file_bytes: int | None = None) -> None:
        self._ffmpeg, self._egress, self._file_bytes = ffmpeg, egress, file_bytes

    @contextmanager
    def engine(self) -> Iterator[SandboxedEngine]:
        """An engine that is starting; all of it ends with the block."""
        with SandboxedEngine(self._ffmpeg, self._egress, self._file_bytes) as engine:
            yield engine


class SandboxedEngine:
    """The methods of ``cutting/engine``, each call in a child process. For the thread that created it."""

    def __init__(self, ffmpeg: Path, egress: EgressProxy, file_bytes: int | None = None) -> None:
        self._ffmpeg, self._egress, self._file_bytes = ffmpeg, egress, file_bytes
        self._called = False
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs)

    def __enter__(self) -> SandboxedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        stop_group(self._process)
        self._channel.close()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        if isinstance(self._process, ForkedChild):
            self._process.close()

    def run(
        self, call: Call, order: CutOrder, monitor: Monitor, refresh: Callable[[], ClipSource] | None = None
    ) -> list[ClipReport]:
        """The reports of one call. The first one uses the child that is running, each later one starts its own.

        Raises:
            EngineInterrupted: the child did not survive what it read.
            Exception: whatever the engine, ``monitor`` and ``refresh`` raise.
        """
        if self._called:
            with SandboxedEngine(self._ffmpeg, self._egress, self._file_bytes) as another:
                return another.run(call, order, monitor, refresh)
        self._called = True
        if order.keep is not None:  # Landlock opens only folders that exist
            order.keep.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rules = self._rules(order)
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, Task(call, order, rules, refresh is not None, self._file_bytes))
        except BrokenPipeError:
            raise engine_died("it did not start") from None
        with ExitStack() as stack:
            self._answer_there(stack, rules, monitor)
            reports = SandboxChannel(self._process, self._channel, monitor, refresh).run()
        stop_group(self._process)  # nothing may change the files while the parent verifies them
        expected = {"clip": 1, "whole": 1, "clips": len(order.outputs)}.get(call)
        if expected is not None and len(reports) != expected:
            raise engine_died(f"it sent {len(reports)} reports instead of {expected}")
        return reports

    def _rules(self, order: CutOrder) -> SandboxRules:
        """Python and its packages, our code, FFmpeg, the folders of the order, and the port of its proxy."""
        python = Path(sys.executable)
        trusted = [Path(path) for path in own_certificates().values()]
        port = urlsplit(order.network.proxy).port if order.network.proxy else None
        return SandboxRules(
            reads=(Path(sys.prefix), Path(sys.base_prefix, "lib"), _ROOT / "src", *trusted, *order.reads),
            writes=order.writes,
            programs=(python, python.resolve(), self._ffmpeg, self._ffmpeg.resolve()),
            lists=(_ROOT,),
            loopback_port=port or None,  # port 0 leads nowhere
        )

    def _answer_there(self, stack: ExitStack, rules: SandboxRules, monitor: Monitor) -> None:
        """Where the child has a loopback of its own, have the proxy answer there too."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            while not selector.select(CHECK_SECONDS):
                monitor.check()
        first, listeners, _, _ = socket.recv_fds(self._channel, 1, 1)
        if first == LISTENER and rules.loopback_port is not None:
            stack.enter_context(self._egress.also_at(socket.socket(fileno=listeners[0])))
        elif not first:
            raise engine_died(final_output(self._process))


def _start(channel: socket.socket) -> ChildProcess:
    """The child: a fork of the template or, where there is none, a program that has to load the code first."""
    kind = available()
    described = (kind.files, kind.network, str(kind.namespaces))
    fork = fork_child(CHILD, described, lent=(channel.fileno(),))
    if fork is not None:
        return fork
    return subprocess.Popen(
        [sys.executable, "-m", CHILD, str(channel.fileno()), *described],
        cwd=_ROOT,
        env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1", "OPENSSL_CONF": os.devnull, **own_certificates()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(channel.fileno(),),
        process_group=0,
        preexec_fn=dying_with(os.getpid()),
    )
