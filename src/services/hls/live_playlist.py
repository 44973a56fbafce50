"""Playlists of running streams: what the clip engine reads of them, and beside it the clock, gaps and groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from src.services.hls.playlist import Piece, has_ended, parse_playlist, seconds_of, understood, whole_of
from src.utils.clock import to_seconds


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """One segment. ``group`` counts discontinuities since the stream began; ``at`` is when it begins by the wall
    clock, seconds since 1970, None if the playlist has no clock; ``gap``: it is listed and not to be had."""

    number: int
    piece: Piece
    init: Piece | None
    duration: Fraction
    group: int
    at: Fraction | None = None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class LivePlaylist:
    """One look at a stream. ``target`` is the longest length of a segment, in seconds."""

    segments: tuple[LiveSegment, ...]
    target: Fraction
    ended: bool

    @property
    def length(self) -> Fraction:
        """Seconds that can be fetched now."""
        return sum((segment.duration for segment in self.segments), Fraction(0))


def read_live_playlist(text: str, url: str) -> LivePlaylist:
    """The playlist at ``url``.

    Raises:
        DrmProtected: it needs a licence. SourceUnreadable: it is not understood, or empty.
    """
    plain = parse_playlist(text, url, growing=True)
    with understood():
        tags = _Tags(text)
    segments = [
        LiveSegment(
            number=segment.number,
            piece=segment.piece,
            init=segment.init,
            duration=segment.end - segment.start,
            group=tags.groups[place],
            at=tags.clocks[place],
            gap=segment.gap,
        )
        for place, segment in enumerate(plain)
    ]
    _fill_clocks(segments)
    return LivePlaylist(tuple(segments), tags.target or max(each.duration for each in segments), has_ended(text))


class _Tags:
    """What the tags say of each segment, by its place."""

    def __init__(self, text: str) -> None:
        self.groups: list[int] = []
        self.clocks: list[Fraction | None] = []
        self.target: Fraction | None = None
        group, clock = 0, None
        for line in map(str.strip, text.splitlines()):
            name, _, value = line.partition(":")
            match name:
                case "#EXT-X-DISCONTINUITY-SEQUENCE":
                    group = whole_of(value)
                case "#EXT-X-TARGETDURATION":
                    self.target = seconds_of(value)
                case "#EXT-X-DISCONTINUITY":
                    group += 1
                case "#EXT-X-PROGRAM-DATE-TIME":
                    clock = _read_clock(value)
                case _ if line and not line.startswith("#"):
                    self.groups.append(group)
                    self.clocks.append(clock)
                    clock = None


def _read_clock(text: str) -> Fraction | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return to_seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _fill_clocks(segments: list[LiveSegment]) -> None:
    """Give each segment a clock that has none of its own and lies in one group with one that has."""
    for places in (range(1, len(segments)), range(len(segments) - 2, -1, -1)):
        forward = places.step > 0
        for place in places:
            own, other = segments[place], segments[place - 1 if forward else place + 1]
            if own.at is None and other.at is not None and own.group == other.group:
                at = other.at + other.duration if forward else other.at - own.duration
                segments[place] = LiveSegment(own.number, own.piece, own.init, own.duration, own.group, at, own.gap)
