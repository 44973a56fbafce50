"""Which segments of a track hold a stretch of time, and what their clock says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from copy import copy
from fractions import Fraction

import av
from av.error import FFmpegError

from src.models.outcome import Note
from src.services.clip import boxes
from src.services.clip.demux import nearest_turn
from src.services.clip.fetcher import Fetcher
from src.services.clip.hls_playlist import Piece, Segment, initialisations
from src.services.clip.index import Layout
from src.services.clip.mp4_index import read_tracks, without_edits
from src.services.clip.piece_reading import URGENT, read_piece
from src.services.clip.reader import Part
from src.services.clip.resource import Resource
from src.services.clip.source import Discontinuous, SourceUnreadable
from src.services.clip.webm_index import EBML

_HEAD_BYTES = 188 * 696  # whole transport packets, nearly 128 KiB: enough to meet the first picture
_MOST_CLOCK_DIFFERENCE = 10
_PACKED_CLOCK = b"com.apple.streaming.transportStreamTimestamp\0"


class SegmentIndex:
    """A track of segments whose times run through, group by group between discontinuities."""

    def __init__(self, fetcher: Fetcher, segments: list[Segment], open_piece: Callable[[Piece, str], Resource]) -> None:
        self.notes: tuple[Note, ...] = ()
        self.segments, self._fetcher, self._open = segments, fetcher, open_piece
        self.duration: Fraction | None = segments[-1].end
        self._resources: dict[Piece, Resource] = {}
        self._heads: dict[Piece, Resource] = {}
        self._containers: dict[int, str] = {}
        self._inits: dict[Piece, tuple[bytes, dict[int, Fraction]]] = {}
        self._init_pieces = initialisations(segments)
        self._origins: dict[int, Fraction] = {}
        self.origin = self._origin(segments[0].group)

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        first = max((n for n, s in enumerate(self.segments) if s.start <= start), default=0)
        last = max((n for n, s in enumerate(self.segments) if s.start < end), default=first)
        group = self.segments[first].group
        if self.segments[last].group != group:
            raise Discontinuous("a discontinuity lies inside the clip")
        parts = [self._part(number) for number in range(first, last + 1)]
        behind = [segment.group for segment in self.segments[last + 1 : last + 3]]
        parts += [self._part(last + 1, eager=False)] if group in behind[:1] else []
        init, shifts = self._init(self.segments[first].init)
        origin, container = self._origin(group), self._container(init, group)
        if container == "aac":  # its times begin at 0 with whatever is read first
            clock = packed_clock(self._head(first, _HEAD_BYTES))
            origin = -(self.segments[first].start if clock is None else clock - origin)
        return Layout(
            (Part(init), *parts) if init else tuple(parts),
            container,
            {place: shift + origin for place, shift in shifts.items()},
            origin,
            at_start=first == 0 or self.segments[first - 1].group != group,
            at_end=group not in behind[:1],
            rough=behind == [group, group],
            span=(self.segments[first].start, self.segments[last].end),
        )

    def parts(self, start: Fraction, end: Fraction) -> list[SegmentIndex]:
        """An index for each stretch between two discontinuities that [start, end) touches; they share what is known."""
        touched = [s.group for s in self.segments if s.start < end and s.end > start]
        found = []
        for group in dict.fromkeys(touched):
            part = copy(self)
            part.segments = [segment for segment in self.segments if segment.group == group]
            part.duration = part.segments[-1].end
            part.origin = part._origin(group)
            found.append(part)
        return found

    def follow(self, other: SegmentIndex) -> None:
        """Use the clock of ``other``, the picture of the same film, if both seem to have the same."""
        if abs(nearest_turn(other.origin, self.origin) - self.origin) < _MOST_CLOCK_DIFFERENCE:
            self.origin = other.origin
            self._origins = {**self._origins, self.segments[0].group: other.origin}

    def _resource(self, number: int) -> Resource:
        segment = self.segments[number]
        if segment.piece not in self._resources:
            self._resources[segment.piece] = self._open(segment.piece, str(segment.number))
        return self._resources[segment.piece]

    def _part(self, number: int, *, eager: bool = True) -> Part:
        piece, resource = self.segments[number].piece, self._resource(number)
        if piece.range is None:
            return Part(resource=resource, eager=eager)
        return Part(resource=resource, start=piece.range.start, length=piece.range.length, eager=eager)

    def _init(self, piece: Piece | None) -> tuple[bytes, dict[int, Fraction]]:
        """The initialisation without edit lists, and what they shift each stream by."""
        if piece is None:
            return b"", {}
        if piece not in self._inits:
            name = f"init {self._init_pieces.index(piece)}"
            content = read_piece(self._fetcher, self._open(piece, name), piece)
            moov = boxes.find(content, "moov")
            shifts: dict[int, Fraction] = {}
            if moov is not None:
                box = content[moov.start : moov.end]
                shifts = {place: track.shift for place, track in enumerate(read_tracks(box))}
                content = boxes.make(b"ftyp", b"iso6", bytes(4), b"iso6mp41") + without_edits(box)
            self._inits[piece] = content, shifts
        return self._inits[piece]

    def _container(self, init: bytes, group: int) -> str:
        """FFmpeg's name for what the segments of a group are, told by its first one."""
        if group not in self._containers:
            number = next(n for n, segment in enumerate(self.segments) if segment.group == group)
            self._containers[group] = container_of(init or self._head(number, _HEAD_BYTES))
        return self._containers[group]

    def _head(self, number: int, size: int) -> bytes:
        """The beginning of a segment, without fetching all of it where that is possible."""
        segment, resource = self.segments[number], self._resource(number)
        begin = 0 if segment.piece.range is None else segment.piece.range.start
        if resource.decryptor is not None or resource.whole:
            size = min(size, self._fetcher.wait_complete(resource))
        elif segment.piece.range is None:
            if segment.piece not in self._heads:  # apart, for the segment itself comes in one piece
                self._heads[segment.piece] = self._open(segment.piece, f"head {segment.number}")
            resource = self._heads[segment.piece]
        data = bytearray()
        self._fetcher.want(resource, begin, begin + size, URGENT)
        while len(data) < size and (more := self._fetcher.read(resource, begin + len(data), size - len(data))):
            data += more
        return bytes(data)

    def _origin(self, group: int) -> Fraction:
        """What is to be subtracted from the times in a group to get times of the playlist."""
        if group not in self._origins:
            number = next(n for n, segment in enumerate(self.segments) if segment.group == group)
            init, shifts = self._init(self.segments[number].init)
            head, container = self._head(number, _HEAD_BYTES), self._container(init, group)
            clock = packed_clock(head) if container == "aac" else first_time(init + head, container, shifts)
            self._origins[group] = Fraction(0) if clock is None else clock - self.segments[number].start
        return self._origins[group]


