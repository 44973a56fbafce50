"""Reserves disk space for bytes that are still to be written."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file size does not include the reserved space
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def allocate(file: int, start: int, length: int) -> bool:
    """Reserve ``length`` bytes from ``start`` for this file; ``False`` where the file system cannot do that.

    Raises:
        OSError: the disk has no space.
    """
    call = _fallocate()
    if call is None or length <= 0:
        return False
    while call(file, _KEEP_SIZE, start, length) != 0:
        number = ctypes.get_errno()
        if number == errno.EINTR:
            continue
        if number in _UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number))
    return True


def give_back(file: int) -> None:
    """Release the space reserved beyond the end of the file."""
    os.ftruncate(file, os.fstat(file).st_size)


def _fallocate() -> Any:
    try:
        call = ctypes.CDLL(None, use_errno=True).fallocate
    except (AttributeError, OSError):  # not Linux
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
    return call
