"""A cage for child processes that read what strangers sent: their own files, no network, no way back (Linux).

Landlock, which needs no rights and no program, leaves a process the files it was given; a network namespace of its own
leaves it no network. The kernel decides how much of that there is, ``available()`` tells, and what there is is used.
Numbers are those of include/uapi/linux/landlock.h and sched.h; the system calls are the same on all architectures.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 6, 1 << 9, 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI_FILES, _ABI_REFER, _ABI_TRUNCATE, _ABI_NET, _ABI_IOCTL, _ABI_SCOPE = (1 << 13) - 1, 2, 3, 4, 5, 6
_ONLY_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV  # rights that a rule for a file may hold
# Links, pipes and devices are never made: who finds one in a folder of ours might follow it, or wait at it for ever.
_NEVER = _EXECUTE | _IOCTL_DEV | _MAKE_CHAR | _MAKE_SOCK | _MAKE_FIFO | _MAKE_BLOCK | _MAKE_SYM
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11

_PR_SET_NO_NEW_PRIVS = 38
_NEW_USER, _NEW_IPC, _NEW_NET = 0x10000000, 0x08000000, 0x40000000

# Programs and libraries; what threads and memory are counted by; harmless devices.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store")
_SYSTEM = (
    *("/usr/share", "/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo"),
    *("/sys/devices/system", "/sys/fs/cgroup", "/dev/urandom", "/dev/zero"),
)
_DEVICES = ("/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/kfd")
_DRIVERS = ("/sys", "/etc", "/proc/driver", "/proc/devices", "/proc/modules")

# include/uapi/linux/sockios.h, if.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_RULE_PORT, _CONNECT = 2, 1 << 1

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Kind:
    """What this machine offers. ``files``: "landlock" or "none"; ``network``: "namespace", "landlock" or "none"."""

    files: str
    network: str
    namespaces: int = field(default=0, repr=False)

    def __str__(self) -> str:
        return f"files: {self.files}, network: {self.network}"


@dataclass(frozen=True, slots=True)
class Cage:
    """What one process may touch: ``reads`` files and folders, ``writes`` folders, ``programs`` it may start.

    ``lists``: folders whose names it may list. ``devices``: video hardware, and what its drivers look at.
    ``loopback_port``: the one port that it may connect to; in a network namespace it is one of a loopback of its own
    (``enter_namespaces``), for who listens on the machine's cannot be reached from there.
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
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


@contextmanager
def locked_into(cage: Cage) -> Iterator[Callable[[], None]]:
    """A function to be called in the child, before its program starts; the block must hold the start of the child.

    The rules are made here, in the parent: between fork and exec hardly anything is safe.
    """
    kind = available()
    ruleset = _make_ruleset(cage, kind) if kind.files == "landlock" else None

    def enter() -> None:
        if _LIBC is None:
            return
        if kind.namespaces and _LIBC.unshare(kind.namespaces) != 0:
            raise OSError(ctypes.get_errno(), "unshare failed")
        _restrict(ruleset)

    try:
        yield enter
    finally:
        if ruleset is not None:
            os.close(ruleset)


def enter_namespaces(kind: Kind) -> None:
    """Leave the network, in this process and for good, for one in which only a loopback of its own is. ``kind`` is what
    ``available()`` told the process that started this one. Before there is a second thread.

    Raises:
        OSError: the kernel refused.
    """
    if _LIBC is None or not kind.namespaces:
        return
    if _LIBC.unshare(kind.namespaces) != 0:
        raise OSError(ctypes.get_errno(), "unshare failed")
    _raise_loopback()


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack("16sh", fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sh", name, 0)))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh", name, flags | _UP))


def lock_in(cage: Cage, kind: Kind) -> None:
    """Keep this process, from now on and for good, from every file that is not in its cage; see ``enter_namespaces``.

    Raises:
        OSError: the kernel refused.
    """
    if _LIBC is None or kind.files != "landlock":
        return
    ruleset = _make_ruleset(cage, kind)
    try:
        _restrict(ruleset)
    finally:
        os.close(ruleset)


