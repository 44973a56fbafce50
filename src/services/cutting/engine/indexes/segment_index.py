"""Indexes a track of segments: finds those of a time range, reads their clocks and checks their contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from fractions import Fraction
from functools import partial

from src.errors import AppError, MediaForbidden, MediaGone, StreamUnreadable
from src.models.media_source import SourceUnreadable
from src.models.outcome import Note
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.indexes.cloaked_segments import MOST_HEADER_BYTES, media_start
from src.services.cutting.engine.indexes.layout import Index, Layout
from src.services.cutting.engine.indexes.mp4 import read_tracks, without_edits
from src.services.cutting.engine.indexes.segment_facts import SegmentFacts, UnknownCodec, examine_segment
from src.services.cutting.engine.indexes.segment_heads import container_of, first_time, packed_clock
from src.services.cutting.engine.indexes.segment_junctions import Junction, is_whole, junction
from src.services.cutting.engine.model import Discontinuous
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.limits import MOST_INIT_BYTES
from src.services.fetch.reader import Part
from src.services.fetch.resource import Resource
from src.services.hls.pieces import URGENT, read_piece
from src.services.hls.playlist import Piece, Segment, initialisations
from src.utils.clock_turns import nearest_turn

_HEAD_BYTES = 188 * 696  # whole transport packets, nearly 128 KiB: enough to contain the first frame
_MOST_CLOCK_DIFFERENCE = 10


class SegmentIndex:
    """The index of a track of segments; their times are continuous within a group, between two discontinuities."""

    def __init__(
        self,
        fetcher: Fetcher,
        segments: list[Segment],
        open_piece: Callable[[Piece, str], Resource],
        gaps: Sequence[Segment] = (),
    ) -> None:
        """``gaps``: segments that the playlist marks as missing; they are not in ``segments``."""
        self.notes: tuple[Note, ...] = ()
        self.segments, self.gaps, self._fetcher, self._open = segments, tuple(gaps), fetcher, open_piece
        self.duration: Fraction | None = segments[-1].end
        self.checked: tuple[int, int] | None = None
        """Places of the first and last segment whose contents were examined, if any."""
        self._resources: dict[Piece, Resource] = {}
        self._heads: dict[Piece, Resource] = {}
        self._facts: dict[Piece, SegmentFacts | None] = {}
        self._containers: dict[int, str] = {}
        self._inits: dict[Piece, tuple[bytes, dict[int, Fraction]]] = {}
        self._init_pieces = initialisations(segments)
        self._origins: dict[int, Fraction] = {}

    @property
    def origin(self) -> Fraction:
        """Seconds to subtract from the times of the first group to get times of the playlist."""
        return self._origin(self.segments[0].group)

    def outline(self, start: Fraction, end: Fraction) -> Layout:
        """Return the bytes that ``plan`` would read, without reading any of them."""
        first, last = self._first(start), self._last(end)
        group = self.segments[first].group
        if self.segments[last].group != group:
            raise Discontinuous("a discontinuity lies inside the clip")
        first = max(first, self._earliest(first))
        following = [segment.group for segment in self.segments[last + 1 : last + 3]]
        parts = [self._part(number) for number in range(first, last + 1)]
        parts += [self._part(last + 1, eager=False)] if group in following[:1] else []
        at_start = first == 0 or self.segments[first - 1].group != group
        return Layout(
            tuple(parts),
            None,
            at_start=at_start,
            at_end=group not in following[:1],
            rough=following == [group, group],
            span=(self.segments[first].start, self.segments[last].end),
        )

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        layout, first = self.outline(start, end), self._first(start)
        assert layout.span is not None
        first = next(n for n in range(first, len(self.segments)) if self.segments[n].start >= layout.span[0])
        group = self.segments[first].group
        init, shifts = self._init(self.segments[first].init)
        origin, container = self._origin(group), self._container(init, first)
        if container == "aac":  # its times start at 0 with the first packet that is read
            clock = packed_clock(self._head(first))
            origin = -(self.segments[first].start if clock is None else clock - origin)
        return replace(
            layout,
            parts=(Part(init), *layout.parts) if init else layout.parts,
            container=container,
            shifts={place: shift + origin for place, shift in shifts.items()},
            shift=origin,
        )

    def of_group(self, group: int) -> SegmentIndex:
        """Return the index of one group, which shares all known facts."""
        return self.part([segment for segment in self.segments if segment.group == group])

    def part(self, segments: list[Segment], origin: Fraction | None = None) -> SegmentIndex:
        """Return the index of some adjacent segments of one group; ``origin``: theirs, if known."""
        part = copy(self)
        part.segments, part.duration = segments, segments[-1].end
        part._origins = {} if origin is None else {segments[0].group: origin}
        return part

    def follow(self, other: SegmentIndex) -> None:
        """Use the clock of ``other``, the video track of the same source, if both seem to share one."""
        if abs(nearest_turn(other.origin, self.origin) - self.origin) < _MOST_CLOCK_DIFFERENCE:
            self._origins = {**self._origins, self.segments[0].group: other.origin}

    # --- single segments --------------------------------------------------------------------------------------------

    def facts(self, number: int) -> SegmentFacts | None:
        """Fetch and examine a segment; None if it is missing or damaged.

        Raises:
            AppError: it could not be fetched for a reason that does not mean that it is missing.
        """
        piece = self.segments[number].piece
        if piece not in self._facts:
            try:
                self._facts[piece] = self._examine(number)
            except UnknownCodec:
                raise
            except (SourceUnreadable, MediaGone, StreamUnreadable):
                self._facts[piece] = None
            except MediaForbidden:  # object stores answer this for a missing object
                if not any(self._facts.values()):
                    raise
                self._facts[piece] = None
        return self._facts[piece]

    def junction(self, number: int) -> Junction | None:
        """Compare a segment with the next one; None if one of them is missing."""
        one, two = self.facts(number), self.facts(number + 1)
        first, second = self.segments[number], self.segments[number + 1]
        if one is None or two is None:
            return None
        return junction(one, first.end - first.start, two, second.end - second.start)

    def clock(self, number: int) -> Fraction | None:
        """Read the start time of a segment on its own clock; None if it has no times."""
        known = self._facts.get(self.segments[number].piece)
        if known is not None:
            return known.key if known.timed else None
        init, shifts = self._init(self.segments[number].init)
        head, container = self._head(number), self._container(init, number)
        return packed_clock(head) if container == "aac" else first_time(init + head, container, shifts)

    def _examine(self, number: int) -> SegmentFacts | None:
        segment, resource = self.segments[number], self._resource(number)
        if segment.piece.range is None:
            start, size = 0, self._fetcher.wait_complete(resource)
        else:
            start, size = segment.piece.range.start, segment.piece.range.length
            self._fetcher.want(resource, start, start + size, URGENT)
        found = examine_segment(self._fetcher, resource, start, size, *self._init(segment.init))
        return found if is_whole(found, segment.end - segment.start) else None

    def _first(self, start: Fraction) -> int:
        return max((n for n, s in enumerate(self.segments) if s.start <= start), default=0)

    def _last(self, end: Fraction) -> int:
        return max((n for n, s in enumerate(self.segments) if s.start < end), default=0)

    def _earliest(self, first: int) -> int:
        """Return the first segment from ``first`` on from which all are continuous up to the checked ones."""
        if self.checked is None:
            return first
        number = self.checked[0]
        while number > first and self.junction(number - 1) is Junction.FOLLOWS:
            number -= 1
        return number

    def _begin(self, number: int) -> int | None:
        """Return the number of bytes of a segment to skip; None if it does not continue the segment before it."""
        if self.checked is None or number <= self.checked[1]:  # ``_earliest`` already excluded other segments before
            known = self._facts.get(self.segments[number].piece)
            return known.skipped if known is not None else media_start(self._head(number))
        try:
            follows = self.junction(number - 1) is Junction.FOLLOWS
        except AppError:
            return None
        known = self.facts(number)
        return known.skipped if follows and known is not None else None

    def _resource(self, number: int) -> Resource:
        segment = self.segments[number]
        if segment.piece not in self._resources:
            self._resources[segment.piece] = self._open(segment.piece, str(segment.number))
        return self._resources[segment.piece]

    def _part(self, number: int, *, eager: bool = True) -> Part:
        piece, resource = self.segments[number].piece, self._resource(number)
        skip = partial(self._begin, number)
        if piece.range is None:
            return Part(resource=resource, eager=eager, skip=skip)
        return Part(resource=resource, start=piece.range.start, length=piece.range.length, eager=eager, skip=skip)

    def _init(self, piece: Piece | None) -> tuple[bytes, dict[int, Fraction]]:
        """Read an initialisation. Returns it without edit lists, and the shift of each stream by its edit list."""
        if piece is None:
            return b"", {}
        if piece not in self._inits:
            name = f"init {self._init_pieces.index(piece)}"
            content = read_piece(self._fetcher, self._open(piece, name), piece, MOST_INIT_BYTES)
            moov = boxes.find(content, "moov")
            shifts: dict[int, Fraction] = {}
            if moov is not None:
                box = content[moov.start : moov.end]
                shifts = {place: track.shift for place, track in enumerate(read_tracks(box))}
                content = boxes.make(b"ftyp", b"iso6", bytes(4), b"iso6mp41") + without_edits(box)
            self._inits[piece] = content, shifts
        return self._inits[piece]

    def _container(self, init: bytes, number: int) -> str:
        """Detect the container of a group from one of its segments. Returns FFmpeg's name."""
        group = self.segments[number].group
        if group not in self._containers:
            self._containers[group] = container_of(init or self._head(number))
        return self._containers[group]

    def _head(self, number: int) -> bytes:
        """Read the start of the media in a segment, if possible without fetching all of it."""
        head = self._raw_head(number, _HEAD_BYTES)
        skipped = media_start(head)
        if skipped is None:
            raise SourceUnreadable("its segments are images")
        return self._raw_head(number, _HEAD_BYTES + MOST_HEADER_BYTES)[skipped:] if skipped else head

    def _raw_head(self, number: int, size: int) -> bytes:
        segment, resource = self.segments[number], self._resource(number)
        begin = 0 if segment.piece.range is None else segment.piece.range.start
        if resource.decryptor is not None or resource.whole:
            size = min(size, self._fetcher.wait_complete(resource))
        elif segment.piece.range is None:
            if segment.piece not in self._heads:  # a separate resource, because the segment is fetched in one request
                self._heads[segment.piece] = self._open(segment.piece, f"head {segment.number}")
            resource = self._heads[segment.piece]
        data = bytearray()
        self._fetcher.want(resource, begin, begin + size, URGENT)
        while len(data) < size and (more := self._fetcher.read(resource, begin + len(data), size - len(data))):
            data += more
        return bytes(data)

    def _origin(self, group: int) -> Fraction:
        """Return the seconds to subtract from the times in a group to get times of the playlist."""
        if group not in self._origins:
            number = next(n for n, segment in enumerate(self.segments) if segment.group == group)
            clock = self.clock(number)
            self._origins[group] = Fraction(0) if clock is None else clock - self.segments[number].start
        return self._origins[group]


def outline(index: Index, start: Fraction, end: Fraction) -> Layout:
    """Return the bytes of a track that a time range needs, without reading them in the case of segments."""
    return index.outline(start, end) if isinstance(index, SegmentIndex) else index.plan(start, end)
