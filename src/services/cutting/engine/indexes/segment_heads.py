"""Reads the container and the start time of a segment from its first bytes."""

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
    """Detect the container from the first bytes. Returns FFmpeg's name.

    Raises:
        SourceUnreadable: it is not a container of segments.
    """
    if head[:1] == b"\x47":
        return "mpegts"
    if head[:4] == EBML.to_bytes(4, "big"):
        return "matroska"
    if head[4:8] in (b"ftyp", b"styp", b"moof", b"moov", b"sidx"):
        return "mp4"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0):
        return "aac"  # packed audio: ADTS after a tag with its start time (RFC 8216, 3.4)
    raise SourceUnreadable("its segments have an unknown format")


def packed_clock(head: bytes) -> Fraction | None:
    """Read the start time of a segment of packed audio, in seconds of its video's clock; None without a time."""
    place = head.find(_PACKED_CLOCK) + len(_PACKED_CLOCK)
    if head[:3] != b"ID3" or place < len(_PACKED_CLOCK) or place + 8 > len(head):
        return None
    return Fraction(int.from_bytes(head[place : place + 8], "big") & ((1 << 33) - 1), 90_000)


def first_time(content: bytes, container: str, shifts: Mapping[int, Fraction]) -> Fraction:
    """Find the presentation time of the first key frame, or of the first audio packet if there is no video.

    Args:
        content: the start of a file.

    Raises:
        SourceUnreadable: it contains no key frame.
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
    raise SourceUnreadable("its first segment contains no key frame")
