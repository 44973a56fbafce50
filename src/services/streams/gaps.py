"""What of a recording is missing: compares what its playlist promised with what its segments hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from src.services.streams.placing import KINDS, TOUCHING_SECONDS, TURNING, Seen, difference, follows

_SHORT_SECONDS, _SHORT_SHARE = 0.75, 0.25  # by which a segment may be shorter than told before a clock that is new
_ROUNDING_SECONDS = 0.05  # between the lengths of two tracks
_HOLE_UNITS = 4  # frames or packets of audio; a shorter hole is a pause of the source


def gaps_of(tracks: Sequence[Sequence[Seen]]) -> list[tuple[float, float]]:
    """The gaps of all tracks together, in seconds since the first segment by the lengths that the playlist tells."""
    return _merged(gap for track in tracks for gap in _gaps(track))


def without_replaced(track: Sequence[Seen]) -> list[Seen]:
    """A segment in another container than the others of its stretch is none of them: something replaced it."""
    usual: dict[tuple[int, int | None], str] = {}
    for group in {one.group for one in track}:
        names = Counter(one.look.container for one in track if one.group == group and one.look is not None)
        if names:
            usual[group] = names.most_common(1)[0][0]
    return [
        Seen(one.place, one.start, one.end, one.group, None)
        if one.look is not None and one.look.container != usual[one.group]
        else one
        for one in track
    ]


def _gaps(track: Sequence[Seen]) -> list[tuple[float, float]]:
    """What of a track is missing, as far as the playlist promised it, in seconds since its first segment."""
    gaps: list[tuple[float, float]] = []
    usual = {kind: sum(one.axis(kind) is not None for one in track) * 2 > len(track) for kind in KINDS}
    groups = {kind: {one.group for one in track if one.axis(kind)} for kind in KINDS}
    following: Seen | None = None
    for one in reversed(track):
        if one.look is None:
            gaps.append((one.start, one.end))
        else:
            adjacent = following is not None and following.place == one.place + 1 and following.look is not None
            for kind in KINDS:
                axis = one.axis(kind)
                if axis is None and usual[kind] and one.group in groups[kind]:
                    gaps.append((one.start, one.end))
            gaps += _gaps_inside(one, following if adjacent else None)
        following = one
    return gaps


def _gaps_inside(one: Seen, following: Seen | None) -> list[tuple[float, float]]:
    """What is missing of a segment that is there: holes in it, what lies between its end and the next segment, or all
    of it, when it cannot be decoded and nothing else says where."""
    assert one.look is not None
    axes = [axis for kind in KINDS if (axis := one.axis(kind))]
    found = list(_missing_end(one, following))
    if one.look.damaged:
        first = one.reference.first
        found += [(one.start + start - first, one.start + end - first) for axis in axes for start, end in axis.holes]
        found = found or [(one.start, one.end)]
    return found


def _missing_end(one: Seen, following: Seen | None) -> Iterator[tuple[float, float]]:
    assert one.look is not None
    if following is not None and follows(one, following):
        turns = one.look.container in TURNING
        for kind in KINDS:
            mine, next_one = one.axis(kind), following.axis(kind)
            if mine and next_one:
                hole = difference(next_one.first, mine.end, turns)
                if hole > max(TOUCHING_SECONDS, _HOLE_UNITS * (mine.end - mine.first) / mine.units):
                    yield max(one.end - hole, one.start), one.end
        return
    promised = one.end - one.start
    there = max(axis.end - axis.first for kind in KINDS if (axis := one.axis(kind)))
    if promised - there > max(_SHORT_SECONDS, _SHORT_SHARE * promised):
        yield one.start + there, one.end


def _merged(gaps: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in sorted(gaps):
        if found and start <= found[-1][1] + _ROUNDING_SECONDS:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > start:
            found.append((start, end))
    return found
