"""What the beginning of a segment tells: its container, and when it begins on its own clock."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
from av.error import FFmpegError

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes.webm import EBML

_PACKED_CLOCK = b"com.apple.streaming.transportStreamTimestamp\0"


def container_of(head: bytes) -> str:
    """FFmpeg's name of what begins so.

    Raises:
        SourceUnreadable: it is nothing that segments are made of.
    """
    if head[:1] == b"\x47":
        return "mpegts"
    if head[:4] == EBML.to_bytes(4, "big"):
        return "matroska"
    if head[4:8] in (b"ftyp", b"styp", b"moof", b"moov", b"sidx"):
        return "mp4"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0):
        return "aac"  # packed audio: ADTS, behind a tag that tells its time (RFC 8216, 3.4)
    raise SourceUnreadable("its segments are of an unknown kind")


def packed_clock(head: bytes) -> Fraction | None:
    """When a segment of packed audio begins, in seconds of the clock of its film; None when it does not tell."""
    place = head.find(_PACKED_CLOCK) + len(_PACKED_CLOCK)
    if head[:3] != b"ID3" or place < len(_PACKED_CLOCK) or place + 8 > len(head):
        return None
    return Fraction(int.from_bytes(head[place : place + 8], "big") & ((1 << 33) - 1), 90_000)


def first_time(content: bytes, container: str, shifts: Mapping[int, Fraction]) -> Fraction:
    """Presentation time of the first key frame (of the first sound, if there is no picture) in the beginning of a file.

    Raises:
        SourceUnreadable: it holds none.
    """
    try:
        with av.open(io.BytesIO(content), "r", format=container) as file:
            kinds = [stream.type for stream in file.streams]
            for packet in file.demux():
                right = packet.stream.type == "video" or "video" not in kinds
                if packet.pts is not None and packet.is_keyframe and right:
                    return packet.pts * packet.time_base - shifts.get(packet.stream_index, Fraction(0))
    except FFmpegError as error:
        raise SourceUnreadable(f"its first segment cannot be read: {error}") from error
    raise SourceUnreadable("its first segment holds no key frame")
