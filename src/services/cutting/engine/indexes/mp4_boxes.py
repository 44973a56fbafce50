"""ISO base media boxes: found, taken apart and put together again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """A box inside some bytes: its type, where it starts, where its body starts, where it ends (may lie outside)."""

    kind: bytes
    start: int
    body: int
    end: int


class BoxBroken(ValueError):
    """These bytes are no sound box."""


def read_header(data: bytes, position: int, limit: int | None = None) -> Box | None:
    """The box at ``position``; None when its header is not complete. ``limit`` ends a box of size 0."""
    if position + 8 > len(data):
        return None
    size, kind = struct.unpack_from(">I4s", data, position)
    body = position + 8
    if size == 1:
        if position + 16 > len(data):
            return None
        size, body = struct.unpack_from(">Q", data, position + 8)[0], position + 16
    elif size == 0:
        size = (limit if limit is not None else len(data)) - position
    if size < body - position:
        raise BoxBroken(f"box {kind!r} of size {size}")
    return Box(kind, position, body, position + size)


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes in data[start:end], as far as their headers are there."""
    end = len(data) if end is None else end
    while start < end:
        box = read_header(data, start, end)
        if box is None or box.end > end:
            return
        yield box
        start = box.end


def find(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box | None:
    """The first box of a path such as "mdia/minf/stbl"."""
    kind, _, rest = path.partition("/")
    for box in children(data, start, end):
        if box.kind == kind.encode():
            return find(data, rest, box.body, box.end) if rest else box
    return None


def make(kind: bytes, *content: bytes) -> bytes:
    """A box with this content."""
    size = 8 + sum(map(len, content))
    if size >= 1 << 32:
        return struct.pack(">I4sQ", 1, kind, size + 8) + b"".join(content)
    return struct.pack(">I4s", size, kind) + b"".join(content)


def make_full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box with version and flags."""
    return make(kind, struct.pack(">I", version << 24 | flags), *content)
