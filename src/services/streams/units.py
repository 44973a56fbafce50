"""Packets of H.264, HEVC and AAC as an MP4 holds them, whatever container they come from."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from src.services.cutting.engine.codecs import hevc_parameter_sets as hevc_sets
from src.services.cutting.engine.codecs import nal

_HEVC_SETS = (nal.HEVC_VPS, nal.HEVC_SPS, nal.HEVC_PPS)
_HEVC_DELIMITER = 35


@dataclass(frozen=True, slots=True)
class Units:
    """How the packets of one source are taken apart: ``width`` is the size of lengths, 0 for start codes; ``sets`` are
    its parameter sets."""

    codec: str
    sets: tuple[bytes, ...]
    width: int
    header: bytes

    @classmethod
    def of(cls, codec: str, extradata: bytes) -> Units | None:
        """Those of a stream; None for other codecs, and where its header is not understood."""
        try:
            if codec == "h264":
                avc = nal.AvcSets.parse(extradata)
                return cls(codec, avc.sps + avc.pps, avc.width, avc.record())
            if codec == "hevc":
                hevc = hevc_sets.Sets.parse(extradata)
                return cls(codec, hevc.vps + hevc.sps + hevc.pps, hevc.width, hevc.record())
        except (ValueError, IndexError, struct.error):
            return None
        return None

    def record(self) -> bytes:
        """The codec header of an MP4, for packets with lengths of 4 bytes."""
        return self.header

    def converted(self, data: bytes, *, with_sets: bool) -> bytes:
        """A packet with lengths of 4 bytes. ``with_sets``: with the parameter sets of this source in front; otherwise
        without those that are in its header."""
        try:
            units = nal.split_lengths(data, self.width) if self.width else nal.split_annexb(data)
        except ValueError:
            units = nal.split_annexb(data)
        kept = [unit for unit in units if unit and not self._is_spare(unit)]
        return nal.join([*self.sets, *kept] if with_sets else kept)

    def _is_spare(self, unit: bytes) -> bool:
        """Whether a unit is a delimiter, or a set that the header has."""
        kind = unit[0] & 31 if self.codec == "h264" else hevc_sets.kind(unit)
        if kind == (nal.H264_AUD if self.codec == "h264" else _HEVC_DELIMITER):
            return True
        is_set = kind in ((nal.H264_SPS, nal.H264_PPS) if self.codec == "h264" else _HEVC_SETS)
        return is_set and unit.rstrip(b"\0") in {known.rstrip(b"\0") for known in self.sets}


def adts_config(data: bytes) -> bytes | None:
    """The AudioSpecificConfig that an ADTS header stands for (ISO/IEC 14496-3, 1.6.2.1); None if there is none."""
    if not _is_adts(data):
        return None
    profile, rate = data[2] >> 6, data[2] >> 2 & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return struct.pack(">H", (profile + 1) << 11 | rate << 7 | channels << 3)


def without_adts(data: bytes) -> bytes:
    """A frame of AAC without the header that it has in transport streams."""
    if not _is_adts(data):
        return data
    return data[7 if data[1] & 1 else 9 :]


def _is_adts(data: bytes) -> bool:
    return len(data) > 9 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
