"""Examines a fetched segment: the times of its video and audio on its own clock, and whether bytes of it are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Any, NamedTuple

import av
from av.error import FFmpegError
from av.packet import Packet

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes.cloaked_segments import BYTES_TO_DECIDE, media_start
from src.services.cutting.engine.indexes.segment_heads import container_of, packed_clock
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.reader import Part, SequentialReader
from src.services.fetch.resource import Resource
from src.utils.clock_turns import nearest_turn

_PACKET_BYTES, _SYNC = 188, 0x47
_READ_BYTES = _PACKET_BYTES * 1024
_UNSURE_PACKETS = 3  # the first ones of a segment may need what comes before it (the bit reservoir of MP3)


class Extent(NamedTuple):
    """The packets of a stream: start and end in seconds, their number, and their usual and largest distance."""

    first: Fraction
    end: Fraction
    units: int
    usual: Fraction
    gap: Fraction

    @property
    def length(self) -> Fraction:
        """Its length in seconds."""
        return self.end - self.first

    def moved(self, seconds: Fraction) -> Extent:
        """Return the same extent, moved by some seconds."""
        return self._replace(first=self.first + seconds, end=self.end + seconds)


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """The contents of a segment. ``skipped``: bytes of an image before its media. ``shape``: its formats; one decoder
    can decode adjacent segments of the same shape.

    ``key``: time of the first key frame, or without video of the first audio packet. ``damaged``: its bytes are
    inconsistent, or packets of it cannot be decoded. ``turns``: its clock has 33 bits. ``timed``: it contains times.
    """

    container: str
    skipped: int
    shape: tuple[object, ...]
    video: Extent | None
    audio: Extent | None
    key: Fraction
    damaged: bool
    turns: bool
    timed: bool = True

    @property
    def main(self) -> Extent:
        """The extent of the video, or of the audio if there is no video."""
        found = self.video or self.audio
        assert found is not None
        return found

    def near(self, time: Fraction) -> SegmentFacts:
        """Return the same facts for the wrap of its clock that is nearest to ``time``."""
        if not self.turns:
            return self
        move = nearest_turn(self.key, time) - self.key
        video, audio = (extent and extent.moved(move) for extent in (self.video, self.audio))
        return replace(self, key=self.key + move, video=video, audio=audio)


class UnknownCodec(SourceUnreadable):
    """A stream has a codec without a decoder: the whole source cannot be read, not only this segment."""


def examine_segment(
    fetcher: Fetcher, resource: Resource, start: int, size: int, init: bytes, shifts: Mapping[int, Fraction]
) -> SegmentFacts:
    """Fetch and examine the segment in bytes [start, start + size) of a resource.

    Args:
        init: its initialisation, if any.
        shifts: the seconds by which the initialisation shifts each stream.

    Raises:
        SourceUnreadable: it is not media, or contains no packet with a time. What ``Fetcher.read`` raises.
    """
    head = _bytes(fetcher, resource, start, min(size, BYTES_TO_DECIDE))
    skipped = media_start(head)
    if skipped is None:
        raise SourceUnreadable("a segment is an image")
    container = container_of(init or head[skipped:])
    if init and container == "mp4" and not _is_box(head[skipped:], size):
        raise SourceUnreadable("a segment is not a fragment")
    start, size = start + skipped, size - skipped
    broken = container == "mpegts" and not _is_transport(fetcher, resource, start, size)
    broken = broken or (container == "mp4" and not _is_boxes(fetcher, resource, start, size))
    clock = packed_clock(head[skipped:]) if container == "aac" else Fraction(0)
    reader = SequentialReader(fetcher, [Part(init), Part(resource=resource, start=start, length=size)])
    streams = _Streams(shifts, -(clock or Fraction(0)))
    try:
        with av.open(reader, "r", format=container, metadata_errors="ignore") as file:
            streams.read(file)
    except FFmpegError as error:
        if not streams.found:
            raise SourceUnreadable(f"a segment cannot be read: {error}") from error
        broken = True
    video, audio = streams.extent("video"), streams.extent("audio")
    key = streams.key("video") if video else streams.key("audio")
    if key is None:
        raise SourceUnreadable("a segment contains neither video nor audio")
    shape = (container, streams.shapes.get("video"), streams.shapes.get("audio"))
    turns = container in ("mpegts", "aac")
    return SegmentFacts(
        container, skipped, shape, video, audio, key, broken or streams.damaged, turns, clock is not None
    )


def _bytes(fetcher: Fetcher, resource: Resource, start: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (more := fetcher.read(resource, start + len(data), size - len(data))):
        data += more
    return bytes(data)


def _is_transport(fetcher: Fetcher, resource: Resource, start: int, size: int) -> bool:
    """Whether the bytes are complete packets of a transport stream."""
    for at in range(start, start + size, _READ_BYTES):
        heads = _bytes(fetcher, resource, at, min(_READ_BYTES, start + size - at))[::_PACKET_BYTES]
        if heads.count(_SYNC) != len(heads):
            return False
    return size % _PACKET_BYTES == 0


def _is_box(head: bytes, size: int) -> bool:
    return head[4:8].isalnum() and int.from_bytes(head[:4], "big") <= size


def _is_boxes(fetcher: Fetcher, resource: Resource, start: int, size: int) -> bool:
    """Whether boxes fill the bytes completely."""
    at, end = start, start + size
    while at < end:
        head = _bytes(fetcher, resource, at, min(16, end - at))
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not head[4:8].isascii():
            return False
        at += length
    return at == end


class _Streams:
    """Collects the packets of the first video and the first audio stream of a segment."""

    def __init__(self, shifts: Mapping[int, Fraction], shift: Fraction) -> None:
        self._shifts, self._shift = shifts, shift
        self._ticks: dict[str, list[tuple[int, int]]] = {"video": [], "audio": []}
        self._keys: dict[str, int] = {}
        self._streams: dict[str, av.VideoStream | av.AudioStream] = {}
        self._clocks: dict[str, tuple[Fraction, Fraction]] = {}  # time base and shift: unavailable in a closed file
        self.shapes: dict[str, tuple[object, ...]] = {}
        """For each kind with packets: codec, and size or rate and channels."""
        self.damaged = False

    @property
    def found(self) -> bool:
        """Whether any packet was read."""
        return any(self._ticks.values())

    def read(self, file: av.container.InputContainer) -> None:
        """Read all packets. Raises FFmpegError for broken data, UnknownCodec for one without a decoder."""
        videos = [one for one in file.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
        for kind, streams in (("video", videos), ("audio", file.streams.audio)):
            if streams and streams[0].codec_context is None:
                raise UnknownCodec(f"its {kind} has a codec without a decoder")
            if streams and streams[0].time_base is not None:
                self._streams[kind] = streams[0]
                shift = self._shifts.get(streams[0].index, self._shift)
                self._clocks[kind] = Fraction(streams[0].time_base), shift
        names = {stream.index: kind for kind, stream in self._streams.items()}
        try:
            for packet in file.demux(list(self._streams.values())):
                if packet.size and packet.pts is not None:
                    self._take(names[packet.stream.index], packet)
        finally:
            used = {kind: stream for kind, stream in self._streams.items() if self._ticks[kind]}
            self.shapes = {kind: _shape(kind, stream.codec_context) for kind, stream in used.items()}

    def _take(self, kind: str, packet: Packet[Any]) -> None:
        """Count a packet, unless it is lost: cut short, overwritten, or impossible to decode."""
        assert packet.pts is not None
        ticks = self._ticks[kind]
        unit_lost = not self._is_sound(kind, packet, len(ticks))
        self.damaged = self.damaged or unit_lost or packet.is_corrupt
        if unit_lost:
            return
        ticks.append((packet.pts, packet.duration or 0))
        if packet.is_keyframe:
            self._keys.setdefault(kind, packet.pts)

    def _is_sound(self, kind: str, packet: Packet[Any], before: int) -> bool:
        if kind == "video":
            return _is_units(packet, self._streams[kind].codec_context)
        try:
            packet.decode()
        except FFmpegError:
            return before < _UNSURE_PACKETS
        return True

    def extent(self, kind: str) -> Extent | None:
        """Return the extent of one kind of stream; None if it has no packets."""
        ticks = sorted(self._ticks[kind])
        if not ticks:
            return None
        base, shift = self._clocks[kind]
        steps = [two[0] - one[0] for one, two in pairwise(ticks)]
        usual = median_low(steps) if steps else ticks[0][1]
        end = ticks[-1][0] + (ticks[-1][1] or usual)
        return Extent(
            ticks[0][0] * base - shift, end * base - shift, len(ticks), usual * base, max(steps, default=0) * base
        )

    def key(self, kind: str) -> Fraction | None:
        """Return the time of the first key frame, or of the first packet if none is marked as a key frame."""
        if not self._ticks[kind]:
            return None
        base, shift = self._clocks[kind]
        return self._keys.get(kind, self._ticks[kind][0][0]) * base - shift


def _shape(kind: str, context: av.CodecContext) -> tuple[object, ...]:
    """Return the codec, and size or rate and channels."""
    names = ("width", "height") if kind == "video" else ("sample_rate", "channels")
    return (context.codec.canonical_name, *(getattr(context, name) for name in names))


def _is_units(packet: Packet[Any], context: av.CodecContext) -> bool:
    """Whether the NAL units of an MP4's frame fill it by their lengths (ISO/IEC 14496-15). True for other formats."""
    header = context.extradata or b""
    name = context.codec.canonical_name
    place = {"h264": 4, "hevc": 21}.get(name)
    if place is None or len(header) <= place or header[0] != 1:
        return True
    width, data, at = (header[place] & 3) + 1, memoryview(packet), 0
    while at < len(data):
        at += width + int.from_bytes(data[at : at + width], "big")
    return at == len(data)
