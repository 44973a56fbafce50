"""Which segments of a track hold a stretch of time, what their clock says, and which of them are really there."""

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
from src.services.cutting.engine.indexes.segment_facts import SegmentFacts, examine_segment
from src.services.cutting.engine.indexes.segment_heads import container_of, first_time, packed_clock
from src.services.cutting.engine.indexes.segment_junctions import Junction, is_whole, junction
from src.services.cutting.engine.model import Discontinuous
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.reader import Part
from src.services.fetch.resource import Resource
from src.services.hls.pieces import URGENT, read_piece
from src.services.hls.playlist import Piece, Segment, initialisations
from src.utils.clock_turns import nearest_turn

_HEAD_BYTES = 188 * 696  # whole transport packets, nearly 128 KiB: enough to meet the first picture
_MOST_CLOCK_DIFFERENCE = 10


class SegmentIndex:
    """A track of segments whose times run through, group by group between discontinuities."""

    def __init__(
        self,
        fetcher: Fetcher,
        segments: list[Segment],
        open_piece: Callable[[Piece, str], Resource],
        gaps: Sequence[Segment] = (),
    ) -> None:
        """``gaps``: segments that the playlist itself calls missing; they are not among ``segments``."""
        self.notes: tuple[Note, ...] = ()
        self.segments, self.gaps, self._fetcher, self._open = segments, tuple(gaps), fetcher, open_piece
        self.duration: Fraction | None = segments[-1].end
        self.checked: tuple[int, int] | None = None
        """Places of the first and last segment of a stretch that was looked into; None: of none."""
        self._resources: dict[Piece, Resource] = {}
        self._heads: dict[Piece, Resource] = {}
        self._facts: dict[Piece, SegmentFacts | None] = {}
        self._containers: dict[int, str] = {}
        self._inits: dict[Piece, tuple[bytes, dict[int, Fraction]]] = {}
        self._init_pieces = initialisations(segments)
        self._origins: dict[int, Fraction] = {}

    @property
    def origin(self) -> Fraction:
        """What is to be subtracted from the times of the first group to get times of the playlist."""
        return self._origin(self.segments[0].group)

    def outline(self, start: Fraction, end: Fraction) -> Layout:
        """Which bytes ``plan`` would read, without a found into any of them."""
        first, last = self._first(start), self._last(end)
        group = self.segments[first].group
        if self.segments[last].group != group:
            raise Discontinuous("a discontinuity lies inside the clip")
        first = max(first, self._earliest(first))
        behind = [segment.group for segment in self.segments[last + 1 : last + 3]]
        parts = [self._part(number) for number in range(first, last + 1)]
        parts += [self._part(last + 1, eager=False)] if group in behind[:1] else []
        begins = first == 0 or self.segments[first - 1].group != group
        return Layout(
            tuple(parts),
            None,
            at_start=begins,
            at_end=group not in behind[:1],
            rough=behind == [group, group],
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
        if container == "aac":  # its times begin at 0 with whatever is read first
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
        """The index of one stretch between two discontinuities; it shares what is known."""
        return self.part([segment for segment in self.segments if segment.group == group])

    def part(self, segments: list[Segment], origin: Fraction | None = None) -> SegmentIndex:
        """The index of some neighbours of one group; ``origin``: see there, if it is known already."""
        part = copy(self)
        part.segments, part.duration = segments, segments[-1].end
        part._origins = {} if origin is None else {segments[0].group: origin}
        return part

    def follow(self, other: SegmentIndex) -> None:
        """Use the clock of ``other``, the picture of the same film, if both seem to have the same."""
        if abs(nearest_turn(other.origin, self.origin) - self.origin) < _MOST_CLOCK_DIFFERENCE:
            self._origins = {**self._origins, self.segments[0].group: other.origin}

    # --- single segments --------------------------------------------------------------------------------------------

    def facts(self, number: int) -> SegmentFacts | None:
        """What a segment holds, once all of it is there; None: it is missing or spoiled.

        Raises:
            AppError: it could not be fetched, and that says nothing about whether it is there.
        """
        piece = self.segments[number].piece
        if piece not in self._facts:
            try:
                self._facts[piece] = self._examine(number)
            except (SourceUnreadable, MediaGone, StreamUnreadable):
                self._facts[piece] = None
            except MediaForbidden:  # what stores of objects answer for one that they do not have
                if not any(self._facts.values()):
                    raise
                self._facts[piece] = None
        return self._facts[piece]

    def junction(self, number: int) -> Junction | None:
        """How a segment is followed by the next one; None when one of both is missing."""
        one, two = self.facts(number), self.facts(number + 1)
        first, second = self.segments[number], self.segments[number + 1]
        if one is None or two is None:
            return None
        return junction(one, first.end - first.start, two, second.end - second.start)

    def clock(self, number: int) -> Fraction | None:
        """When a segment begins on its own clock, listed by its beginning; None when it does not tell."""
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
        """The first segment from ``first`` on from which all follow each other up to the stretch that was checked."""
        if self.checked is None:
            return first
        number = self.checked[0]
        while number > first and self.junction(number - 1) is Junction.FOLLOWS:
            number -= 1
        return number

    def _begin(self, number: int) -> int | None:
        """How many bytes of a segment to skip; None: it does not go on where the one before it ends."""
        if self.checked is None or number <= self.checked[1]:  # what lies before is taken as far as it follows
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
        begin = partial(self._begin, number)
        if piece.range is None:
            return Part(resource=resource, eager=eager, begin=begin)
        return Part(resource=resource, start=piece.range.start, length=piece.range.length, eager=eager, begin=begin)

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

    def _container(self, init: bytes, number: int) -> str:
        """FFmpeg's name for what the segments of a group are, listed by one of them."""
        group = self.segments[number].group
        if group not in self._containers:
            self._containers[group] = container_of(init or self._head(number))
        return self._containers[group]

    def _head(self, number: int) -> bytes:
        """The beginning of the media in a segment, without fetching all of it where that is possible."""
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
            clock = self.clock(number)
            self._origins[group] = Fraction(0) if clock is None else clock - self.segments[number].start
        return self._origins[group]


def outline(index: Index, start: Fraction, end: Fraction) -> Layout:
    """Which bytes of a track a stretch of time needs; of segments without a found into them."""
    return index.outline(start, end) if isinstance(index, SegmentIndex) else index.plan(start, end)
