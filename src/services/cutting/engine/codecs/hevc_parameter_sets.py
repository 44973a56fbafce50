"""Parses HEVC parameter sets from codec headers, as far as slice headers need them, and writes codec headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from src.services.cutting.engine.codecs.nal import HEVC_PPS, HEVC_SPS, HEVC_VPS, BitReader, split_annexb


def kind(unit: bytes) -> int:
    """Return the type of a NAL unit."""
    return unit[0] >> 1 & 63


@dataclass(frozen=True, slots=True)
class Sets:
    """Parameter sets; ``width`` is the size of lengths in the packets, 0 for start codes."""

    vps: tuple[bytes, ...]
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    width: int

    @classmethod
    def parse(cls, extradata: bytes) -> Sets:
        """Parse an hvcC record or start-code data. Raises ValueError, IndexError or struct.error if it is neither."""
        if extradata[:1] != b"\x01":
            units, width = split_annexb(extradata), 0
        else:
            width, units, at = (extradata[21] & 3) + 1, [], 23
            for _ in range(extradata[22]):
                (count,) = struct.unpack_from(">H", extradata, at + 1)
                at += 3
                for _ in range(count):
                    (size,) = struct.unpack_from(">H", extradata, at)
                    units.append(extradata[at + 2 : at + 2 + size])
                    at += 2 + size
        vps, sps, pps = (tuple(u for u in units if kind(u) == wanted) for wanted in (HEVC_VPS, HEVC_SPS, HEVC_PPS))
        return cls(vps, sps, pps, width)

    def record(self) -> bytes:
        """Write an hvcC record with all sets and 4-byte lengths (ISO/IEC 14496-15, 8.3.3)."""
        sps = Sps.parse(self.sps[0])
        head = b"\x01" + sps.profile_tier_level + b"\xf0\x00\xfc" + bytes([0xFC | sps.chroma])
        head += bytes([0xF8 | sps.depth - 8, 0xF8 | sps.depth_chroma - 8]) + b"\x00\x00\x0f"
        arrays = [(HEVC_VPS, self.vps), (HEVC_SPS, self.sps), (HEVC_PPS, self.pps)]
        body = b"".join(
            struct.pack(">BH", 0x80 | number, len(units)) + b"".join(struct.pack(">H", len(u)) + u for u in units)
            for number, units in arrays
        )
        return head + bytes([len(arrays)]) + body


@dataclass(frozen=True, slots=True)
class Sps:
    """The fields of a sequence parameter set that slice headers depend on (ITU-T H.265, 7.3.2.2)."""

    id: int
    id_at: int  # position of the id, in bits of the payload
    profile_tier_level: bytes
    chroma: int
    separate: bool
    depth: int
    depth_chroma: int
    poc_bits: int
    sao: bool
    reference_sets: int
    long_term: bool
    temporal_mvp: bool

    @classmethod
    def parse(cls, unit: bytes) -> Sps:
        """Parse a NAL unit. Raises ValueError if it is broken or uses unsupported features."""
        r = BitReader(unit[2:])
        r.bits(4)
        layers = r.bits(3)
        r.bits(1)
        profile = r.bits(96).to_bytes(12, "big")
        if layers:
            flags = [(r.bits(1), r.bits(1)) for _ in range(layers)]
            r.bits(2 * (8 - layers))
            for has_profile, has_level in flags:
                r.bits(88 * has_profile + 8 * has_level)
        id_at = r.position
        number, chroma = r.ue(), r.ue()
        separate = bool(chroma == 3 and r.bits(1))
        r.ue(), r.ue()
        if r.bits(1):
            for _ in range(4):
                r.ue()
        depth, depth_chroma, poc_bits = r.ue() + 8, r.ue() + 8, r.ue() + 4
        for _ in range(layers + 1 if r.bits(1) else 1):
            r.ue(), r.ue(), r.ue()
        for _ in range(6):
            r.ue()
        if r.bits(1) and r.bits(1):
            raise ValueError("scaling lists")
        r.bits(1)
        sao = bool(r.bits(1))
        if r.bits(1):
            r.bits(8), r.ue(), r.ue(), r.bits(1)
        reference_sets = r.ue()
        if reference_sets:
            return cls(
                number, id_at, profile, chroma, separate, depth, depth_chroma, poc_bits, sao, reference_sets, True, True
            )
        long_term = bool(r.bits(1))
        return cls(
            number, id_at, profile, chroma, separate, depth, depth_chroma, poc_bits, sao, 0, long_term, bool(r.bits(1))
        )


@dataclass(frozen=True, slots=True)
class Pps:
    """The fields of a picture parameter set that slice headers depend on (ITU-T H.265, 7.3.2.3)."""

    id: int
    sps_id: int
    ids_end: int  # position after both ids, in bits of the payload
    simple: bool  # one slice per frame, no weights, tiles, rows, list changes or extensions in its slices
    output_flag: bool
    cabac_init: bool
    default_l0: int
    chroma_offsets: bool
    across_slices: bool
    deblocking_override: bool

    @classmethod
    def parse(cls, unit: bytes) -> Pps:
        """Parse a NAL unit. Raises ValueError if it is broken."""
        r = BitReader(unit[2:])
        number, sps_id = r.ue(), r.ue()
        ids_end = r.position
        dependent, output_flag, extra = r.bits(1), r.bits(1), r.bits(3)
        r.bits(1)
        cabac_init, default_l0 = r.bits(1), r.ue() + 1
        r.ue(), r.se(), r.bits(2)
        if r.bits(1):
            r.ue()
        r.se(), r.se()
        chroma_offsets = r.bits(1)
        weighted = r.bits(2)
        r.bits(1)
        tiles, rows = r.bits(1), r.bits(1)
        if tiles:
            raise ValueError("tiles")
        across, override = r.bits(1), 0
        if r.bits(1):
            override = r.bits(1)
            if not r.bits(1):
                r.se(), r.se()
        scaling, lists = r.bits(1), r.bits(1)
        r.ue()
        simple = not (dependent or extra or weighted or rows or scaling or lists or r.bits(1))
        return cls(
            number,
            sps_id,
            ids_end,
            simple,
            bool(output_flag),
            bool(cabac_init),
            default_l0,
            bool(chroma_offsets),
            bool(across),
            bool(override),
        )