def container_of(head: bytes) -> str:
    """FFmpeg's name of what begins so.

    Raises:
        SourceUnreadable: it is nothing that segments are made of.
    """
    if head[:1] == b"\x47":
        return "mpegts"
    if head[:4] == EBML.to_bytes(4, "big"):
        return "matroska"
    if head[4:8] in (b"ftyp", b"styp", b"moof", b"moov", b"sidx"):
        return "mp4"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0):
        return "aac"  # packed audio: ADTS, behind a tag that tells its time (RFC 8216, 3.4)
    raise SourceUnreadable("its segments are of an unknown kind")


def packed_clock(head: bytes) -> Fraction | None:
    """When a segment of packed audio begins, in seconds of the clock of its film; None when it does not tell."""
    place = head.find(_PACKED_CLOCK) + len(_PACKED_CLOCK)
    if head[:3] != b"ID3" or place < len(_PACKED_CLOCK) or place + 8 > len(head):
        return None
    return Fraction(int.from_bytes(head[place : place + 8], "big") & ((1 << 33) - 1), 90_000)


def first_time(content: bytes, container: str, shifts: Mapping[int, Fraction]) -> Fraction:
    """Presentation time of the first key frame (of the first sound, if there is no picture) in the beginning of a file.

    Raises:
        SourceUnreadable: it holds none.
    """
    try:
        with av.open(io.BytesIO(content), "r", format=container) as file:
            kinds = [stream.type for stream in file.streams]
            for packet in file.demux():
                right = packet.stream.type == "video" or "video" not in kinds
                if packet.pts is not None and packet.is_keyframe and right:
                    return packet.pts * packet.time_base - shifts.get(packet.stream_index, Fraction(0))
    except FFmpegError as error:
        raise SourceUnreadable(f"its first segment cannot be read: {error}") from error
    raise SourceUnreadable("its first segment holds no key frame")
