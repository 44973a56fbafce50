"""Reads several files of one job with forks of one process that has already loaded FFmpeg's libraries.

Starting Python and loading the libraries takes longer than reading a short video, and an encode reads two: its input,
and later its result. The process itself reads no files. Each file gets its own fork with its own limits, which enters a
sandbox with only that file before it opens it, so that one file cannot affect the next.

``python -m src.services.media.forks KIND`` is that process; KIND is the kind of sandbox for files on this machine.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from src.services.media import probe_child
from src.services.media.child import ENVIRONMENT, ROOT, Ended, ProbeLimits, sandbox_of
from src.utils.process import die_with_parent, dying_with
from src.utils.sandbox import Kind, available, lock_in, locked_into

_HEAD: Final = struct.Struct(">iII")  # exit code, bytes of the answer, bytes of the error output
_MOST_BYTES: Final = 512 * 2**20  # a fork that writes more is killed: its output is not trusted


class MediaForks:
    """Reads the files of one job. Used as a context, by the thread that created it."""

    def __init__(self, *paths: Path) -> None:
        """``paths``: the files to read, or their folders; other files cannot be read."""
        self._paths = tuple(path.absolute() for path in paths)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(self, tasks: str, need: str, path: Path, limits: ProbeLimits) -> Ended:
        """Do ``tasks`` (see ``probe_child``) with one file in a fork. Returns how it ended.

        Raises:
            TimeoutExpired: after ``limits.wall_seconds``. The process is killed; the next file gets another one.
        """
        until = time.monotonic() + limits.wall_seconds
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._start()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        request = [tasks, need, str(path.absolute()), limits.cpu_seconds, limits.wall_seconds, limits.memory_bytes]
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            code, answer, errors = _HEAD.unpack(_receive(process.stdout, _HEAD.size, until))
            return Ended(
                code,
                _receive(process.stdout, answer, until),
                _receive(process.stdout, errors, until).decode(errors="replace"),
            )
        except TimeoutError:
            self.close()
            raise subprocess.TimeoutExpired(tasks, limits.wall_seconds) from None
        except (EOFError, BrokenPipeError):
            process.wait()
            return Ended(process.returncode or 1, b"", "the process that reads media has ended")

    def close(self) -> None:
        """Kill the process and a running fork."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()

    def _start(self) -> subprocess.Popen[bytes]:
        bind = dying_with(os.getpid())
        with locked_into(sandbox_of(*self._paths)) as enter:

            def prepare() -> None:
                enter()
                bind()

            return subprocess.Popen(
                [sys.executable, "-m", "src.services.media.forks", available().files],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
                preexec_fn=prepare,
            )


def _receive(source: IO[bytes], count: int, until: float) -> bytes:
    """Read exactly ``count`` bytes.

    Raises:
        TimeoutError: they have not arrived by ``until``.
        EOFError: the writer has ended.
    """
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while count:
            if not selector.select(max(until - time.monotonic(), 0)):
                raise TimeoutError
            part = os.read(source.fileno(), min(count, 2**20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
    return b"".join(parts)


def serve(kind: Kind, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Fork for each line of ``requests`` and answer how the fork ended."""
    for line in requests:
        tasks, need, path, *limits = json.loads(line)
        ended = _in_fork(kind, tasks, need, path, ProbeLimits(*limits))
        errors = ended.errors.encode()
        answers.write(_HEAD.pack(ended.code, len(ended.answer), len(errors)) + ended.answer + errors)
        answers.flush()


def _in_fork(kind: Kind, tasks: str, need: str, path: str, limits: ProbeLimits) -> Ended:
    out, out_end = os.pipe()
    error, error_end = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        code = 1
        try:
            die_with_parent(parent)
            for end, number in ((os.open(os.devnull, os.O_RDONLY), 0), (out_end, 1), (error_end, 2)):
                os.dup2(end, number)
            for end in (out, out_end, error, error_end):
                os.close(end)
            limits.apply()
            lock_in(sandbox_of(Path(path)), kind)
            code = probe_child.main(tasks, need, path)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(out_end)
    os.close(error_end)
    written = _collect(child, (out, error))
    _, status = os.waitpid(child, 0)
    if sum(map(len, written.values())) > _MOST_BYTES:
        return Ended(1, b"", "it wrote more than the limit")
    return Ended(os.waitstatus_to_exitcode(status), written[out], written[error].decode("utf-8", "replace"))


def _collect(child: int, ends: Sequence[int]) -> dict[int, bytes]:
    """Collect the output of a fork until it closes its pipes."""
    written = {end: bytearray() for end in ends}
    with selectors.DefaultSelector() as selector:
        for end in ends:
            selector.register(end, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                part = os.read(key.fd, 2**20)
                written[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                if sum(map(len, written.values())) > _MOST_BYTES:
                    os.kill(child, signal.SIGKILL)
    return {end: bytes(text) for end, text in written.items()}


if __name__ == "__main__":
    serve(Kind(sys.argv[1], "none"), sys.stdin.buffer, sys.stdout.buffer)
