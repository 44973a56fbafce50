"""Splits packets of H.264 and HEVC into NAL units, joins them with 4-byte lengths, and parses H.264 parameter sets."""

from __future__ import annotations

import re
import struct
from collections.abc import Container, Iterable
from dataclasses import dataclass

H264_IDR, H264_SEI, H264_SPS, H264_PPS, H264_AUD = 5, 6, 7, 8, 9
HEVC_VPS, HEVC_SPS, HEVC_PPS = 32, 33, 34


_FORBIDDEN = re.compile(rb"\x00\x00(?=[\x00-\x03])")


class BitReader:
    """Reads the bits of a NAL unit's payload, without the emulation prevention bytes."""

    def __init__(self, payload: bytes) -> None:
        clean = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value, self.length = int.from_bytes(clean, "big"), 8 * len(clean)
        self.position = 0

    @classmethod
    def plain(cls, payload: bytes) -> BitReader:
        """Create a reader of bytes that have no emulation prevention."""
        reader = cls(b"")
        reader._value, reader.length = int.from_bytes(payload, "big"), 8 * len(payload)
        return reader

    def bits(self, count: int) -> int:
        """Read the next ``count`` bits as a number."""
        self.position += count
        if self.position > self.length:
            raise ValueError("a NAL unit ends early")
        return (self._value >> (self.length - self.position)) & ((1 << count) - 1)

    def ue(self) -> int:
        """Read the next unsigned Exp-Golomb code."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a code is too long")
        return (1 << zeros) - 1 + (self.bits(zeros) if zeros else 0)

    def se(self) -> int:
        """Read the next signed Exp-Golomb code."""
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


class BitWriter:
    """Writes the bits of a NAL unit's payload, with emulation prevention bytes."""

    def __init__(self) -> None:
        self._value = self._length = 0

    def bits(self, value: int, count: int) -> None:
        """Append a number of ``count`` bits."""
        self._value, self._length = self._value << count | value, self._length + count

    def ue(self, value: int) -> None:
        """Append an unsigned Exp-Golomb code."""
        width = (value + 1).bit_length()
        self.bits(value + 1, 2 * width - 1)

    def payload(self, tail: bytes = b"") -> bytes:
        """Return the bits so far, padded with zeros to a whole byte, and ``tail``."""
        pad = -self._length % 8
        return protect((self._value << pad).to_bytes((self._length + pad) // 8, "big") + tail)


def protect(raw: bytes) -> bytes:
    """Insert emulation prevention bytes."""
    return _FORBIDDEN.sub(b"\x00\x00\x03", raw)


def split_annexb(data: bytes) -> list[bytes]:
    """Split data at its start codes into NAL units."""
    units, position = [], data.find(b"\x00\x00\x01")
    while position >= 0:
        start = position + 3
        position = data.find(b"\x00\x00\x01", start)
        unit = data[start:] if position < 0 else data[start:position]
        unit = unit.rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def split_lengths(data: bytes, width: int) -> list[bytes]:
    """Split data into NAL units, each preceded by its length in ``width`` bytes."""
    units, position = [], 0
    while position + width <= len(data):
        size = int.from_bytes(data[position : position + width], "big")
        units.append(data[position + width : position + width + size])
        position += width + size
    if position != len(data):
        raise ValueError("a packet's NAL lengths do not add up")
    return units


def holds(data: bytes, kinds: Container[int]) -> bool:
    """Whether H.264 data with 4-byte lengths contains units of these kinds. True if the lengths are wrong."""
    position, end = 0, len(data)
    while position + 4 < end:
        if data[position + 4] & 31 in kinds:
            return True
        position += 4 + int.from_bytes(data[position : position + 4], "big")
    return position != end


def join(units: Iterable[bytes]) -> bytes:
    """Join NAL units, each preceded by a 4-byte length."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


@dataclass(frozen=True, slots=True)
class AvcSets:
    """H.264 parameter sets; ``width`` is the size of lengths in the packets, 0 for start codes."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    width: int

    @classmethod
    def parse(cls, extradata: bytes) -> AvcSets:
        """Parse an avcC record or start-code data. Raises ValueError or IndexError if it is neither."""
        if extradata[:1] != b"\x01":
            units = split_annexb(extradata)
            kinds = [unit[0] & 31 for unit in units]
            return cls(
                tuple(u for u, kind in zip(units, kinds, strict=True) if kind == H264_SPS),
                tuple(u for u, kind in zip(units, kinds, strict=True) if kind == H264_PPS),
                0,
            )
        position, sets = 5, []
        for mask in (31, 255):
            count = extradata[position] & mask
            position += 1
            found = []
            for _ in range(count):
                size = int.from_bytes(extradata[position : position + 2], "big")
                found.append(extradata[position + 2 : position + 2 + size])
                position += 2 + size
            sets.append(tuple(found))
        return cls(sets[0], sets[1], (extradata[4] & 3) + 1)

    def record(self) -> bytes:
        """Write an avcC record with all sets and 4-byte lengths."""
        first = self.sps[0]
        out = b"\x01" + first[1:4] + b"\xff" + bytes([0xE0 | len(self.sps)])
        out += b"".join(struct.pack(">H", len(unit)) + unit for unit in self.sps)
        out += bytes([len(self.pps)]) + b"".join(struct.pack(">H", len(unit)) + unit for unit in self.pps)
        sps = AvcSps.parse(first)
        if sps.profile in (100, 110, 122, 144):
            out += bytes([0xFC | sps.chroma, 0xF8 | sps.depth - 8, 0xF8 | sps.depth_chroma - 8, 0])
        return out


@dataclass(frozen=True, slots=True)
class AvcSps:
    """The first fields of an H.264 sequence parameter set."""

    profile: int
    constraints: int
    level: int
    id: int
    chroma: int
    depth: int
    depth_chroma: int
    references: int
    progressive: bool

    @classmethod
    def parse(cls, unit: bytes) -> AvcSps:
        """Parse a NAL unit (ITU-T H.264, 7.3.2.1.1). Raises ValueError if it is broken."""
        reader = BitReader(unit[1:])
        profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
        identity, chroma, depth, depth_chroma = reader.ue(), 1, 8, 8
        if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135):
            chroma = reader.ue()
            if chroma == 3:
                reader.bits(1)
            depth, depth_chroma = reader.ue() + 8, reader.ue() + 8
            reader.bits(1)
            if reader.bits(1):
                _skip_scaling_lists(reader, 8 if chroma != 3 else 12)
        reader.ue()
        order = reader.ue()
        if order == 0:
            reader.ue()
        elif order == 1:
            reader.bits(1), reader.se(), reader.se()
            for _ in range(reader.ue()):
                reader.se()
        references = reader.ue()
        reader.bits(1), reader.ue(), reader.ue()
        return cls(profile, constraints, level, identity, chroma, depth, depth_chroma, references, bool(reader.bits(1)))


def _skip_scaling_lists(reader: BitReader, count: int) -> None:
    for number in range(count):
        if reader.bits(1):
            last = following = 8
            for _ in range(16 if number < 6 else 64):
                if following:
                    following = (last + reader.se()) % 256
                last = following or last


def pps_id(unit: bytes) -> int:
    """Return the id of an H.264 picture parameter set."""
    return BitReader(unit[1:20]).ue()
