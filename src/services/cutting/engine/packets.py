"""Writes the packets of several parts into one MP4, one part after the other, without decoding them.

It reads what a site sent, so it only runs in sandboxed child processes.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from src.services.cutting.engine.parts import Part
from src.services.cutting.engine.units import Units, adts_config, without_adts

_VIDEO_BASE = Fraction(1, 90_000)
_PLAYLIST_OPTIONS = {
    "protocol_whitelist": "file",
    "allowed_extensions": "ALL",
    "allowed_segment_extensions": "ALL",
    "extension_picky": "0",
}
_PEEKED = 32  # packets to read for the first time of a stream: reordering never moves it beyond them
_SAME_SECONDS = 0.5
_SNAP_SECONDS = 0.002  # clocks of transport streams are rounded to less than that
_MOST_OVERLAP = Fraction(1, 2)  # of an audio packet; one that overlaps the last one further is dropped
_TAGS = {"hevc": "hvc1"}  # Apple's players refuse hev1


@dataclass(slots=True)
class _Out:
    """A packet to write. Times in ticks of its stream's time base."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool


class _Chain:
    """Reads files one after the other, from the first byte to the last."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = list(paths)
        self._starts = list(itertools.accumulate((path.stat().st_size for path in paths), initial=0))
        self._at = 0
        self._open: tuple[int, BinaryIO] | None = None

    def read(self, size: int) -> bytes:
        """Read the next bytes; returns no bytes at the end."""
        number = bisect.bisect_right(self._starts, self._at) - 1
        if number >= len(self._files):
            return b""
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
            self._open = number, self._files[number].open("rb")
        file = self._open[1]
        file.seek(self._at - self._starts[number])
        data = file.read(size)
        self._at += len(data)
        return data


class _SeekableChain(_Chain):
    """The same for FFmpeg's demuxer of transport streams, which reads ahead and seeks back."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte."""
        base = {0: 0, 1: self._at, 2: self._starts[-1]}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at


class _Opened:
    """An open part."""

    def __init__(self, part: Part, kind: str) -> None:
        if part.format in ("hls", "nut"):
            options = _PLAYLIST_OPTIONS if part.format == "hls" else {}
            self.container = av.open(str(part.paths[0]), "r", format=part.format, container_options=options)
        else:
            chain = (_SeekableChain if part.format == "mpegts" else _Chain)(part.paths)
            self.container = av.open(chain, "r", format=part.format)
        self.stream: Any = getattr(self.container.streams, kind)[0]
        packets = (packet for packet in self.container.demux(self.stream) if packet.size and packet.pts is not None)
        peeked = list(itertools.islice(packets, _PEEKED))
        self.packets: Iterator[Any] = itertools.chain(peeked, packets)
        first = min((float(packet.pts * packet.time_base) for packet in peeked), default=part.first)
        # FFmpeg may report the same moment with another wrap of the clock, depending on where a file starts.
        away = part.first - first
        self.shift = Fraction(part.shift + (away if abs(away) > _SAME_SECONDS else 0.0)).limit_denominator(90_000_000)


