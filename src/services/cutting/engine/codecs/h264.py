"""Joins copied and encoded frames of H.264, with a separate parameter set for the edges."""

from __future__ import annotations

from src.services.cutting.engine.codecs import nal
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible

_SETS_AND_DELIMITERS = frozenset({nal.H264_SPS, nal.H264_PPS, nal.H264_AUD})


class H264Join:
    """Gives the edges a parameter set id that the source does not use; one avcC holds the sets of both."""

    def __init__(self, extradata: bytes) -> None:
        try:
            self._sets = nal.AvcSets.parse(extradata)
            parsed = [nal.AvcSps.parse(unit) for unit in self._sets.sps]
            used = {sps.id for sps in parsed} | {nal.pps_id(unit) for unit in self._sets.pps}
        except (ValueError, IndexError) as error:
            raise SmartImpossible(f"its parameter sets cannot be parsed: {error}") from error
        if not parsed or not self._sets.pps:
            raise SmartImpossible("it has no parameter sets")
        if not all(sps.progressive for sps in parsed):
            raise SmartImpossible("it is interlaced")
        spare = next((number for number in range(31, -1, -1) if number not in used), None)
        if spare is None:
            raise SmartImpossible("all parameter set ids are taken")
        self.sps = parsed[0]
        self.encoder_options = {"sps-id": str(spare)}

    def clean(self, pack: Pack) -> bool:
        return pack.key and any(unit[0] & 31 == nal.H264_IDR for unit in self._units(pack.data))

    def copied(self, data: bytes, *, first: bool) -> bytes:
        if self._sets.width == 4 and not nal.holds(data, _SETS_AND_DELIMITERS):
            return data
        units = self._units(data)
        needed = [unit for unit in units if unit and not self._is_set(unit) and unit[0] & 31 != nal.H264_AUD]
        return data if len(needed) == len(units) and self._sets.width == 4 else nal.join(needed)

    def _is_set(self, unit: bytes) -> bool:
        kind = unit[0] & 31
        if kind not in (nal.H264_SPS, nal.H264_PPS):
            return False
        if unit.rstrip(b"\x00") not in (s.rstrip(b"\x00") for s in (*self._sets.sps, *self._sets.pps)):
            raise SmartImpossible("its parameter sets change")
        return True

    def encoded(self, data: bytes) -> bytes:
        unwanted = (nal.H264_SPS, nal.H264_PPS, nal.H264_AUD, nal.H264_SEI)
        return nal.join(unit for unit in nal.split_annexb(data) if unit[0] & 31 not in unwanted)

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        sets = self._sets
        if encoder_extradata is not None:
            new = nal.AvcSets.parse(encoder_extradata)
            sets = nal.AvcSets(sets.sps + new.sps, sets.pps + new.pps, 4)
        return sets.record()

    def _units(self, data: bytes) -> list[bytes]:
        try:
            return nal.split_lengths(data, self._sets.width) if self._sets.width else nal.split_annexb(data)
        except ValueError as error:
            raise SmartImpossible(str(error)) from error
