"""Tells whether the file of a segment is media, damaged media or something else, from its structure and in no time."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from src.services.cutting.engine.indexes.cloaked_segments import without_image

_SYNC = 0x47
_PACKET_SIZES = (188, 192, 204)  # plain, with a time code before each packet (M2TS), with parity behind each
_LEAST_PACKETS = 5
_MOST_JUNK_BYTES = 64 << 10
_BOXES = frozenset(
    (b"ftyp", b"styp", b"sidx", b"ssix", b"moof", b"emsg", b"prft", b"mdat", b"free", b"skip", b"moov", b"uuid")
)
_EBML = b"\x1a\x45\xdf\xa3"
_MOST_TAGS = 16


class Soundness(StrEnum):
    """What a segment is; the value completes the sentence "a segment of this stream is ..."."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    FOREIGN = "no media"


def judge(data: bytes) -> tuple[Soundness, bytes]:
    """What a segment is, and the segment without the image that may lie before its media."""
    bare = without_image(data)
    if not bare:
        return Soundness.FOREIGN, b""
    if bare[4:8] in _BOXES:
        return _boxes(bare), bare
    if (size := _packet_size(bare)) is not None:
        return _packets(bare, size), bare
    if bare.startswith(_EBML) or _is_packed_audio(bare):
        return Soundness.WHOLE, bare
    found = any(_follows(bare, at, 188) for at in range(min(len(bare), _MOST_JUNK_BYTES)) if bare[at] == _SYNC)
    return Soundness.DAMAGED if found else Soundness.FOREIGN, bare


def examine(path: Path) -> Soundness:
    """What the file of a segment is. An image before the media is taken away from it."""
    data = path.read_bytes()
    soundness, bare = judge(data)
    if soundness is not Soundness.FOREIGN and len(bare) != len(data):
        path.write_bytes(bare)
    return soundness


def _packet_size(data: bytes) -> int | None:
    for size in _PACKET_SIZES:
        if _follows(data, 4 if size == 192 else 0, size):
            return size
    return None


def _follows(data: bytes, start: int, size: int) -> bool:
    """Whether packets of a transport stream follow each other from here on."""
    head = data[start : start + size * _LEAST_PACKETS : size]
    return len(head) >= 2 and head == bytes([_SYNC]) * len(head)


def _packets(data: bytes, size: int) -> Soundness:
    """Every packet begins with the same byte (ISO/IEC 13818-1, 2.4.3.2)."""
    marks = data[4 if size == 192 else 0 :: size]
    return Soundness.WHOLE if marks.count(_SYNC) == len(marks) else Soundness.DAMAGED


def _boxes(data: bytes) -> Soundness:
    """The boxes must fill the file, and hold a header and the media (ISO/IEC 14496-12, 4.2)."""
    at, seen = 0, set()
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if size < 8 or not name.isascii():
            break
        seen.add(name)
        at += size
    if b"moof" not in seen and b"moov" not in seen:
        return Soundness.FOREIGN
    return Soundness.WHOLE if at == len(data) and b"mdat" in seen else Soundness.DAMAGED


def _is_packed_audio(data: bytes) -> bool:
    """AAC, MP3, AC-3 or E-AC-3 behind any number of ID3 tags (RFC 8216, 3.4)."""
    at = 0
    for _ in range(_MOST_TAGS):
        if data[at : at + 3] != b"ID3":
            break
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size
    sync = int.from_bytes(data[at : at + 2], "big")
    return sync & 0xFFE0 == 0xFFE0 or sync == 0x0B77
