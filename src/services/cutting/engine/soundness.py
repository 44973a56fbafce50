"""Decides from the structure of a segment's file, without decoding, whether it is media, damaged media or neither."""

from __future__ import annotations

import mmap
from enum import StrEnum
from pathlib import Path

from src.services.cutting.engine.indexes.cloaked_segments import BYTES_TO_DECIDE, media_start

_SYNC = 0x47
_PACKET_SIZES = (188, 192, 204)  # plain, with a time code before each packet (M2TS), with parity after each
_LEAST_PACKETS = 5
_MOST_JUNK_BYTES = 64 << 10
_BOXES = frozenset(
    (b"ftyp", b"styp", b"sidx", b"ssix", b"moof", b"emsg", b"prft", b"mdat", b"free", b"skip", b"moov", b"uuid")
)
_EBML = b"\x1a\x45\xdf\xa3"
_MOST_TAGS = 16
_COPY_BYTES = 1 << 20


class Soundness(StrEnum):
    """The condition of a segment; the value completes the sentence "a segment of this stream is ..."."""

    WHOLE = "complete"
    DAMAGED = "damaged"
    FOREIGN = "not media"


def judge(data: bytes) -> tuple[Soundness, bytes]:
    """Examine a segment. Returns its condition, and its data without an image before the media."""
    soundness, start = _judged(memoryview(data))
    return soundness, data[start:]


def examine(path: Path) -> Soundness:
    """Examine the file of a segment and remove an image before its media from the file.

    The file is mapped and not read, because one segment may contain a whole video.
    """
    if not path.stat().st_size:
        return Soundness.FOREIGN
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        soundness, start = _judged(view)
    if soundness is not Soundness.FOREIGN and start:
        _cut_start(path, start)
    return soundness


def _judged(data: memoryview) -> tuple[Soundness, int]:
    """Examine a segment. Returns its condition, and the number of bytes of an image before its media."""
    start = media_start(bytes(data[:BYTES_TO_DECIDE]))
    if start is None or start >= len(data):
        return Soundness.FOREIGN, 0
    bare = data[start:]
    if bytes(bare[4:8]) in _BOXES:
        return _boxes(bare), start
    if (size := _packet_size(bare)) is not None:
        return _packets(bare, size), start
    if bytes(bare[:4]) == _EBML or _is_packed_audio(bare):
        return Soundness.WHOLE, start
    found = any(_follows(bare, at, 188) for at in range(min(len(bare), _MOST_JUNK_BYTES)) if bare[at] == _SYNC)
    return Soundness.DAMAGED if found else Soundness.FOREIGN, start


def _cut_start(path: Path, count: int) -> None:
    """Remove the first ``count`` bytes of a file."""
    with path.open("r+b") as file:
        at = 0
        while True:
            file.seek(count + at)
            data = file.read(_COPY_BYTES)
            if not data:
                break
            file.seek(at)
            file.write(data)
            at += len(data)
        file.truncate(at)


def _packet_size(data: memoryview) -> int | None:
    for size in _PACKET_SIZES:
        if _follows(data, 4 if size == 192 else 0, size):
            return size
    return None


def _follows(data: memoryview, start: int, size: int) -> bool:
    """Whether consecutive packets of a transport stream start here."""
    head = data[start : start + size * _LEAST_PACKETS : size]
    return len(head) >= 2 and head == bytes([_SYNC]) * len(head)


def _packets(data: memoryview, size: int) -> Soundness:
    """Require that every packet starts with the sync byte (ISO/IEC 13818-1, 2.4.3.2)."""
    marks = bytes(data[4 if size == 192 else 0 :: size])
    return Soundness.WHOLE if marks.count(_SYNC) == len(marks) else Soundness.DAMAGED


def _boxes(data: memoryview) -> Soundness:
    """Require that boxes fill the file and include a header and the media (ISO/IEC 14496-12, 4.2)."""
    at, found = 0, set()
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if size < 8 or not name.isascii():
            break
        found.add(name)
        at += size
    if b"moof" not in found and b"moov" not in found:
        return Soundness.FOREIGN
    return Soundness.WHOLE if at == len(data) and b"mdat" in found else Soundness.DAMAGED


def _is_packed_audio(data: memoryview) -> bool:
    """Whether this is AAC, MP3, AC-3 or E-AC-3, after any number of ID3 tags (RFC 8216, 3.4)."""
    at = 0
    for _ in range(_MOST_TAGS):
        if bytes(data[at : at + 3]) != b"ID3":
            break
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size
    sync = int.from_bytes(data[at : at + 2], "big")
    return sync & 0xFFE0 == 0xFFE0 or sync == 0x0B77
