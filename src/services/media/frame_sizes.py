"""Finds the frame sizes of a video from its packets and only decodes key frames with new headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

import av

from src.models.media import FrameSize
from src.services.media import facts

MOST_SIZES: Final = 100  # of a video with more sizes, the first ones are reported
MOST_DECODED: Final = 500  # key frames
_HEAD_BYTES: Final = 65536  # parameter sets come before the first slice
# Types of NAL units with the frame size: H.264 table 7-1, H.265 table 7-1, H.266 table 5.
_PARAMETER_SETS: Final[dict[str, tuple[Callable[[int, int], int], int]]] = {
    "h264": (lambda first, _: first & 0x1F, 7),
    "hevc": (lambda first, _: first >> 1 & 0x3F, 33),
    "vvc": (lambda _, second: second >> 3, 15),
}
_AV1_SEQUENCE_HEADER: Final = 1  # AV1 bitstream specification, 6.2.2
# (marker, header length in bytes): the sequence header of MPEG-1/2, the layer of MPEG-4 Part 2.
_START_CODES: Final = {
    "mpeg1video": (b"\x00\x00\x01\xb3", 8),
    "mpeg2video": (b"\x00\x00\x01\xb3", 8),
    "mpeg4": (b"\x00\x00\x01\x20", 24),
}


class SizeWatch:
    """Reads the packets of one video stream in file order and collects its frame sizes."""

    def __init__(self, stream: Any, max_pixels: int) -> None:
        self._stream, self._max_pixels = stream, max_pixels
        self._codec = facts.codec_name(stream.codec_context)
        self._lengths = _length_bytes(self._codec, bytes(stream.codec_context.extradata or b""))
        self._seen: bytes | None = None
        self._left = MOST_DECODED
        self.sizes: list[FrameSize] = []

    def take(self, packet: Any) -> None:
        """Add the size of a key frame whose headers differ from those of the previous one."""
        if not packet.is_keyframe or not packet.size or packet.is_discard or len(self.sizes) >= MOST_SIZES:
            return
        print_ = self._fingerprint(packet)
        if print_ is None or print_ == self._seen or (not print_ and self._seen is not None) or not self._left:
            return
        self._seen = print_
        self._left -= 1
        size = self._decoded(packet)
        if size is not None and size not in self.sizes:
            self.sizes.append(size)

    def _fingerprint(self, packet: Any) -> bytes | None:
        head = bytes(memoryview(packet)[:_HEAD_BYTES])
        new = packet.get_sidedata("new_extradata") if packet.has_sidedata("new_extradata") else b""
        found = headers(self._codec, head, self._lengths)
        return None if found is None and not new else bytes(new) + (found or b"")

    def _decoded(self, packet: Any) -> FrameSize | None:
        known = self._stream.codec_context
        context = av.CodecContext.create(known.codec.name, "r")
        context.extradata = known.extradata
        context.thread_count = 1
        context.options = {"max_pixels": str(self._max_pixels)}
        try:
            frames = [*context.decode(packet), *context.decode(None)]
        except MemoryError:
            raise
        except av.error.FFmpegError:
            return None
        if not frames:
            return None
        aspect = facts.rate(context.sample_aspect_ratio) or facts.rate(self._stream.sample_aspect_ratio) or Fraction(1)
        return FrameSize(frames[0].width, frames[0].height, aspect)


def headers(codec: str, head: bytes, length_bytes: int = 0) -> bytes | None:
    """Extract the headers with the frame size from a key frame's first bytes; None if the codec is not supported.

    ``length_bytes``: the size of each NAL unit's length, 0 for start codes (Annex B).
    """
    if codec in _PARAMETER_SETS:
        kind, wanted = _PARAMETER_SETS[codec]
        units = _units(head, length_bytes) if length_bytes else _annex_b(head)
        return b"".join(unit for unit in units if len(unit) > 1 and kind(unit[0], unit[1]) == wanted)
    if codec == "av1":
        return b"".join(unit for kind_, unit in _obus(head) if kind_ == _AV1_SEQUENCE_HEADER)
    if codec in _START_CODES:
        marker, length = _START_CODES[codec]
        at = head.find(marker)
        return b"" if at < 0 else head[at : at + len(marker) + length]
    if codec == "mjpeg":
        return _jpeg_size(head)
    places = {"vp8": (6, 10), "vp9": (4, 9), "png": (16, 29), "prores": (16, 20), "flv1": (3, 9)}
    if codec in places:
        begin, end = places[codec]
        return _without_clock(head[begin:end]) if codec == "flv1" else head[begin:end]
    return None


def _without_clock(data: bytes) -> bytes:
    """Extract the size from a Sorenson H.263 header: after 17 bits of start code, 5 of version, 8 of time."""
    number = int.from_bytes(data, "big") & (1 << 42) - 1  # after 24 + 6 bits of the whole header
    code = number >> 39
    bits = {0: 19, 1: 35}.get(code, 3)
    return (number >> (42 - bits)).to_bytes(6, "big")


def _length_bytes(codec: str, extradata: bytes) -> int:
    """Read the size of NAL unit lengths in bytes from a configuration record (ISO/IEC 14496-15); 0 is Annex B."""
    if len(extradata) < 5 or (extradata[0] != 1 and codec != "vvc"):
        return 0
    place = {"h264": 4, "hevc": 21}.get(codec)
    if place is not None and len(extradata) > place:
        return (extradata[place] & 3) + 1
    if codec == "vvc" and extradata[0] & 0xF8 == 0xF8:
        return (extradata[0] >> 1 & 3) + 1
    return 0


def _units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    at = 0
    while at + length_bytes < len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        yield data[at : at + size]
        at += size


def _annex_b(data: bytes) -> Iterator[bytes]:
    at = data.find(b"\x00\x00\x01")
    while at >= 0:
        after = data.find(b"\x00\x00\x01", at + 3)
        yield data[at + 3 : after if after >= 0 else len(data)].rstrip(b"\x00")
        at = after


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        size, shift = 0, 0
        while sized and at < len(data) and shift < 56:
            size |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                break
        end = at + size if sized else len(data)
        yield kind, data[at:end]
        at = end


def _jpeg_size(data: bytes) -> bytes:
    """Extract the frame header of a JPEG: precision, height, width and sampling (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return data[at + 4 : at + 2 + size]
        at += 2 + size
    return b""
