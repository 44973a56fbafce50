"""Asks the template process for a fork, which is ready at once where a new program takes most of a second.

The template (``src/services/cutting/template.py``) has loaded the engine and the probe and does nothing else. Each
request makes one fork of it, for one job. A process reaches the template only by a socket that it inherits
(``src/launcher/template.py``): it has no name, so that a child that untrusted media have taken over cannot connect to
it. Where there is no template, or it does not answer, the caller starts a program instead.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Final

from src.utils.certificates import own_certificates
from src.utils.process import BACKGROUND_NICENESS

log = logging.getLogger(__name__)

PROGRAM: Final = "src.services.cutting.template"
STARTED: Final = struct.Struct("<i")
"""The template's first answer: the process id, with a descriptor of the process. The second: its exit code."""
MOST_DESCRIPTORS: Final = 16
REFUSED: Final = 0
"""The process id of an answer that refuses the request: the template does not have that program."""
_ANSWER_SECONDS: Final = 2.0  # a fork takes some milliseconds; a program would be ready by then
_REST_SECONDS: Final = 10.0  # without an answer, so long programs are started instead
_PIPE_END: Final = 2**16


def template_environment() -> dict[str, str]:
    """All variables of the template and so of its forks: none of the service's own, no secret."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "SVT_LOG": "1",  # limits SVT-AV1, which ignores FFmpeg's -v, to errors
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENSSL_CONF": os.devnull,
        **own_certificates(),
    }


class ForkedChild:
    """A fork of the template, with the methods of ``subprocess.Popen`` that its users need.

    It is killed when this object is closed, when this process ends, and when the template ends. Its process id stays
    its own until then or until its end was noticed, as with ``Popen``.
    """

    def __init__(self, life: socket.socket, answers: socket.socket, pid: int, pidfd: int, pipes: Sequence[int]) -> None:
        self._life, self._answers, self.pid, self._pidfd = life, answers, pid, pidfd
        self.returncode: int | None = None
        self._descriptor_lock = threading.Lock()  # one thread may kill what another one reads and closes
        self.stdin: IO[bytes] | None = os.fdopen(pipes[0], "wb")
        self.stdout: IO[bytes] | None = os.fdopen(pipes[1], "rb") if len(pipes) > 2 else None
        self.stderr: IO[bytes] | None = os.fdopen(pipes[-1], "rb")

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), or ``None`` while it runs."""
        self._take_end(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code.

        Raises:
            TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        self._take_end(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("a fork of the template", timeout or 0.0)
        return self.returncode

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        with self._descriptor_lock, contextlib.suppress(ProcessLookupError):
            if self.returncode is None and self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and those of its group, and forget it."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._answers.close()
        self._life.close()
        with self._descriptor_lock:
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1

    def __del__(self) -> None:
        self.close()

    def communicate(self, given: bytes, seconds: float, most: int) -> tuple[bytes, bytes]:
        """Send ``given``, which must fit into a pipe, and read both outputs to their ends.

        Raises:
            TimeoutExpired: it took longer than ``seconds``, and is killed.
            OverflowError: it sent more than ``most`` bytes, and is killed.
        """
        assert self.stdin is not None and self.stdout is not None and self.stderr is not None
        assert len(given) < _PIPE_END
        until = time.monotonic() + seconds
        with contextlib.suppress(BrokenPipeError):
            self.stdin.write(given)
            self.stdin.close()
        parts: dict[int, bytearray] = {self.stdout.fileno(): bytearray(), self.stderr.fileno(): bytearray()}
        outputs = tuple(parts)
        waiting = set(outputs)
        while waiting:
            ready = _all_readable(waiting, until)
            if not ready:
                self.kill()
                raise subprocess.TimeoutExpired("a fork of the template", seconds)
            if sum(map(len, parts.values())) > most:
                self.kill()
                raise OverflowError("a fork of the template wrote more than the limit")
            for number in ready:
                part = os.read(number, 2**20)
                parts[number] += part
                if not part:
                    waiting.remove(number)
        self.wait(max(until - time.monotonic(), 1.0))
        return bytes(parts[outputs[0]]), bytes(parts[outputs[1]])

    def _take_end(self, timeout: float | None) -> None:
        if self.returncode is not None or not _readable(self._answers, timeout):
            return
        code = _received(self._answers)
        if code:
            self.returncode = STARTED.unpack(code)[0]
        else:  # the template has ended, and the kernel ends its forks with it
            _readable(self._pidfd, None)
            self.returncode = -signal.SIGKILL
        self._answers.close()  # the template may forget it now


def fork_child(
    program: str, arguments: Sequence[str] = (), *, lent: Sequence[int] = (), stdout: bool = False
) -> ForkedChild | None:
    """A fork of the template that does what ``python -m program LENT ARGUMENTS`` does, or None where there is none.

    ``lent``: descriptors for it, whose numbers there are its first arguments. ``stdout``: the caller reads that output,
    as it does the error output; otherwise nobody does.
    """
    return _used[0].fork(program, arguments, lent, stdout) if _used else None


class _Template:
    """The requests of this process to the template."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests, self._not_before = requests, 0.0

    def fork(self, program: str, arguments: Sequence[str], lent: Sequence[int], stdout: bool) -> ForkedChild | None:
        if time.monotonic() < self._not_before:
            return None
        background = os.nice(0) >= BACKGROUND_NICENESS
        request = json.dumps([program, list(arguments), background]).encode()
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            answers, their_answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            life, their_life = socket.socketpair()
            for end in (answers, life):
                ours.callback(end.close)
            for end in (their_answers, their_life):
                theirs.callback(end.close)
            pipes, given = _pipes(ours, theirs, stdout)
            try:
                descriptors = [their_answers.fileno(), their_life.fileno(), *given, *lent]
                socket.send_fds(self._requests, [request], descriptors, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                theirs.close()  # only the fork holds these now, so that their ends are noticed
                pid, pidfd = _started(answers)
            except OSError as error:
                self._not_before = time.monotonic() + _REST_SECONDS
                log.warning("the template process does not answer (%s): programs are started instead", error)
                return None
            if pid == REFUSED:
                return None
            ours.pop_all()
            return ForkedChild(life, answers, pid, pidfd, pipes)


_used: list[_Template] = []


def _pipes(ours: contextlib.ExitStack, theirs: contextlib.ExitStack, stdout: bool) -> tuple[list[int], list[int]]:
    """Pipes for the standard input and outputs: our ends, and theirs."""
    read, write = os.pipe()
    mine, given = [write], [read]
    for used in (stdout, True):
        if used:
            read, write = os.pipe()
            mine.append(read)
        else:
            write = os.open(os.devnull, os.O_WRONLY)
        given.append(write)
    for number in mine:
        ours.callback(os.close, number)
    for number in given:
        theirs.callback(os.close, number)
    return mine, given


def _started(answers: socket.socket) -> tuple[int, int]:
    """The process id and a descriptor of the process. Raises OSError: there is no answer."""
    if not _readable(answers, _ANSWER_SECONDS):
        raise TimeoutError(f"no answer within {_ANSWER_SECONDS:.0f} s")
    answer, descriptors, _, _ = socket.recv_fds(answers, STARTED.size, 1, socket.MSG_CMSG_CLOEXEC)
    if not answer:
        raise ConnectionResetError("it ended")
    (pid,) = STARTED.unpack(answer)
    if pid != REFUSED and not descriptors:
        raise OSError("it sent no descriptor of the process")
    return pid, descriptors[0] if descriptors else -1


def _received(answers: socket.socket) -> bytes:
    try:
        return answers.recv(STARTED.size)
    except ConnectionResetError:
        return b""


def _readable(source: socket.socket | int, timeout: float | None) -> bool:
    """Whether there is something to read, or will be within ``timeout`` seconds; None waits without limit."""
    poll = select.poll()  # select() cannot take high numbers
    poll.register(source, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def _all_readable(sources: set[int], until: float) -> list[int]:
    """Those that can be read; none if that is so until ``until``."""
    poll = select.poll()
    for number in sources:
        poll.register(number, select.POLLIN)
    return [number for number, _ in poll.poll(max(until - time.monotonic(), 0) * 1000)]


def use_template(number: int | None) -> None:
    """Ask the template behind this descriptor from now on, also in forks of this process; None: start programs.

    A descriptor that is something else is ignored.
    """
    _used.clear()
    if number is None or sys.platform != "linux":
        return
    try:
        requests = socket.socket(fileno=os.dup(number))
    except OSError:
        return
    if (requests.family, requests.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        _used.append(_Template(requests))
    else:
        requests.close()
