"""Finds by trying which sandbox this machine offers to a process, and why it is not a better one.

The same kernel may offer less to some processes: a system call filter (systemd's ``SystemCallFilter``, a container's
profile) may hide Landlock; ``RestrictNamespaces``, AppArmor or a sysctl may forbid namespaces. The reasons name the
obstacle as far as the process can see it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from src.utils.process import die_with_parent

log = logging.getLogger(__name__)

# include/uapi/linux/landlock.h and the system call tables: the same numbers on all architectures.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ABI_NET = 4
PR_SET_NO_NEW_PRIVS = 38
# include/uapi/linux/sched.h
_NEW_USER, _NEW_IPC, _NEW_NET = 0x10000000, 0x08000000, 0x40000000
# include/uapi/linux/sockios.h, if.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_FILTERED = 2  # Seccomp in /proc/self/status: man 5 proc
_WORKED = 0
_NO_PROCESS = frozenset({errno.EAGAIN, errno.ENOMEM})  # man 2 fork
_PROBE_SECONDS = 30

LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Kind:
    """The sandbox of this machine. ``files``: "landlock" or "none"; ``network``: "namespace", "landlock" or "none".

    ``reasons``: a sentence for each of the two that is not the best possible.
    """

    files: str
    network: str
    namespaces: int = field(default=0, repr=False)
    reasons: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"files: {self.files}, network: {self.network}"


@functools.cache
def available() -> Kind:
    """Return the sandbox that works here, found by trying.

    Raises:
        OSError: trying failed now. This is not cached, and the caller must not read files without the sandbox that may
            work.
    """
    version, no_landlock = _landlock()
    namespaces, no_namespaces = _namespaces()
    network = "landlock" if version >= ABI_NET else "none"
    if namespaces:
        network = "namespace"
    reasons = [no_landlock, no_namespaces]
    if not namespaces and 0 < version < ABI_NET:
        reasons.append("Landlock restricts TCP only from Linux 6.7 on; this kernel is older.")
    return Kind("landlock" if version else "none", network, namespaces, tuple(filter(None, reasons)))


def log_kind() -> None:
    """Log which sandbox is in force, and why it is not a better one."""
    kind = available()
    level = logging.INFO if not kind.reasons else logging.WARNING
    log.log(level, "the sandbox around media is %s%s", kind, "".join(f"; {reason}" for reason in kind.reasons))


@functools.cache
def landlock_version() -> int:
    """Return the kernel's version of Landlock, 0 for none; parts of it may not work here: see ``available``."""
    return max(0, LIBC.syscall(CREATE_RULESET, None, 0, 1)) if LIBC is not None else 0


def _landlock() -> tuple[int, str]:
    """Return the version of Landlock that works here (0 for none), and why none does."""
    if LIBC is None:
        return 0, "Landlock needs Linux."
    version = landlock_version()
    if not version:
        LIBC.syscall(CREATE_RULESET, None, 0, 1)
        return 0, _why_no_landlock(ctypes.get_errno(), "landlock_create_ruleset")
    failed = _probe(_try_landlock)
    if failed == _WORKED:
        return version, ""
    return 0, _why_no_landlock(failed, "landlock_restrict_self or landlock_add_rule")


def _try_landlock() -> None:
    """Forbid creating sockets except below /proc; the program that follows creates none."""
    assert LIBC is not None
    make_socket = 1 << 9
    ruleset = LIBC.syscall(CREATE_RULESET, ctypes.byref(ctypes.c_uint64(make_socket)), ctypes.c_size_t(8), 0)
    _require(ruleset >= 0)
    beneath = os.open("/proc", os.O_PATH)
    rule = ctypes.create_string_buffer(struct.pack("=Qi", make_socket, beneath))
    _require(LIBC.syscall(ADD_RULE, ruleset, 1, rule, 0) == 0)
    _require(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    _require(LIBC.syscall(RESTRICT_SELF, ruleset, 0) == 0)


def _why_no_landlock(number: int, call: str) -> str:
    if number == errno.EOPNOTSUPP:
        return "Landlock is not enabled: add it to the kernel's parameter lsm=."
    filtered = _system_calls_are_filtered()
    if number == errno.ENOSYS and not filtered:
        return "this kernel has no Landlock, which requires Linux 5.13."
    if filtered:
        return (
            f"a system call filter forbids {call}, or the kernel lacks it: allow landlock_create_ruleset, "
            "landlock_add_rule and landlock_restrict_self (SystemCallFilter= of the unit, or the container's profile)."
        )
    return f"{call} failed: {_name(number)}."


def _namespaces() -> tuple[int, str]:
    """Return the flags for an empty network (0 for none), as root without a user namespace, and why none works."""
    failed = errno.ENOSYS
    if LIBC is not None:
        for flags in (_NEW_NET | _NEW_IPC, _NEW_NET | _NEW_IPC | _NEW_USER):
            failed = _probe(functools.partial(enter, flags))
            if failed == _WORKED:
                return flags, ""
    return 0, _why_no_namespaces(failed)


def _why_no_namespaces(number: int) -> str:
    if number in (errno.EPERM, errno.EACCES):
        if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
            return "AppArmor forbids namespaces to programs without a profile: load deploy/apparmor/yt-downloader."
        if _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
            return "only root may create namespaces here: set the sysctl kernel.unprivileged_userns_clone to 1."
        if _system_calls_are_filtered():
            return (
                "a system call filter forbids namespaces of users, networks and IPC (RestrictNamespaces= of the "
                "unit, or the container's profile)."
            )
    if number == errno.ENOSPC or _read("/proc/sys/user/max_user_namespaces") == "0":
        return "no namespaces are left: the sysctl user.max_user_namespaces or user.max_net_namespaces is too low."
    return f"no network namespace can be created: {_name(number)}."


def enter(flags: int) -> None:
    """Enter namespaces, irrevocably, and enable the loopback device there. Call it before a second thread starts.

    Raises:
        OSError: the kernel refused.
    """
    assert LIBC is not None
    _require(LIBC.unshare(flags) == 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo".ljust(16, b"\0")
        state = struct.unpack("16sh", fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sh", name, 0)))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh", name, state | _UP))


def _require(done: bool) -> None:
    if not done:
        raise OSError(ctypes.get_errno(), "the kernel refused")


def _probe(action: Callable[[], None]) -> int:
    """Try something in a child that then starts a program, as in real use; return the error number, 0 for success.

    Raises:
        OSError: the system cannot start another process now, which does not depend on the sandbox.
    """
    parent = os.getpid()
    reading, writing = os.pipe()

    def prepare() -> None:
        die_with_parent(parent)
        try:
            action()
        except OSError as error:
            os.write(writing, (error.errno or errno.EINVAL).to_bytes(2, "big"))
            raise

    try:
        # Isolated and without packages, the interpreter needs nothing that the tried rules forbid.
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", ""],
            preexec_fn=prepare,
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
        works = done.returncode == 0
    except subprocess.TimeoutExpired:  # it was started, so everything was allowed: the machine is busy
        works = True
    except subprocess.SubprocessError:
        works = False
    except OSError as error:
        if error.errno in _NO_PROCESS:
            raise
        works = False
    finally:
        os.close(writing)
        with os.fdopen(reading, "rb") as result:
            number = result.read()
    return _WORKED if works else int.from_bytes(number, "big") or errno.EINVAL


def _system_calls_are_filtered() -> bool:
    lines = _read("/proc/self/status").splitlines()
    return f"Seccomp:\t{_FILTERED}" in lines


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _name(number: int) -> str:
    return errno.errorcode.get(number, str(number))
