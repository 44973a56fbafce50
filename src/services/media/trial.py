"""Decodes the parts of a file that show whether it plays: every key frame, the last group of pictures, all audio."""

from __future__ import annotations

import os
from typing import Any

import av

_LENGTHS = {"h264": 4, "hevc": 21}
"""Codecs whose packets are units with their length in front, and the byte of the codec header whose two lowest bits are
the size of such a length less one (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1)."""

_THREADS = min(os.cpu_count() or 1, 4)  # each holds frames
_MOST_PIXELS = 4096 * 2304  # of a frame that several threads decode: one of 8K takes 50 to 100 MB


class Trial:
    """Takes the packets of a file in file order. ``options``: those of the decoder of the video."""

    def __init__(self, options: dict[str, str]) -> None:
        self._group: list[Any] = []
        self._options = options
        self._width: int | None = None
        self._damaged = 0

    def take(self, packet: Any) -> None:
        """Decode the next packet, if it is needed. Raises FFmpeg's error if that fails."""
        if packet.stream.type != "video":
            packet.decode()
            return
        if not packet.size:
            return
        if self._width is None:
            self._width = length_bytes(packet.stream.codec_context)
        # A decoder skips what it cannot divide into units, and returns no frame without an error.
        self._damaged += bool(self._width) and not is_divided(bytes(packet), self._width)
        if packet.is_keyframe:
            if len(self._group) > 1:
                packet.stream.codec_context.flush_buffers()
            self._group = [packet]
            packet.decode()
        else:
            self._group.append(packet)

    def end(self) -> int:
        """Decode the last group of pictures. Returns the number of errors."""
        if not self._group:
            return self._damaged
        known = self._group[0].stream.codec_context
        # Parameter sets may be in an earlier packet, which only the decoder of the stream has seen.
        if not self._width or known.width * known.height > _MOST_PIXELS or _errors(self._threaded(known), self._group):
            known.flush_buffers()
            return _errors(known, self._group) + self._damaged
        return self._damaged

    def _threaded(self, known: Any) -> Any:
        """Return a decoder of several frames at the same time; that of the stream has begun with one by one."""
        context = av.CodecContext.create(known.codec.name, "r")
        context.extradata = known.extradata
        context.thread_type, context.thread_count = "FRAME", _THREADS
        context.options = self._options
        return context


def _errors(context: Any, group: list[Any]) -> int:
    errors = frames = 0
    for packet in (*group, None):
        try:
            frames += len(context.decode(packet))
        except av.error.FFmpegError:
            errors += 1
    return errors + (frames == 0)


def length_bytes(context: Any) -> int:
    """Return the size in bytes of the lengths of units in the packets of a stream; 0 if they have none."""
    header, place = context.extradata or b"", _LENGTHS.get(context.codec.canonical_name)
    if place is None or len(header) <= place or header[0] != 1:  # start codes, or another codec
        return 0
    return int(header[place] & 3) + 1


def is_divided(data: bytes, width: int) -> bool:
    """Whether a packet consists of complete units, each with its length in front."""
    place, size = 0, len(data)
    while place + width <= size:
        place += width + int.from_bytes(data[place : place + width], "big")
    return place <= size