def _restrict(ruleset: int | None) -> None:
    assert _LIBC is not None
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")
    if ruleset is not None and _LIBC.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self failed")


@functools.cache
def available() -> Kind:
    """What works here, found by trying."""
    version = _landlock_version()
    network = "namespace" if _namespaces() else "landlock" if version >= _ABI_NET else "none"
    return Kind("landlock" if version else "none", network, _namespaces())


@functools.cache
def _namespaces() -> int:
    """Flags of a network that holds nobody: as root without, otherwise with a user namespace around it."""
    if _LIBC is None:
        return 0
    for flags in (_NEW_NET | _NEW_IPC, _NEW_NET | _NEW_IPC | _NEW_USER):
        if _works(flags):
            return flags
    return 0


def _works(flags: int) -> bool:
    def enter() -> None:
        if _LIBC is None or _LIBC.unshare(flags) != 0:
            raise OSError("not allowed")
        _raise_loopback()  # what cannot be given a loopback is of no use to all who need a namespace

    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", ""], preexec_fn=enter, capture_output=True, check=False
        )
    except (subprocess.SubprocessError, OSError):
        return False
    return done.returncode == 0


@functools.cache
def _landlock_version() -> int:
    return max(0, _LIBC.syscall(_CREATE_RULESET, None, 0, 1)) if _LIBC is not None else 0


def _make_ruleset(cage: Cage, kind: Kind) -> int:
    """A descriptor of the rules."""
    assert _LIBC is not None
    version = _landlock_version()
    handled = _FIRST_ABI_FILES
    for since, right in ((_ABI_REFER, _REFER), (_ABI_TRUNCATE, _TRUNCATE), (_ABI_IOCTL, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    # A namespace that holds only this process's own loopback needs no rules for it.
    tcp = 0 if cage.loopback_port is not None and kind.namespaces else _ALL_TCP
    attributes = _RulesetAttributes(handled, tcp, _ALL_SCOPES)
    size = 8 if version < _ABI_NET else 16 if version < _ABI_SCOPE else 24
    ruleset: int = _LIBC.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset failed")
    read = _READ_FILE | _READ_DIR
    try:
        for paths, rights in (
            (_existing(_LIBRARIES), read | _EXECUTE),
            (_existing(_SYSTEM), read),
            (_existing(("/dev/null",)), read | _WRITE_FILE),
            (_existing(_DEVICES if cage.devices else ()), read | _WRITE_FILE | _IOCTL_DEV),
            (_existing(_DRIVERS if cage.devices else ()), read),
            (cage.programs, _READ_FILE | _EXECUTE),
            (cage.lists, _READ_DIR),
            (cage.reads, read),
            (cage.writes, handled & ~_NEVER),
        ):
            for path in paths:
                _add_rule(ruleset, path, rights & handled)
        if cage.loopback_port is not None and tcp and version >= _ABI_NET:
            _add_port(ruleset, cage.loopback_port)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def _existing(paths: Iterable[str]) -> Iterator[Path]:
    for text in paths:
        if Path(text).exists():
            yield Path(text)


def _add_rule(ruleset: int, path: Path, rights: int) -> None:
    assert _LIBC is not None
    with suppress(FileNotFoundError):  # then there is nothing to be allowed
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= _ONLY_FILES
            rule = _PathBeneath(rights, beneath)
            if _LIBC.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0) != 0:
                raise OSError(ctypes.get_errno(), "landlock_add_rule failed", str(path))
        finally:
            os.close(beneath)


def _add_port(ruleset: int, port: int) -> None:
    assert _LIBC is not None
    rule = _Port(_CONNECT, port)
    if _LIBC.syscall(_ADD_RULE, ruleset, _RULE_PORT, ctypes.byref(rule), 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_add_rule failed for a port")
