"""Forks processes from the launcher after it has loaded the code, so that they share its memory.

A forked process gets what a new program would get: a separate process group, no descriptors but those passed to it,
and no blocked signals. The launcher must have no threads and no connections at that time, because a child would get
the locks of the threads, which nobody releases, and its own copy of the connections.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from src.utils.process import die_with_parent

# Threads share two memory pools instead of up to 8 per core: malloc.h, M_ARENA_MAX. A forked process has read its
# environment already, and with it MALLOC_ARENA_MAX.
_M_ARENA_MAX, _ARENAS = -8, 2
# Of /proc/self/stat, counted from 0 behind the name of the program: man 5 proc, fields 48 and 49.
_ARG_START, _ARG_END = 45, 46


class ForkedProcess:
    """A running fork, with the methods of ``subprocess.Popen`` that the supervisor uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), or ``None`` while the process runs."""
        return self._collect(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for the end, and return the exit code."""
        return self._collect(0)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _collect(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(
    entry: Callable[[], None],
    *,
    title: str,
    env: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    output: int,
) -> ForkedProcess:
    """Run ``entry`` in a forked process that ends with this one. Call it in the main thread.

    ``title``: its command line for ``ps``. ``output``: the descriptor for all its output.
    """
    if threading.active_count() > 1:
        raise RuntimeError(f"not forked, because of the threads {threading.enumerate()}")
    _flush()
    launcher = os.getpid()

    def run() -> None:
        os.setpgid(0, 0)
        die_with_parent(launcher)
        _forget_descriptors(pass_fds, output)
        os.environ.update(env)
        _limit_arenas()
        _set_title(title)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the launcher blocks the signals that it waits for
        entry()

    pid = os.fork()
    if not pid:
        _run_and_exit(run)
    with contextlib.suppress(OSError):  # whoever is first: the child does it as well
        os.setpgid(pid, pid)
    return ForkedProcess(pid)


def call_in_fork(function: Callable[[], None]) -> None:
    """Call a function that opens connections in a short-lived fork, and raise what it raises.

    Raises:
        What the function raises; RuntimeError if the fork was killed.
    """
    _flush()
    launcher = os.getpid()
    read_end, write_end = os.pipe()

    def run() -> None:
        die_with_parent(launcher)
        try:
            function()
        except Exception as error:
            os.write(write_end, pickle.dumps(error))

    pid = os.fork()
    if not pid:
        _run_and_exit(run)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as channel:
        raised = channel.read()
    code = ForkedProcess(pid).wait()
    if raised:
        raise pickle.loads(raised)  # noqa: S301  # nosec B301 (of our own fork)
    if code:
        raise RuntimeError(f"a fork ended with exit code {code}")


def _run_and_exit(run: Callable[[], None]) -> NoReturn:
    """Run in the forked process and end it, without returning to the code of the launcher above."""
    code = 1
    try:
        try:
            run()
            code = 0
        except SystemExit as ended:
            code = _exit_code(ended.code)
        except BaseException:
            traceback.print_exc()
        # As at the normal end of a program: wait for threads, call what was registered, write what is buffered.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        _flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _exit_code(given: object) -> int:
    if given is None:
        return 0
    if isinstance(given, int):
        return given & 0xFF
    sys.stderr.write(f"{given}\n")
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _forget_descriptors(pass_fds: Sequence[int], output: int) -> None:
    """Replace inherited descriptors by ``/dev/null``.

    They are not closed, because objects of the launcher that are deleted later would close the same numbers again,
    which other files have then.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(nothing, 0)
    for each in list(Path("/proc/self/fd").iterdir()):
        number = int(each.name)
        if number > 2 and number != nothing and number not in pass_fds:
            with contextlib.suppress(OSError):  # that of the listing itself is closed
                os.fstat(number)
                os.dup2(nothing, number, inheritable=False)
    for number in pass_fds:
        os.set_inheritable(number, True)


def _limit_arenas() -> None:
    with contextlib.suppress(AttributeError, OSError):  # other C libraries than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _set_title(title: str) -> None:
    """Overwrite the command line that ``ps`` shows, as far as the space of the launcher's own one reaches.

    The environment that follows it in memory stays.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        if 0 < start < end:
            text = title.encode()[: end - start - 1]
            ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
