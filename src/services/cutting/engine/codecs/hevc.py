"""Joins copied and encoded frames of HEVC: gives the edges other parameter set ids and rewrites their slice headers."""

from __future__ import annotations

import struct

from src.services.cutting.engine.codecs.hevc_parameter_sets import Pps, Sets, Sps, kind
from src.services.cutting.engine.codecs.nal import (
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    BitReader,
    BitWriter,
    join,
    split_annexb,
    split_lengths,
)
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible

_IRAP = range(16, 22)  # BLA, IDR, CRA (ITU-T H.265, table 7-1)
_BLA_N_LP, _CRA = 18, 21
_AUD, _SEI_PREFIX, _SEI_SUFFIX = 35, 39, 40
_VCL = 32  # types below are slices
_LIGHT = (b"\x89", b"\x90")  # SEI messages: mastering display, content light level (ITU-T H.265, table D.1)


def _retyped(unit: bytes, new: int) -> bytes:
    return bytes([unit[0] & 0x81 | new << 1]) + unit[1:]


class HevcJoin:
    """Gives the edges parameter set ids that the source does not use; one hvcC holds the sets of both.

    The encoder always uses the id 0, so its parameter sets and slice headers are rewritten.
    """

    encoder_options: dict[str, str] = {}

    def __init__(self, extradata: bytes) -> None:
        try:
            self._sets = Sets.parse(extradata)
            sps = [Sps.parse(unit) for unit in self._sets.sps]
            used_pps = {BitReader(unit[2:20]).ue() for unit in self._sets.pps}
        except (ValueError, IndexError, struct.error) as error:
            raise SmartImpossible(f"its parameter sets cannot be parsed: {error}") from error
        if not self._sets.vps or not sps or not used_pps:
            raise SmartImpossible("it has no parameter sets")
        used_vps = {unit[2] >> 4 for unit in self._sets.vps}
        self._vps_id = _spare(used_vps, 15)
        self._sps_id = _spare({one.id for one in sps}, 15)
        self._pps_id = _spare(used_pps, 63)
        self._known = {unit.rstrip(b"\0") for unit in (*self._sets.vps, *self._sets.sps, *self._sets.pps)}
        self._edge: tuple[Sps, Pps] | None = None
        self._light: list[bytes] = []

    def clean(self, pack: Pack) -> bool:
        if not pack.key:
            return False
        units = self._units(pack.data)
        if not self._light:  # the HDR metadata of the source's key frames also applies to encoded ones
            self._light = [unit for unit in units if kind(unit) == _SEI_PREFIX and unit[2:3] in _LIGHT]
        return any(kind(unit) in _IRAP for unit in units)

    def copied(self, data: bytes, *, first: bool) -> bytes:
        units, needed = self._units(data), []
        for unit in units:
            if kind(unit) in (HEVC_VPS, HEVC_SPS, HEVC_PPS):
                if unit.rstrip(b"\0") not in self._known:
                    raise SmartImpossible("its parameter sets change")
            elif kind(unit) != _AUD:
                # as a broken link, the decoder does not use the encoded frames before it as references
                needed.append(_retyped(unit, _BLA_N_LP) if first and kind(unit) == _CRA else unit)
        return data if self._sets.width == 4 and len(needed) == len(units) and not first else join(needed)

    def encoded(self, data: bytes) -> bytes:
        if self._edge is None:
            raise SmartImpossible("its encoder wrote no parameter sets")
        unwanted = (HEVC_VPS, HEVC_SPS, HEVC_PPS, _AUD, _SEI_PREFIX, _SEI_SUFFIX)
        try:
            units = [self._slice(unit) for unit in split_annexb(data) if kind(unit) not in unwanted]
            key = any(kind(unit) in _IRAP for unit in units)
            return join([*self._light, *units] if key else units)
        except ValueError as error:
            raise SmartImpossible(f"an encoded frame cannot be parsed: {error}") from error

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        if encoder_extradata is None:
            return self._sets.record()
        try:
            new = Sets.parse(encoder_extradata)
            sps, pps = Sps.parse(new.sps[0]), Pps.parse(new.pps[0])
        except (ValueError, IndexError, struct.error) as error:
            raise SmartImpossible(f"its encoder's parameter sets cannot be parsed: {error}") from error
        if sps.reference_sets or sps.long_term or not pps.simple:
            raise SmartImpossible("its encoder's slices cannot be parsed")
        self._edge = sps, pps
        vps = new.vps[0][:2] + bytes([self._vps_id << 4 | new.vps[0][2] & 15]) + new.vps[0][3:]
        new_sps = self._sps(new.sps[0], sps)
        new_pps = _rewritten(new.pps[0], 0, [self._pps_id, self._sps_id], pps.ids_end)
        both = Sets((*self._sets.vps, vps), (*self._sets.sps, new_sps), (*self._sets.pps, new_pps), 4)
        return both.record()

    def _sps(self, unit: bytes, sps: Sps) -> bytes:
        unit = unit[:2] + bytes([self._vps_id << 4 | unit[2] & 15]) + unit[3:]
        reader = BitReader(unit[2:])
        reader.position = sps.id_at
        reader.ue()
        return _rewritten(unit, sps.id_at, [self._sps_id], reader.position)

    def _slice(self, unit: bytes) -> bytes:
        """Return the slice with the new picture parameter set id (ITU-T H.265, 7.3.6.1)."""
        if kind(unit) >= _VCL:
            return unit
        assert self._edge is not None
        sps, pps = self._edge
        raw = unit[2:].replace(b"\0\0\3", b"\0\0")
        r = BitReader.plain(raw[:256])
        if not r.bits(1):
            raise ValueError("several slices in a frame")
        intra_point = 16 <= kind(unit) <= 23
        if intra_point:
            r.bits(1)
        id_at = r.position
        r.ue()
        rest_at = r.position
        end = _slice_header_end(r, sps, pps, kind(unit))
        writer = BitWriter()
        r.position = 0
        writer.bits(r.bits(id_at), id_at)
        writer.ue(self._pps_id)
        r.position = rest_at
        writer.bits(r.bits(end - rest_at), end - rest_at)
        writer.bits(1, 1)
        data = raw[(end + 1 + 7) // 8 :]
        return unit[:2] + writer.payload(data)

    def _units(self, data: bytes) -> list[bytes]:
        try:
            return split_lengths(data, self._sets.width) if self._sets.width else split_annexb(data)
        except ValueError as error:
            raise SmartImpossible(str(error)) from error


def _slice_header_end(r: BitReader, sps: Sps, pps: Pps, unit_kind: int) -> int:
    """Return the position of the alignment after the header. The reader must be after the picture parameter set id."""
    slice_type = r.ue()  # 0 B, 1 P, 2 I
    if pps.output_flag:
        r.bits(1)
    if sps.separate:
        r.bits(2)
    temporal = False
    if unit_kind not in (19, 20):
        r.bits(sps.poc_bits)
        if r.bits(1):
            raise ValueError("a reference set of the sequence")
        negative, positive = r.ue(), r.ue()
        for _ in range(negative + positive):
            r.ue(), r.bits(1)
        temporal = bool(sps.temporal_mvp and r.bits(1))
    if sps.sao:
        r.bits(1)
        if sps.chroma and not sps.separate:
            r.bits(1)
    if slice_type == 0:
        raise ValueError("a B slice")
    if slice_type == 1:
        references = r.ue() + 1 if r.bits(1) else pps.default_l0
        if pps.cabac_init:
            r.bits(1)
        if temporal and references > 1:
            r.ue()
        r.ue()
    r.se()
    if pps.chroma_offsets:
        r.se(), r.se()
    disabled = False
    if pps.deblocking_override and r.bits(1):
        disabled = bool(r.bits(1))
        if not disabled:
            r.se(), r.se()
    if pps.across_slices:  # x265 always filters (luma or deblocking), so the flag is present
        r.bits(1)
    end = r.position
    if not r.bits(1):
        raise ValueError("its header does not end where it should")
    while r.position % 8:
        if r.bits(1):
            raise ValueError("its header does not end where it should")
    return end


def _rewritten(unit: bytes, start: int, ids: list[int], end: int) -> bytes:
    """Replace the bits [start, end) of a parameter set's payload by ``ids``."""
    r, writer = BitReader(unit[2:]), BitWriter()
    writer.bits(r.bits(start), start)
    for number in ids:
        writer.ue(number)
    r.position = end
    rest = r.length - end
    value = r.bits(rest)
    trailing = (value & -value).bit_length() - 1  # zeros after the stop bit
    writer.bits(value >> trailing, rest - trailing)
    return unit[:2] + writer.payload()


def _spare(used: set[int], most: int) -> int:
    found = next((number for number in range(most, -1, -1) if number not in used), None)
    if found is None:
        raise SmartImpossible("all parameter set ids are taken")
    return found
