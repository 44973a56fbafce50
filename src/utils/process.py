"""What a process asks of the system: to end with its parent, to stand back for others (Linux; elsewhere less)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

BACKGROUND_NICENESS = 10
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent_pid: int | None = None, death_signal: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process ``death_signal`` as soon as its parent is gone.

    Called in the child: as ``preexec_fn`` through `dying_with`, or in a hook that runs after a fork. The
    request survives ``exec`` and is not inherited by children: each generation has to ask for itself.
    The kernel watches the *thread* that forked: start such a child only from a thread that lives as long
    as the child may.

    ``parent_pid`` is the process that should be watched, by default the present parent. If that one died
    before the request was in force, this process ends here and now.

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


def dying_with(parent_pid: int, death_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """A ``preexec_fn`` for `subprocess.Popen` that binds the child to ``parent_pid``, normally ``os.getpid()``."""

    def bind() -> None:
        die_with_parent(parent_pid, death_signal)

    return bind


def stand_back() -> None:
    """Leave the processor to whoever answers people, as far as those want it; for this thread and all that it starts.

    The niceness weighs about a tenth of the normal one (man 7 sched), and a batch process never interrupts others.
    """
    nicer = max(BACKGROUND_NICENESS - os.nice(0), 0)
    os.nice(nicer)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
