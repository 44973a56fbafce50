"""Restricts child processes that read untrusted files to their own files, without network (Linux).

Landlock, which needs no privileges and no program, restricts the files; a network namespace removes the network; a
filter of system calls the sockets that neither of them covers.
``available()`` returns how much of this the kernel supports; all of that is used. Numbers are those of
include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from src.utils.sandbox_kind import (
    ABI_NET,
    ADD_RULE,
    CREATE_RULESET,
    LIBC,
    PR_SET_NO_NEW_PRIVS,
    RESTRICT_SELF,
    Kind,
    available,
    enter,
    landlock_version,
)
from src.utils.socket_filter import deny_other_sockets

__all__ = ["Kind", "SandboxRules", "available", "enter_namespaces", "leave_network", "lock_in", "locked_into"]

_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 6, 1 << 9, 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI_FILES, _ABI_REFER, _ABI_TRUNCATE, _ABI_IOCTL, _ABI_SCOPE = (1 << 13) - 1, 2, 3, 5, 6
_ONLY_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV  # the rights that apply to a file
# Links, pipes and devices are never created: another process might follow a link in our folders or block on a pipe.
_NEVER = _EXECUTE | _IOCTL_DEV | _MAKE_CHAR | _MAKE_SOCK | _MAKE_FIFO | _MAKE_BLOCK | _MAKE_SYM
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11

# Programs and libraries; counts of processors and memory; harmless devices.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store")
_SYSTEM = (
    *("/usr/share", "/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo"),
    *("/sys/devices/system", "/sys/fs/cgroup", "/dev/urandom", "/dev/zero"),
)
_DEVICES = ("/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/kfd")
_DRIVERS = ("/sys", "/etc", "/proc/driver", "/proc/devices", "/proc/modules")

_RULE_PORT, _CONNECT = 2, 1 << 1


@dataclass(frozen=True, slots=True)
class SandboxRules:
    """The files a process may use: it may read ``reads``, write in the folders ``writes`` and start ``programs``.

    ``lists``: folders that it may list. ``devices``: video hardware and the files of its drivers.
    ``loopback_port``: the only port to which it may connect. In a network namespace this is a port of the namespace's
    own loopback device (``enter_namespaces``), from which servers on the machine's loopback cannot be reached.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()
    devices: bool = False
    loopback_port: int | None = None


class _RulesetAttributes(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _Port(ctypes.Structure):
    _fields_ = [("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # as every packed structure was laid out until Python 3.14, which asks for the name
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


@contextmanager
def locked_into(sandbox: SandboxRules) -> Iterator[Callable[[], None]]:
    """Yield a function to be called in the child before its program starts; start the child within the block.

    The rules are created here in the parent, because hardly anything is safe between fork and exec.
    """
    kind = available()
    ruleset = _make_ruleset(sandbox, kind) if kind.files == "landlock" else None

    filtered = _filters_sockets(sandbox)

    def enter_it() -> None:
        if LIBC is None:
            return
        leave_network(kind)
        _restrict(ruleset, filtered)

    try:
        yield enter_it
    finally:
        if ruleset is not None:
            os.close(ruleset)


def enter_namespaces(kind: Kind) -> None:
    """Move this process into a network that has only its own loopback device, irrevocably.

    Call it before a second thread starts. ``kind`` is what ``available()`` returned in the parent process.
    Raises:
        OSError: the kernel refused.
    """
    if LIBC is not None and kind.namespaces:
        enter(kind.namespaces)


def leave_network(kind: Kind) -> None:
    """Move this process into a network without any device in use, irrevocably. See ``enter_namespaces``.

    Raises:
        OSError: the kernel refused.
    """
    if LIBC is not None and kind.namespaces and LIBC.unshare(kind.namespaces) != 0:
        raise OSError(ctypes.get_errno(), "unshare failed")


def lock_in(sandbox: SandboxRules, kind: Kind) -> None:
    """Deny this process access to all files that its rules do not allow, irrevocably; see ``enter_namespaces``.

    Raises:
        OSError: the kernel refused.
    """
    if LIBC is None:
        return
    ruleset = _make_ruleset(sandbox, kind) if kind.files == "landlock" else None
    try:
        _restrict(ruleset, _filters_sockets(sandbox))
    finally:
        if ruleset is not None:
            os.close(ruleset)


def _filters_sockets(sandbox: SandboxRules) -> bool:
    """Whether only sockets of the internet are left; drivers of video hardware need others."""
    return not (sandbox.devices and any(_existing(_DEVICES)))


def _restrict(ruleset: int | None, filtered: bool) -> None:
    assert LIBC is not None
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")
    if ruleset is not None and LIBC.syscall(RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self failed")
    if filtered:
        deny_other_sockets()


def _make_ruleset(sandbox: SandboxRules, kind: Kind) -> int:
    """Return a file descriptor of the rules."""
    assert LIBC is not None
    version = landlock_version()
    handled = _FIRST_ABI_FILES
    for since, right in ((_ABI_REFER, _REFER), (_ABI_TRUNCATE, _TRUNCATE), (_ABI_IOCTL, _IOCTL_DEV)):
        if version >= since:
            handled |= right
    # A namespace with only this process's own loopback device needs no rules for it.
    tcp = 0 if sandbox.loopback_port is not None and kind.namespaces else _ALL_TCP
    attributes = _RulesetAttributes(handled, tcp, _ALL_SCOPES)
    size = 24
    if version < _ABI_SCOPE:
        size = 8 if version < ABI_NET else 16
    ruleset: int = LIBC.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset failed")
    read = _READ_FILE | _READ_DIR
    devices, drivers = (_DEVICES, _DRIVERS) if sandbox.devices else ((), ())
    try:
        for paths, rights in (
            (_existing(_LIBRARIES), read | _EXECUTE),
            (_existing(_SYSTEM), read),
            (_existing(("/dev/null",)), read | _WRITE_FILE),
            (_existing(devices), read | _WRITE_FILE | _IOCTL_DEV),
            (_existing(drivers), read),
            (sandbox.programs, _READ_FILE | _EXECUTE),
            (sandbox.lists, _READ_DIR),
            (sandbox.reads, read),
            (sandbox.writes, handled & ~_NEVER),
        ):
            for path in paths:
                _add_rule(ruleset, path, rights & handled)
        if sandbox.loopback_port is not None and tcp and version >= ABI_NET:
            _add_port(ruleset, sandbox.loopback_port)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def _existing(paths: Iterable[str]) -> Iterator[Path]:
    for text in paths:
        if Path(text).exists():
            yield Path(text)


def _add_rule(ruleset: int, path: Path, rights: int) -> None:
    assert LIBC is not None
    with suppress(FileNotFoundError):  # then no rule is needed
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= _ONLY_FILES
            rule = _PathBeneath(rights, beneath)
            if LIBC.syscall(ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0) != 0:
                raise OSError(ctypes.get_errno(), "landlock_add_rule failed", str(path))
        finally:
            os.close(beneath)


def _add_port(ruleset: int, port: int) -> None:
    assert LIBC is not None
    rule = _Port(_CONNECT, port)
    if LIBC.syscall(ADD_RULE, ruleset, _RULE_PORT, ctypes.byref(rule), 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_add_rule failed for a port")
