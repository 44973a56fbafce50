"""Writes WebM fields that FFmpeg cannot set: the header of an Opus stream, the exact duration, the display size."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from src.services.cutting.engine.indexes.webm import (
    DURATION,
    INFO,
    SEGMENT,
    TRACK_ENTRY,
    TRACKS,
    Element,
    elements,
    read_element,
)

ROOM = "-" * 60
"""The title of a video track without square pixels: ``set_webm_shape`` overwrites it."""
_NAME, _VIDEO, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _VOID = 0x536E, 0xE0, 0x54B0, 0x54BA, 0xEC
_HEAD_BYTES = 1 << 16  # enough for the codec headers and subtitles before the searched elements


def _element(identity: int, content: bytes) -> bytes:
    size = struct.pack(">Q", len(content) | 1 << 56)
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + size + content


def _number(identity: int, value: int) -> bytes:
    return _element(identity, value.to_bytes(max((value.bit_length() + 7) // 8, 1), "big"))


def opus_template(head: bytes, channels: int, priming: int) -> bytes:
    """Build a WebM with one Opus track of this OpusHead, whose first ``priming`` samples (48 kHz) are hidden.

    PyAV can only set the initial padding of a stream by copying it from a file.
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
    """Write the duration into a file: that of FFmpeg includes hidden audio."""
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        for entry in _in_segment(head, INFO):
            if entry.id == DURATION and entry.end is not None and entry.end - entry.body == 8:
                file.seek(entry.body)
                file.write(struct.pack(">d", float(seconds * 1000)))


def set_webm_shape(path: Path, width: int, height: int) -> None:
    """Write the display size of the video in place of the title ``ROOM`` of its track, so that no byte moves."""
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        for track in _in_segment(head, TRACKS):
            if track.id != TRACK_ENTRY or track.end is None:
                continue
            children = list(elements(head, track.body, track.end))
            if not any(e.id == _NAME and head[e.body : e.end] == ROOM.encode() for e in children):
                continue
            shown = _number(_DISPLAY_WIDTH, width) + _number(_DISPLAY_HEIGHT, height)
            body = b""
            for child in children:
                if child.id == _VIDEO:
                    body += _element(_VIDEO, head[child.body : child.end] + shown)
                elif child.id != _NAME:
                    body += head[child.start : child.end]
            left = track.end - track.body - len(body) - 9
            file.seek(track.body)
            file.write(body + _element(_VOID, bytes(left)))


def _in_segment(head: bytes, wanted: int) -> Iterator[Element]:
    """Iterate over the children of one element of the segment that starts in ``head``."""
    ebml = read_element(head, 0)
    segment = None if ebml is None or ebml.end is None else read_element(head, ebml.end)
    if segment is None or segment.id != SEGMENT:
        return
    for element in elements(head, segment.body, len(head)):
        if element.id == wanted and element.end is not None:
            yield from elements(head, element.body, element.end)
