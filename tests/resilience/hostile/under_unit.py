"""Runs as a systemd unit would have it: applies the unit's system call filter and namespace mask to this process, gives
up all capabilities, and tells as JSON which sandbox is found and how the self-test goes.

``python -m tests.resilience.hostile.under_unit UNIT FOLDER [--as-in-1.0]``. The filter is built as systemd's
``seccomp-util.c`` does it: the allow-list of ``SystemCallFilter=`` with an error for the rest, and
``unshare``, ``clone`` and ``setns``
refused for the namespaces that ``RestrictNamespaces=`` does not name.
"""

from __future__ import annotations

import ctypes
import errno
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # include/uapi/linux/seccomp.h
_MASKED_EQ = 7  # enum scmp_compare
NAMESPACES = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "net": 0x40000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "user": 0x10000000,
    "uts": 0x04000000,
    "time": 0x00000080,
}
LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")


class _Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def values(unit: Path, name: str) -> list[str]:
    """The words of all lines of this setting."""
    lines = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return [word for line in lines for word in line.split()]


def members(group: str) -> set[str]:
    """The system calls of a group as the systemd of this machine knows it."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True, timeout=30
    )
    found: set[str] = set()
    for line in told.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= members(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def allowed_calls(words: list[str]) -> set[str]:
    """What an allow-list lets through. Groups are those of a systemd before 257, which has no Landlock in them."""
    found: set[str] = set()
    for word in words:
        found |= members(word) - set(LANDLOCK) if word.startswith("@") else {word}
    return found


class Filter:
    """A filter of libseccomp."""

    def __init__(self, library: Any, default: int) -> None:
        self._library = library
        self._context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))

    def add(self, action: int, name: str, *compared: tuple[int, int]) -> None:
        """A rule for a system call, if there is one of this name here; compared: an argument, and bits that it has."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        array = (_Compare * max(len(compared), 1))(*[_Compare(arg, _MASKED_EQ, bits, bits) for arg, bits in compared])
        done = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, ctypes.c_uint(len(compared)), array
        )
        assert done == 0, (name, done)

    def load(self) -> None:
        """Put it in force, for this process and all that it starts."""
        assert self._library.seccomp_load(self._context) == 0


def restrict(calls: list[str], namespaces: list[str]) -> None:
    """What the unit's two settings do to this process."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    kept = Filter(library, ERRNO | errno.EPERM)
    for name in sorted(allowed_calls(calls)):
        kept.add(ALLOW, name)
    if namespaces != ["no"]:
        masked = Filter(library, ALLOW)
        masked.add(ERRNO | errno.ENOSYS, "clone3")  # its flags lie in memory, where no filter sees them
        for name, flag in NAMESPACES.items():
            if namespaces == ["yes"] or name not in namespaces:
                masked.add(ERRNO | errno.EPERM, "unshare", (0, flag))
                masked.add(ERRNO | errno.EPERM, "clone", (0, flag))
                masked.add(ERRNO | errno.EPERM, "setns", (1, flag))
        masked.load()
    kept.load()


def drop_capabilities() -> None:
    """As of a process of a user without rights, also if this one is root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(64):
        if libc.prctl(24, number, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0


def main(unit: Path, folder: Path, *, as_before: bool) -> None:
    """Print what is found."""
    calls, namespaces = values(unit, "SystemCallFilter"), values(unit, "RestrictNamespaces")
    if as_before:
        calls, namespaces = ["@system-service"], ["yes"]
    if "--no-namespaces" in sys.argv:
        namespaces = ["yes"]  # what AppArmor does to an unprivileged process comes to the same
    drop_capabilities()
    restrict(calls, namespaces)

    from src.services.ffmpeg_utils_service import FFmpeg
    from src.services.file_store import FileStore
    from src.services.operations.self_test import SelfTest, _checked
    from src.utils import sandbox
    from src.utils.ffmpeg_program import find_ffmpeg
    from tests.resilience.hostile.sandboxed import connects

    kind = sandbox.available()
    files = FileStore(folder / "downloads", folder / "uploads")
    test = SelfTest(FFmpeg(find_ffmpeg("")), files, *[cast(Any, None)] * 3)
    found = {
        "files": kind.files,
        "network": kind.network,
        "reasons": list(kind.reasons),
        "sandbox": _checked("sandbox", test._sandbox)().problem,
        "encode": _checked("encode", test._encode)().problem,
        "connects": connects(folder),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), as_before="--as-in-1.0" in sys.argv)
