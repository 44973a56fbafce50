"""What a process asks of the system: to end with its parent, to stand back, limits (Linux; elsewhere less)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

BACKGROUND_NICENESS = 10
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24  # include/uapi/linux/prctl.h
_CAP_SYS_NICE, _CAPABILITY_VERSION_3 = 23, 0x20080522  # include/uapi/linux/capability.h
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


def use_at_most(limit: int, value: int) -> None:
    """Put one of the system's limits (``resource.RLIMIT_*``) on this process; a lower one that it has already stays."""
    _, hard = resource.getrlimit(limit)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (most, most))


def stand_back() -> None:
    """Leave the processor to whoever answers people, as far as those want it; for this thread and all that it starts.

    The niceness weighs about a tenth of the normal one (man 7 sched), and a batch process never interrupts others.
    """
    give_up_real_time()
    nicer = max(BACKGROUND_NICENESS - os.nice(0), 0)
    os.nice(nicer)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def give_up_real_time() -> None:
    """Take from this thread, and from all that it starts, the right to real-time priority, which root has.

    SVT-AV1 takes the highest there is when it runs as root (``EbThreads.c``), in whatever process it was loaded; an
    encode then holds up everything else on the machine.
    """
    if _LIBC is None or os.geteuid() != 0:
        return
    _LIBC.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)  # for the programs that are begun from here
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _LIBC.capget(header, sets) == 0:
        for index in range(3):  # effective, permitted, inheritable; behind them the upper halves
            sets[index] &= ~(1 << _CAP_SYS_NICE)
        _LIBC.capset(header, sets)
