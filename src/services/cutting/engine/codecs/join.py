"""How copied and newly encoded pictures live in one stream, codec by codec: where to join, and what packets need."""

from __future__ import annotations

from typing import Protocol

from src.services.cutting.engine.codecs import nal
from src.services.cutting.engine.demuxer import Pack


class SmartImpossible(Exception):
    """Pictures of this stream cannot be copied next to new ones; the clip has to be encoded as a whole."""


class Join(Protocol):
    """The rules of one codec. All methods raise SmartImpossible when the stream breaks them."""

    encoder_options: dict[str, str]
    """What an encoder of edges must be told beside its quality."""

    def clean(self, pack: Pack) -> bool:
        """Whether decoding can start here with nothing before, so that copying may begin."""
        ...

    def copied(self, data: bytes, *, first: bool) -> bytes:
        """A packet of the source as it goes into the clip; ``first`` of those copied after new pictures."""
        ...

    def encoded(self, data: bytes) -> bytes:
        """A packet of the encoder as it goes into the clip."""
        ...

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        """The clip's codec header; None leaves the source's."""
        ...


_SETS_AND_DELIMITERS = frozenset({nal.H264_SPS, nal.H264_PPS, nal.H264_AUD})


class H264Join:
    """Edges use a parameter set id that the source does not; one avcC holds the sets of both."""

    def __init__(self, extradata: bytes) -> None:
        try:
            self._sets = nal.AvcSets.parse(extradata)
            parsed = [nal.AvcSps.parse(unit) for unit in self._sets.sps]
            used = {sps.id for sps in parsed} | {nal.pps_id(unit) for unit in self._sets.pps}
        except (ValueError, IndexError) as error:
            raise SmartImpossible(f"its parameter sets are not understood: {error}") from error
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
        kept = [unit for unit in units if unit and not self._is_set(unit) and unit[0] & 31 != nal.H264_AUD]
        return data if len(kept) == len(units) and self._sets.width == 4 else nal.join(kept)

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


class Vp9Join:
    """A key frame resets everything and packets come in the order they are shown: nothing has to be adapted."""

    encoder_options: dict[str, str] = {}

    def clean(self, pack: Pack) -> bool:
        return pack.key and vp9_key(pack.data)

    def copied(self, data: bytes, *, first: bool) -> bytes:
        return data

    def encoded(self, data: bytes) -> bytes:
        return data

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        return None


def vp9_key(data: bytes) -> bool:
    """Whether the first frame of a packet is a key frame (VP9 bitstream specification, 6.2)."""
    if not data or data[0] >> 6 != 2:
        return False
    profile = (data[0] >> 5 & 1) | (data[0] >> 3 & 2)
    rest = data[0] << (5 if profile == 3 else 4) & 0xFF
    return not rest & 0x80 and not rest & 0x40


_OBU_SEQUENCE, _OBU_DELIMITER, _OBU_FRAME_HEADER, _OBU_FRAME, _OBU_PADDING = 1, 2, 3, 6, 15


class Av1Join:
    """Each run of pictures starts with a key frame behind its own sequence header, in band."""

    encoder_options: dict[str, str] = {}

    def __init__(self, extradata: bytes) -> None:
        self._header = extradata[4:] if extradata[:1] == b"\x81" else extradata

    def clean(self, pack: Pack) -> bool:
        if not pack.key:
            return False
        for kind, _, payload in obus(pack.data):
            if kind in (_OBU_FRAME_HEADER, _OBU_FRAME) and payload:
                return payload[0] >> 4 == 0b0001  # no show_existing_frame, KEY_FRAME, show_frame
        return False

    def copied(self, data: bytes, *, first: bool) -> bytes:
        if first and all(kind != _OBU_SEQUENCE for kind, _, _ in obus(data)):
            if not self._header:
                raise SmartImpossible("it has no sequence header")
            return self._header + data
        return data

    def encoded(self, data: bytes) -> bytes:
        return b"".join(whole for kind, whole, _ in obus(data) if kind not in (_OBU_DELIMITER, _OBU_PADDING))

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        return None


def obus(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """(type, whole unit, payload) of each open bitstream unit of a packet (AV1 specification, 5.3).

    Raises:
        SmartImpossible: they do not fill the packet.
    """
    found, position = [], 0
    while position < len(data):
        start, head = position, data[position]
        position += 2 if head & 4 else 1
        size = len(data) - position
        if head & 2:
            size = shift = 0
            while True:
                if position >= len(data) or shift > 56:
                    raise SmartImpossible("an AV1 packet is broken")
                byte = data[position]
                position += 1
                size |= (byte & 127) << shift
                shift += 7
                if not byte & 128:
                    break
        if position + size > len(data):
            raise SmartImpossible("an AV1 packet is broken")
        found.append((head >> 3 & 15, data[start : position + size], data[position : position + size]))
        position += size
    return found


def join_for(codec: str, extradata: bytes | None) -> Join:
    """The rules of ``codec`` (FFmpeg's name).

    Raises:
        SmartImpossible: there are none.
    """
    if codec == "h264":
        return H264Join(extradata or b"")
    if codec == "hevc":
        from src.services.cutting.engine.codecs.hevc import HevcJoin  # it needs this module's words

        return HevcJoin(extradata or b"")
    if codec == "vp9":
        return Vp9Join()
    if codec == "av1":
        return Av1Join(extradata or b"")
    raise SmartImpossible(f"{codec} is encoded as a whole")
