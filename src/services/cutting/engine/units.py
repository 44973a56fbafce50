"""Converts packets of H.264, HEVC and AAC from any container to the form that an MP4 needs."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from src.services.cutting.engine.codecs import hevc_parameter_sets as hevc_sets
from src.services.cutting.engine.codecs import nal

_H264_SETS: tuple[int, ...] = (nal.H264_SPS, nal.H264_PPS)
_HEVC_SETS: tuple[int, ...] = (nal.HEVC_VPS, nal.HEVC_SPS, nal.HEVC_PPS)
_HEVC_DELIMITER = 35


@dataclass(frozen=True, slots=True)
class Units:
    """The packet format of one source. ``width``: the size of NAL lengths in bytes, 0 for start codes; ``sets``: its
    parameter sets."""

    codec: str
    sets: tuple[bytes, ...]
    width: int
    header: bytes

    @classmethod
    def of(cls, codec: str, extradata: bytes) -> Units | None:
        """Read the format of a stream from its header; None for other codecs and headers that cannot be parsed."""
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
        """Return the codec header for an MP4, for packets with 4-byte lengths."""
        return self.header

    def converted(self, data: bytes, *, with_sets: bool) -> bytes:
        """Convert a packet to 4-byte lengths. ``with_sets``: with the parameter sets of this source in front; otherwise
        without those of its header."""
        try:
            units = nal.split_lengths(data, self.width) if self.width else nal.split_annexb(data)
        except ValueError:
            units = nal.split_annexb(data)
        needed = [unit for unit in units if unit and not self._is_redundant(unit)]
        return nal.join([*self.sets, *needed] if with_sets else needed)

    def _is_redundant(self, unit: bytes) -> bool:
        """Whether a unit is a delimiter, or a parameter set that the header contains."""
        if self.codec == "h264":
            kind, delimiter, sets = unit[0] & 31, nal.H264_AUD, _H264_SETS
        else:
            kind, delimiter, sets = hevc_sets.kind(unit), _HEVC_DELIMITER, _HEVC_SETS
        if kind == delimiter:
            return True
        return kind in sets and unit.rstrip(b"\0") in {known.rstrip(b"\0") for known in self.sets}


def adts_config(data: bytes) -> bytes | None:
    """Convert an ADTS header to an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); None without an ADTS header."""
    if not _is_adts(data):
        return None
    profile, rate = data[2] >> 6, data[2] >> 2 & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return struct.pack(">H", (profile + 1) << 11 | rate << 7 | channels << 3)


def without_adts(data: bytes) -> bytes:
    """Remove the ADTS header, which transport streams contain, from a frame of AAC."""
    if not _is_adts(data):
        return data
    return data[7 if data[1] & 1 else 9 :]


def _is_adts(data: bytes) -> bool:
    return len(data) > 9 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
