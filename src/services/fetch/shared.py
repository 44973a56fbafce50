"""Finds what earlier jobs fetched of a resource: extents, each in a file of its own that never changes.

Readers take no locks. An extent appears complete, by a rename, and others may delete it at any time: what is gone is
fetched again. Only the process that verified a job adds extents (``cutting/shared_media.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"([0-9a-f]{32})\.(\d{1,15})\.(\d{1,15})")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a resource: its size in bytes, and what the server calls this state (ETag or Last-Modified)."""

    size: int
    validator: str

    def name_of(self, start: int, end: int) -> str:
        """Return the name of the file with the bytes [start, end)."""
        digest = hashlib.sha256(f"{self.size}\n{self.validator}".encode()).hexdigest()[:32]
        return f"{digest}.{start}.{end}"


def has_extents(folder: Path) -> bool:
    """Whether there are bytes of any version."""
    return next(_names(folder), None) is not None


class SharedBytes:
    """The extents of one version of a resource, as they were when this was created."""

    def __init__(self, folder: Path, version: Version) -> None:
        self._folder = folder
        prefix = version.name_of(0, 0).split(".")[0]
        found = (match for match in _names(folder) if match[1] == prefix)
        self._extents = sorted((int(match[2]), int(match[3]), match[0]) for match in found)

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield (position, bytes) for what is there of [start, end), in order and without overlaps."""
        for first, last, name in self._extents:
            start = max(start, first)
            if start < min(last, end):
                for data in self._content(name, start - first, min(last, end) - start):
                    yield start, data
                    start += len(data)

    def _content(self, name: str, position: int, count: int) -> Iterator[bytes]:
        with suppress(OSError):  # it was deleted meanwhile
            file = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                while count > 0 and (data := os.pread(file, min(count, _BLOCK), position)):
                    yield data
                    position, count = position + len(data), count - len(data)
            finally:
                os.close(file)


def _names(folder: Path) -> Iterator[re.Match[str]]:
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = _NAME.fullmatch(entry.name)
            if match is not None:
                yield match
