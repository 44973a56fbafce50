"""Joins copied and encoded frames of AV1, and reads its bitstream units."""

from __future__ import annotations

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible

_OBU_SEQUENCE, _OBU_DELIMITER, _OBU_FRAME_HEADER, _OBU_FRAME, _OBU_PADDING = 1, 2, 3, 6, 15


class Av1Join:
    """Starts each run of frames with its own in-band sequence header and a key frame."""

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
    """Split a packet into its open bitstream units: (type, whole unit, payload) (AV1 specification, 5.3).

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
