"""Ends a process with its parent, lowers its priority, and limits it (on Linux; elsewhere only in part)."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

BACKGROUND_NICENESS = 10
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36  # include/uapi/linux/prctl.h
_CAP_SYS_NICE, _CAPABILITY_VERSION_3 = 23, 0x20080522  # include/uapi/linux/capability.h
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent_pid: int | None = None, death_signal: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process ``death_signal`` as soon as its parent is gone.

    Call it in the child: as ``preexec_fn`` through `dying_with`, or in a hook after a fork. The request survives
    ``exec`` and children do not inherit it: each generation has to make it again.
    The kernel watches the *thread* that forked: start such a child only from a thread that lives at least as long.

    ``parent_pid`` is the process to watch, by default the current parent. If it has died before the request was in
    force, this process ends immediately.

    Raises:
        OSError: the kernel refused the request.
    """
    if _LIBC is None:
        return
    expected = os.getppid() if parent_pid is None else parent_pid
    if _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != expected:
        os.kill(os.getpid(), death_signal)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # Linux 3.4


def end_orphans(known: Collection[int]) -> None:
    """Kill and collect all children of this process, which has one thread, but the ``known`` ones."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")  # man 5 proc; absent where the kernel was built without it
    while True:
        try:
            orphans = [pid for pid in map(int, listed.read_text().split()) if pid not in known]
        except OSError:
            return
        if not orphans:
            return
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)  # its own children are orphans now


class ChildProcess(Protocol):
    """What ``subprocess.Popen`` and ``src.utils.template.ForkedChild`` have in common."""

    stdin: IO[bytes] | None
    stderr: IO[bytes] | None

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), or ``None`` while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code. Raises TimeoutExpired."""


def die_with_peer(descriptor: int) -> None:
    """Ask the kernel to kill this process as soon as nobody holds the other end of a socket any more.

    Nobody may write to that socket. Unlike ``die_with_parent``, this watches a process that is not the parent. It holds
    while the process waits, computes or keeps the interpreter's lock, because no code of its own takes part.

    Raises:
        OSError: the kernel refused.
    """
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)  # man 2 fcntl: instead of SIGIO
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    if ended.poll(0):  # before the request was in force
        os.kill(os.getpid(), signal.SIGKILL)


def dying_with(parent_pid: int, death_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """Return a ``preexec_fn`` for `subprocess.Popen` that ends the child with ``parent_pid`` (``os.getpid()``)."""

    def bind() -> None:
        die_with_parent(parent_pid, death_signal)

    return bind


def use_at_most(limit: int, value: int) -> None:
    """Set a limit (``resource.RLIMIT_*``) for this process unless a lower one is already in force."""
    _, hard = resource.getrlimit(limit)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (most, most))


def stand_back() -> None:
    """Give interactive work precedence over this thread and all that it starts.

    This niceness has about a tenth of the normal weight (man 7 sched), and a batch process never preempts others.
    """
    give_up_real_time()
    nicer = max(BACKGROUND_NICENESS - os.nice(0), 0)
    os.nice(nicer)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def give_up_real_time() -> None:
    """Remove the right to real-time priority, which root has, from this thread and all that it starts.

    SVT-AV1 takes the highest priority when it runs as root (``EbThreads.c``), in whichever process it is loaded; an
    encode would then block everything else on the machine.
    """
    if _LIBC is None or os.geteuid() != 0:
        return
    _LIBC.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)  # for programs started from here
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _LIBC.capget(header, sets) == 0:
        for index in range(3):  # effective, permitted, inheritable; the upper halves follow
            sets[index] &= ~(1 << _CAP_SYS_NICE)
        _LIBC.capset(header, sets)
