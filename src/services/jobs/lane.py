"""Identifies the process that captures running streams on this host, and what its predecessor left when it died.

A lock that ends with its process proves that the predecessor is gone, long before the leases of its jobs are over.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

_FILE = "captures.lock"


@dataclass(frozen=True, slots=True)
class Lane:
    """This process. ``predecessor`` is the name of the one that had the lock before, which has ended."""

    worker: str
    predecessor: str | None = None
    _lock: int | None = None

    @classmethod
    def enter(cls, folder: Path, host: str) -> Self:
        """Take the lock in the private folder of this host, until the process ends.

        Where another process captures on this host, there is no predecessor: then leases decide who takes over.
        """
        worker = f"{host}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            log.warning("captures of a process that dies are continued when their leases end: %s", error)
            return cls(worker)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return cls(worker)
        before = os.pread(file, 1000, 0).decode("utf-8", "replace")
        with suppress(OSError):  # a full disk: the successor of this process waits for the leases
            os.ftruncate(file, 0)
            os.pwrite(file, worker.encode(), 0)
        return cls(worker, before or None, file)
