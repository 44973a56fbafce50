"""Presents bytes that may still be arriving as file objects for the demuxer."""

from __future__ import annotations

import bisect
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from src.services.fetch.resource import Resource


class Incoming(Protocol):
    """The part of ``Fetcher`` that readers use."""

    def read(self, resource: Resource, start: int, size: int, end: int | None = None) -> bytes:
        """Return at least one of these bytes, or none at the end. Blocks. ``end``: no byte from there on is needed."""

    def wait_complete(self, resource: Resource) -> int:
        """Wait for all of a resource of unknown size; return its size."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a virtual file: literal bytes, or [start, start + length) of a resource (None: all of it).

    A part that is not ``eager`` may not be needed: it is fetched when it is read. ``skip`` is called when a reader
    reaches the part: how many of its bytes to skip; None: the virtual file ends before it.
    """

    content: bytes = b""
    resource: Resource | None = None
    start: int = 0
    length: int | None = None
    eager: bool = True
    skip: Callable[[], int | None] | None = None


class SequentialReader(io.RawIOBase):
    """Reads the parts in order; cannot seek, so a demuxer reads them as they arrive."""

    def __init__(self, fetcher: Incoming, parts: Sequence[Part]) -> None:
        super().__init__()
        self._fetcher, self._parts = fetcher, list(parts)
        self._index = self._offset = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; blocks until one is available. Raises like ``Fetcher.read``."""
        while self._index < len(self._parts):
            part = self._parts[self._index]
            if self._offset == 0 and part.skip is not None:
                skipped = part.skip()
                if skipped is None:
                    self._index = len(self._parts)
                    break
                self._offset = skipped
            data = self._read_part(part, size)
            if data:
                self._offset += len(data)
                return data
            self._index, self._offset = self._index + 1, 0
        return b""

    def _read_part(self, part: Part, size: int) -> bytes:
        if part.resource is None:
            return part.content[self._offset : self._offset + size]
        length = part.length
        if length is None:
            length = self._fetcher.wait_complete(part.resource)
        size, end = min(size, length - self._offset), part.start + length
        return self._fetcher.read(part.resource, part.start + self._offset, size, end) if size > 0 else b""


class SeekableReader(io.RawIOBase):
    """Presents parts of known length as one file in which a demuxer may seek."""

    def __init__(self, fetcher: Incoming, parts: Sequence[Part]) -> None:
        super().__init__()
        self._fetcher, self._parts = fetcher, list(parts)
        self._starts: list[int] = []
        self._size = 0
        for part in parts:
            self._starts.append(self._size)
            assert part.resource is None or part.length is not None
            self._size += len(part.content) if part.resource is None else part.length or 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; blocks until one is available. Raises like ``Fetcher.read``."""
        if self._position >= self._size:
            return b""
        index = bisect.bisect_right(self._starts, self._position) - 1
        part, offset = self._parts[index], self._position - self._starts[index]
        if part.resource is None:
            data = part.content[offset : offset + size]
        else:
            length = part.length or 0
            size = min(size, length - offset)
            data = self._fetcher.read(part.resource, part.start + offset, size, part.start + length)
        self._position += len(data)
        return data
