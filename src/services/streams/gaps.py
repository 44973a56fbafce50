"""Finds the gaps of a recording by comparing its playlist with the contents of its segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from src.services.streams.placing import KINDS, TOUCHING_SECONDS, TURNING, TrackSegment, difference, follows

_SHORT_SECONDS, _SHORT_SHARE = 0.75, 0.25  # a segment before a clock change may be shorter than listed by this much
_ROUNDING_SECONDS = 0.05  # between the lengths of two tracks
_HOLE_UNITS = 4  # frames or audio packets; a shorter hole is a pause in the source


def gaps_of(tracks: Sequence[Sequence[TrackSegment]]) -> list[tuple[float, float]]:
    """Find the gaps of all tracks together, in seconds of the playlist's time line since the first segment."""
    return _merged(gap for track in tracks for gap in _gaps(track))


def without_replaced(track: Sequence[TrackSegment]) -> list[TrackSegment]:
    """Mark a segment as missing if its container differs from that of its stretch: the server replaced it."""
    usual: dict[tuple[int, int | None], str] = {}
    for group in {one.group for one in track}:
        names = Counter(one.facts.container for one in track if one.group == group and one.facts is not None)
        if names:
            usual[group] = names.most_common(1)[0][0]
    return [_missing_if_not(one, usual.get(one.group)) for one in track]


def _missing_if_not(one: TrackSegment, container: str | None) -> TrackSegment:
    if one.facts is None or one.facts.container == container:
        return one
    return replace(one, facts=None)


def _gaps(track: Sequence[TrackSegment]) -> list[tuple[float, float]]:
    """Find the listed times of a track that are missing, in seconds since its first segment."""
    gaps: list[tuple[float, float]] = []
    usual = {kind: sum(one.axis(kind) is not None for one in track) * 2 > len(track) for kind in KINDS}
    groups = {kind: {one.group for one in track if one.axis(kind)} for kind in KINDS}
    following: TrackSegment | None = None
    for one in reversed(track):
        if one.facts is None:
            gaps.append((one.start, one.end))
        else:
            adjacent = following is not None and following.place == one.place + 1 and following.facts is not None
            for kind in KINDS:
                axis = one.axis(kind)
                if axis is None and usual[kind] and one.group in groups[kind]:
                    gaps.append((one.start, one.end))
            gaps += _gaps_inside(one, following if adjacent else None)
        following = one
    return gaps


def _gaps_inside(one: TrackSegment, following: TrackSegment | None) -> list[tuple[float, float]]:
    """Find what is missing of a segment on disk: holes in it, the time between its end and the next segment, or all of
    it if it cannot be decoded and the place of the damage is unknown."""
    assert one.facts is not None
    axes = [axis for kind in KINDS if (axis := one.axis(kind))]
    found = list(_missing_end(one, following))
    if one.facts.damaged:
        first = one.reference.first
        found += [(one.start + start - first, one.start + end - first) for axis in axes for start, end in axis.holes]
        found = found or [(one.start, one.end)]
    return found


def _missing_end(one: TrackSegment, following: TrackSegment | None) -> Iterator[tuple[float, float]]:
    assert one.facts is not None
    if following is not None and follows(one, following):
        turns = one.facts.container in TURNING
        for kind in KINDS:
            mine, next_one = one.axis(kind), following.axis(kind)
            if mine and next_one:
                hole = difference(next_one.first, mine.end, turns)
                if hole > max(TOUCHING_SECONDS, _HOLE_UNITS * (mine.end - mine.first) / mine.units):
                    yield max(one.end - hole, one.start), one.end
        return
    listed = one.end - one.start
    there = max(axis.end - axis.first for kind in KINDS if (axis := one.axis(kind)))
    if listed - there > max(_SHORT_SECONDS, _SHORT_SHARE * listed):
        yield one.start + there, one.end


def _merged(gaps: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in sorted(gaps):
        if found and start <= found[-1][1] + _ROUNDING_SECONDS:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > start:
            found.append((start, end))
    return found
