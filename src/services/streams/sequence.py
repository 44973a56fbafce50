"""Follows the numbers of a playlist's segments, also where its server was restarted and counts again."""

from __future__ import annotations

from collections.abc import Sequence as Listed
from urllib.parse import urlsplit

from src.services.hls.playlist import Segment

_STALE_WINDOWS = 2  # an edge of the network may be so many playlists behind the others
_STALE_SEGMENTS = 3  # one that goes on for longer in the past is no edge that lags behind
_SLACK_SECONDS = 10.0
_REMEMBERED = 500


class Sequence:
    """What is added to the numbers of a playlist, so that they never go back: ``shift``."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift
        self._names: dict[int, str] = {}  # of the last segments, by their numbers in the playlist
        self._earliest: int | None = None  # the first number that was ever listed since the last restart
        self._behind: int | None = None  # the newest number of a playlist that lies in the past, when it was seen first

    def follow(
        self, segments: Listed[Segment], newest: int | None, mean_seconds: float, elapsed_seconds: float | None
    ) -> bool | None:
        """Whether the stream began to count again with this playlist; None for an old playlist that tells nothing.

        ``newest`` is the last number that is known (with ``shift``). A playlist that jumps ahead by more than can have
        been on air in ``elapsed_seconds`` has begun again, too.
        """
        first, last = segments[0].number, segments[-1].number
        again = newest is not None and self._is_again(segments, newest - self.shift, mean_seconds, elapsed_seconds)
        if again and newest is not None:
            self.shift = newest + 1 - first
            self._names.clear()
            self._earliest = None
        if newest is not None and last + self.shift < newest:
            return None
        self._behind = None
        self._earliest = first if self._earliest is None else self._earliest
        self._names.update((segment.number, _name(segment)) for segment in segments)
        for number in sorted(self._names)[:-_REMEMBERED]:
            del self._names[number]
        return again

    def _is_again(
        self, segments: Listed[Segment], newest: int, mean_seconds: float, elapsed_seconds: float | None
    ) -> bool:
        first, last = segments[0].number, segments[-1].number
        if any(self._names.get(one.number, _name(one)) != _name(one) for one in segments):
            return True
        if first > newest + 1:
            lost = (first - newest - 1) * mean_seconds
            seen = len(segments) * mean_seconds
            return elapsed_seconds is not None and lost > elapsed_seconds + seen + _SLACK_SECONDS
        if last >= newest:
            return False
        if last < newest - _STALE_WINDOWS * len(segments) or (self._earliest is not None and last < self._earliest):
            return True
        self._behind = last if self._behind is None else min(self._behind, last)
        return last - self._behind >= _STALE_SEGMENTS


def _name(segment: Segment) -> str:
    """What stays the same of an address when it is signed anew, and of a part of a file."""
    return f"{urlsplit(segment.piece.url).path.rpartition('/')[2]} {segment.piece.range}"
