"""Denies a process all sockets but those of the internet, by a filter of system calls (Linux, seccomp).

Landlock does not restrict connecting to a Unix socket that has a path, and a network namespace does not either: without
this, whoever controls a decoder could reach the embedded stores, whose sockets belong to the same user. Pairs of stream
sockets, which asyncio needs, stay: they cannot be connected to anything else. See man 2 seccomp; numbers are those of
include/uapi/linux/{seccomp,filter,audit}.h and of the system call tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from typing import Final

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EACCES
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; arguments by their lower half
_X32_NUMBERS: Final = 0x40000000  # other numbers for the same calls on x86-64
_IO_URING_SETUP: Final = 425  # its operations create sockets without a system call of that name
_MACHINES: Final = {"x86_64": (0xC000003E, 41, 53), "aarch64": (0xC00000B7, 198, 199)}
"""Audit architecture, and the numbers of ``socket`` and ``socketpair``."""
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6, 16)  # AF_NETLINK: the C library asks it for interfaces
_KIND_MASK: Final = 0xF  # of a socket's type, without its flags
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _program(architecture: int, new_socket: int, new_pair: int) -> bytes:
    """The filter, as an array of struct sock_filter. Jumps count the instructions that are left out."""
    deny, allow = (_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)
    families = [(_EQUAL, len(_FAMILIES) - place, 0, family) for place, family in enumerate(_FAMILIES)]
    lines = [
        *((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), deny),
        *((_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32_NUMBERS), deny),
        *((_EQUAL, 0, 1, _IO_URING_SETUP), deny),
        *((_EQUAL, 0, 3 + len(families), new_socket), (_LOAD, 0, 0, _FIRST), *families, deny, allow),
        *((_EQUAL, 0, 4, new_pair), (_LOAD, 0, 0, _SECOND), (_AND, 0, 0, _KIND_MASK)),
        *((_EQUAL, 1, 0, socket.SOCK_STREAM), deny),
        allow,
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


class _Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


def _filter() -> _Filter | None:
    numbers = _MACHINES.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if numbers is None:
        return None
    code = _program(*numbers)
    return _Filter(len(code) // 8, code)


_FILTER = _filter() if sys.platform == "linux" else None  # made here: hardly anything is safe between fork and exec


def deny_other_sockets() -> None:
    """Deny them to this process and all that it starts, irrevocably. It must have given up new privileges before.

    Where the kernel has no such filters, or the processor is none of the known ones, nothing happens.
    """
    if _LIBC is not None and _FILTER is not None:
        _LIBC.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_FILTER), 0, 0)
