"""Joins copied and encoded frames of VP9, and recognises its key frames."""

from __future__ import annotations

from src.services.cutting.engine.demuxer import Pack


class Vp9Join:
    """Changes nothing: a key frame resets the decoder, and packets are stored in presentation order."""

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
