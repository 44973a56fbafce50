"""Reads the first packets of transport stream segments, without a decoder, to find changes of clock or layout.

It may find nothing, which proves nothing; what it finds is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_HEAD_BYTES = 188 * 400
_PACKET, _SYNC = 188, 0x47
_TURN = 1 << 33
_HERTZ = 90_000
_STEP_SECONDS = 0.5
_HEVC_SPS = 33
_SPS_BYTES = 16  # profile, level and size are among the first ones


@dataclass(frozen=True, slots=True)
class Hint:
    """Facts from the start of a segment: the first times of its streams in ticks of 1/90000 s, the first bytes of its
    H.264 or HEVC sequence parameter set, and the fixed part of the first ADTS header."""

    video: int | None = None
    audio: int | None = None
    parameters: bytes | None = None
    audio_header: int | None = None


def agree(paths: Sequence[Path], seconds: Sequence[float]) -> bool:
    """Whether segments of these lengths can be parts of one continuous recording."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            found.append(read_hint(file.read(_HEAD_BYTES)))
    if len({hint.parameters for hint in found if hint.parameters is not None}) > 1:
        return False
    if len({hint.audio_header for hint in found if hint.audio_header is not None}) > 1:
        return False
    for (one, other), length in zip(pairwise(found), seconds, strict=False):
        for before, after in ((one.video, other.video), (one.audio, other.audio)):
            if before is not None and after is not None and not _goes_on(before, after, length):
                return False
    return True


def is_hevc(segment: Path, init: Path | None) -> bool:
    """Whether the start of a segment or its initialisation shows HEVC."""
    with segment.open("rb") as file:
        parameters = read_hint(file.read(_HEAD_BYTES)).parameters
    if parameters is not None:
        return parameters[0] >> 1 == _HEVC_SPS
    head = b"" if init is None else init.read_bytes()
    return b"hvc1" in head or b"hev1" in head


def _goes_on(before: int, after: int, length: float) -> bool:
    away = (after - before - round(length * _HERTZ)) % _TURN
    return min(away, _TURN - away) <= _STEP_SECONDS * _HERTZ


def read_hint(head: bytes) -> Hint:
    """Read the packets at the start of a segment."""
    video = audio = audio_header = None
    parameters = None
    for at in range(0, len(head) - _PACKET + 1, _PACKET):
        packet = head[at : at + _PACKET]
        if packet[0] != _SYNC:
            break
        if not packet[1] & 0x40:  # no PES packet starts here (ISO/IEC 13818-1, 2.4.3.3)
            continue
        payload = packet[4 + (1 + packet[4] if packet[3] & 0x20 else 0) :]
        if len(payload) < 14 or payload[:3] != b"\0\0\x01":
            continue
        stamp = _stamp(payload)
        content = payload[9 + payload[8] :]
        if payload[3] & 0xF0 == 0xE0 and video is None:
            video, parameters = stamp, _parameters(content)
        elif payload[3] & 0xE0 == 0xC0 and audio is None:
            audio = stamp
            header = int.from_bytes(content[:4], "big")
            # Profile, rate and channels (ISO/IEC 14496-3, 1.A.2.2); the rest changes from frame to frame.
            audio_header = header & 0xFFF6FDC0 if header >> 20 == 0xFFF and header >> 17 & 3 == 0 else None
        if video is not None and audio is not None:
            break
    return Hint(video, audio, parameters, audio_header)


def _stamp(pes: bytes) -> int | None:
    """Read the presentation time of a PES packet (ISO/IEC 13818-1, 2.4.3.7)."""
    if not pes[7] & 0x80:
        return None
    a, b, c, d, e = pes[9:14]
    return (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1


def _parameters(content: bytes) -> bytes | None:
    at = content.find(b"\0\0\x01")
    while at >= 0 and at + 3 + _SPS_BYTES <= len(content):
        kind = content[at + 3]
        if kind & 0x9F == 7 or kind >> 1 == _HEVC_SPS:
            return content[at + 3 : at + 3 + _SPS_BYTES]
        at = content.find(b"\0\0\x01", at + 3)
    return None
