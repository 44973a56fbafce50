"""Stores fetched bytes in a sparse temporary file, and records which bytes are present."""

from __future__ import annotations

import bisect
import errno
import os
import threading
from pathlib import Path

from src.errors import DiskFull, disk_fault


class Intervals:
    """A set of integers as sorted, disjoint half-open intervals."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Include [start, end), joined with the intervals that it touches."""
        if start >= end:
            return
        first = bisect.bisect_left(self._ends, start)
        last = bisect.bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def end_of(self, position: int) -> int:
        """Return the end of the interval that holds ``position``, or ``position`` if none does."""
        index = bisect.bisect_right(self._starts, position) - 1
        return max(position, self._ends[index]) if index >= 0 else position

    def spans(self) -> list[tuple[int, int]]:
        """Return the intervals, in order."""
        return list(zip(self._starts, self._ends, strict=True))

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the parts of [start, end) that are not included, in order."""
        holes = []
        while start < end:
            start = self.end_of(start)
            if start >= end:
                break
            index = bisect.bisect_right(self._starts, start)
            stop = min(end, self._starts[index]) if index < len(self._starts) else end
            holes.append((start, stop))
            start = stop
        return holes


class Spool:
    """One temporary file for everything that a call fetches; addresses are allocated in it, and unused ones take no
    space."""

    def __init__(self, path: Path, end: int = 0) -> None:
        """``end``: bytes before this address in an earlier spool at ``path`` are preserved."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if end else os.O_TRUNC), 0o600)
        self._end = end
        self._lock = threading.Lock()

    def allocate(self, size: int) -> int:
        """Allocate ``size`` addresses; return the first."""
        with self._lock:
            base = self._end
            self._end += -(-size // 4096) * 4096
            return base

    def write(self, position: int, data: bytes) -> None:
        """Write ``data`` at ``position``.

        Raises:
            DiskFull: the disk, or the share of the job, is full.
        """
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file, view, position)
                position, view = position + written, view[written:]
        except OSError as error:
            fault = DiskFull() if error.errno == errno.EFBIG else disk_fault(error)
            if fault is not None:
                raise fault from error
            raise

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes from ``position``."""
        return os.pread(self._file, size, position)

    def clear(self) -> None:
        """Free all space; allocated addresses are invalid from now on."""
        with self._lock:
            os.ftruncate(self._file, 0)
            self._end = 0

    @property
    def end(self) -> int:
        """The first address that is not allocated."""
        return self._end

    def close(self, *, delete: bool = True) -> None:
        """Close the file, and delete it unless it is needed later."""
        os.close(self._file)
        if delete:
            self.path.unlink(missing_ok=True)
