"""What FFmpeg cannot be told about WebM: a template with the facts of an Opus stream, and a file's true length."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

from src.services.clip.webm_index import DURATION, INFO, SEGMENT, elements, read_element


def _element(identity: int, content: bytes) -> bytes:
    size = struct.pack(">Q", len(content) | 1 << 56)
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + size + content


def _number(identity: int, value: int) -> bytes:
    return _element(identity, value.to_bytes(max((value.bit_length() + 7) // 8, 1), "big"))


def opus_template(head: bytes, channels: int, priming: int) -> bytes:
    """A WebM with one Opus track of this OpusHead, whose first ``priming`` samples (48 kHz) are not to be heard.

    PyAV gives no access to a stream's initial padding except by reading a file that has it.
    """
    track = (
        _number(0xD7, 1)  # TrackNumber
        + _number(0x73C5, 1)  # TrackUID
        + _number(0x83, 2)  # TrackType: audio
        + _element(0x86, b"A_OPUS")  # CodecID
        + _number(0x56AA, round(priming * 10**9 / 48000))  # CodecDelay
        + _number(0x56BB, 80_000_000)  # SeekPreRoll
        + _element(0x63A2, head)  # CodecPrivate
        + _element(0xE1, _element(0xB5, struct.pack(">d", 48000.0)) + _number(0x9F, channels))
    )
    # one frame of 20 ms silence for each pair of channels: enough to be recognised
    block = _element(0xA3, b"\x81\x00\x00\x80" + b"\xfc\xff\xfe")
    segment = (
        _element(0x1549A966, _number(0x2AD7B1, 1_000_000))
        + _element(0x1654AE6B, _element(0xAE, track))
        + _element(0x1F43B675, _number(0xE7, 0) + block)
    )
    header = _element(0x1A45DFA3, _element(0x4282, b"webm") + _number(0x4287, 4) + _number(0x4285, 2))
    return header + _element(0x18538067, segment)


def set_webm_duration(path: Path, seconds: Fraction) -> None:
    """Write the length into a file of FFmpeg's, whose own count includes sound that is not to be heard."""
    with path.open("r+b") as file:
        head = file.read(4096)
        ebml = read_element(head, 0)
        segment = None if ebml is None or ebml.end is None else read_element(head, ebml.end)
        if segment is None or segment.id != SEGMENT:
            return
        for element in elements(head, segment.body, len(head)):
            if element.id == INFO and element.end is not None:
                for entry in elements(head, element.body, element.end):
                    if entry.id == DURATION and entry.end is not None and entry.end - entry.body == 8:
                        file.seek(entry.body)
                        file.write(struct.pack(">d", float(seconds * 1000)))