def write_mp4(
    parts: Mapping[str, Sequence[Part]], output: Path, written: Callable[[str, int], None] = lambda kind, count: None
) -> dict[str, int]:
    """Write the parts of each kind one after the other, at their times. Returns the number of packets by kind.

    ``written`` is called after each packet with its kind and how many of this kind are written.
    """
    counts = dict.fromkeys(parts, 0)
    with av.open(str(output), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        writers: dict[str, _Video | _Audio] = {}
        for kind, found in parts.items():
            if found:
                writers[kind] = (_Video if kind == "video" else _Audio)(found, container)
        merged = heapq.merge(*(_timed(kind, writer) for kind, writer in writers.items()), key=lambda entry: entry[0])
        for _, kind, out in merged:
            writer = writers[kind]
            packet = av.Packet(out.data)
            packet.stream = writer.stream
            packet.time_base = writer.base
            packet.pts, packet.dts, packet.duration = out.pts, out.dts, out.duration
            packet.is_keyframe = out.key
            container.mux_one(packet)
            counts[kind] += 1
            written(kind, counts[kind])
        if not any(counts.values()):
            raise ValueError("no packets to write")
    return counts


def _timed(kind: str, writer: _Video | _Audio) -> Iterator[tuple[Fraction, str, _Out]]:
    for out in writer.packets():
        yield out.dts * writer.base, kind, out


class _Video:
    """The video of all parts as one stream."""

    base = _VIDEO_BASE

    def __init__(self, parts: Sequence[Part], container: Any) -> None:
        self._parts = parts
        self._first = _Opened(parts[0], "video")
        template = self._first.stream
        codec = template.codec_context.codec.canonical_name
        self.stream = container.add_stream_from_template(template, opaque=True)
        self.stream.time_base = self.base
        self._header = Units.of(codec, template.codec_context.extradata or b"")
        self._in_band = self._header is not None and self._differ(codec)
        if self._header is not None:
            self.stream.codec_context.extradata = self._header.record()
        self.stream.codec_context.sample_aspect_ratio = template.sample_aspect_ratio or Fraction(1)
        if codec in _TAGS:
            self.stream.codec_context.codec_tag = _TAGS[codec]

    def _differ(self, codec: str) -> bool:
        """Whether the parts have different parameter sets, so that each must contain its own."""
        for part in self._parts[1:]:
            opened = _Opened(part, "video")
            other = Units.of(codec, opened.stream.codec_context.extradata or b"")
            if other is None or self._header is None or other.sets != self._header.sets:
                return True
        return False

    def packets(self) -> Iterator[_Out]:
        """Read all packets, with increasing decode times."""
        last: int | None = None
        for number, part in enumerate(self._parts):
            opened = self._first if number == 0 else _Opened(part, "video")
            codec = opened.stream.codec_context.codec.canonical_name
            units = Units.of(codec, opened.stream.codec_context.extradata or b"")
            started = False
            for packet in opened.packets:
                started = started or packet.is_keyframe
                if not started:
                    continue  # frames before the first key frame cannot be decoded
                pts = round((packet.pts * packet.time_base + opened.shift) / self.base)
                decoded = packet.pts if packet.dts is None else packet.dts
                dts = round((decoded * packet.time_base + opened.shift) / self.base)
                if last is not None and dts <= last:
                    dts = last + 1
                pts, last = max(pts, dts), dts
                data = bytes(packet)
                if units is not None and self._header is not None:
                    data = units.converted(data, with_sets=self._in_band and packet.is_keyframe)
                length = round((packet.duration or 0) * packet.time_base / self.base)
                yield _Out(data, pts, dts, length, packet.is_keyframe)


class _Audio:
    """The audio of all parts as one stream."""

    def __init__(self, parts: Sequence[Part], container: Any) -> None:
        self._parts = parts
        self._first = _Opened(parts[0], "audio")
        template = self._first.stream
        self._aac = template.codec_context.codec.canonical_name == "aac"
        self.base = Fraction(1, template.codec_context.sample_rate or 48_000)
        peeked = next(self._first.packets, None)
        if peeked is not None:
            self._first.packets = itertools.chain([peeked], self._first.packets)
        self.stream = container.add_stream_from_template(template, opaque=True)
        self.stream.time_base = self.base
        config = adts_config(bytes(peeked)) if self._aac and peeked is not None else None
        if config is not None:
            self.stream.codec_context.extradata = config

    def packets(self) -> Iterator[_Out]:
        """Read all packets, without overlaps."""
        end: int | None = None
        usual = round(Fraction(1024, 48_000) / self.base)
        for number, part in enumerate(self._parts):
            opened = self._first if number == 0 else _Opened(part, "audio")
            for packet in opened.packets:
                pts = round((packet.pts * packet.time_base + opened.shift) / self.base)
                length = round((packet.duration or 0) * packet.time_base / self.base) or usual
                if pts + length <= 0:
                    continue  # it ends before the video starts
                if end is not None:
                    if pts < end - length * _MOST_OVERLAP:
                        continue
                    if abs(pts - end) < _SNAP_SECONDS / self.base or pts < end:
                        pts = end
                end = pts + length
                data = bytes(packet)
                yield _Out(without_adts(data) if self._aac else data, pts, pts, length, True)
