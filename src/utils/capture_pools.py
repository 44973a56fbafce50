"""Owns the folders in which captures of running streams store their segments before clips take them over.

A pool lies next to the folders of jobs and belongs to one stream in one choice of formats. A file lock shows that a
process uses it. A process that finds the lock taken uses another pool of the same stream, so that no two ever fetch for
one pool. Clips have links to the segments, so a pool can be deleted while clips of it are cut.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

POOL_SECONDS = 600.0
"""How long a pool without users stays: another clip of the same stream may need the same segments."""
_NAME = re.compile(r"live-[0-9a-f]{16}-\d{1,4}")
_LOCK = "pool.lock"
_MOST_POOLS = 1000


class Pool:
    """A folder that this process has locked."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder, self._lock = folder, lock

    @classmethod
    def open(cls, parent: Path, key: Iterable[str]) -> Self:
        """Return the first pool of the stream ``key`` that no other process, and nothing else in this one, uses.

        Raises:
            OSError: the folder cannot be created.
        """
        digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
        for number in range(1, _MOST_POOLS):
            folder = parent / f"live-{digest}-{number}"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _locked(folder)
            if lock is not None:
                return cls(folder, lock)
        raise OSError(f"{_MOST_POOLS} captures of one stream")

    def close(self, *, delete: bool = False) -> None:
        """Give the folder back; its segments stay for others for a while, unless they are deleted at once."""
        if delete:
            gone = self.folder.with_name(f"{self.folder.name}.gone")  # others may create the pool again meanwhile
            with suppress(OSError):
                self.folder.replace(gone)
            shutil.rmtree(gone, ignore_errors=True)
        else:
            with suppress(OSError):
                os.utime(self.folder / _LOCK)
        os.close(self._lock)


def pools_in(parent: Path) -> Iterator[Path]:
    """Yield all pools in a folder."""
    with suppress(FileNotFoundError):
        yield from (path for path in parent.iterdir() if is_pool(path))


def bytes_of_pools(parent: Path) -> int:
    """Return the size of all segments in the pools of a folder."""
    total = 0
    for pool in pools_in(parent):
        for folder, _, names in os.walk(pool):
            for name in names:
                with suppress(OSError):  # it was deleted meanwhile
                    total += Path(folder, name).stat().st_size
    return total


def is_pool(folder: Path) -> bool:
    """Return whether this is a pool, by its name and its contents."""
    return _NAME.fullmatch(folder.name) is not None and (folder / _LOCK).is_file()


def delete_unused(folder: Path, seconds: float = POOL_SECONDS) -> bool:
    """Delete a pool that no process has used for so long; return whether it was deleted."""
    try:
        if time.time() - (folder / _LOCK).stat().st_mtime < seconds:
            return False
        lock = _locked(folder)
    except OSError:  # another process deleted it
        return False
    if lock is None:
        return False
    Pool(folder, lock).close(delete=True)
    return True


def _locked(folder: Path) -> int | None:
    """Return the open and locked file of a pool; ``None`` if another process holds it, or deletes the folder now."""
    path = folder / _LOCK
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), path.stat()):
            os.utime(file)
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(file)
    return None
