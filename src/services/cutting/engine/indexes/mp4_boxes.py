"""Finds, splits and builds boxes of the ISO base media file format."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """A box inside some bytes: its type, its start, the start of its body, and its end (which may be outside)."""

    kind: bytes
    start: int
    body: int
    end: int


class BoxBroken(ValueError):
    """These bytes are not a valid box."""


def read_header(data: bytes, position: int, limit: int | None = None) -> Box | None:
    """Read the header of the box at ``position``; None if it is incomplete. A box of size 0 ends at ``limit``."""
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
    """Iterate over the boxes in data[start:end] until one is incomplete."""
    end = len(data) if end is None else end
    while start < end:
        box = read_header(data, start, end)
        if box is None or box.end > end:
            return
        yield box
        start = box.end


def find(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box | None:
    """Find the first box of a path such as "mdia/minf/stbl"."""
    kind, _, rest = path.partition("/")
    for box in children(data, start, end):
        if box.kind == kind.encode():
            return find(data, rest, box.body, box.end) if rest else box
    return None


def make(kind: bytes, *content: bytes) -> bytes:
    """Build a box with this content."""
    size = 8 + sum(map(len, content))
    if size >= 1 << 32:
        return struct.pack(">I4sQ", 1, kind, size + 8) + b"".join(content)
    return struct.pack(">I4s", size, kind) + b"".join(content)


def make_full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """Build a box with version and flags."""
    return make(kind, struct.pack(">I", version << 24 | flags), *content)
