"""Follows the segment numbers of a playlist, also when its server restarts and counts from the start again."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from src.services.hls.playlist import Segment

_STALE_WINDOWS = 2  # an edge server may lag by this many playlists
_STALE_SEGMENTS = 3  # an old playlist that grows by more is not from an edge server that lags
_SLACK_SECONDS = 10.0
_REMEMBERED = 500


class SequenceNumbers:
    """Computes ``shift``, the number to add to a playlist's segment numbers so that they never decrease."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift
        self._names: dict[int, str] = {}  # of the last segments, by their numbers in the playlist
        self._earliest: int | None = None  # the first number that was ever listed since the last restart
        self._stale: int | None = None  # the newest number of an old playlist when it was first read

    def follow(
        self, segments: Sequence[Segment], newest: int | None, mean_seconds: float, elapsed_seconds: float | None
    ) -> bool | None:
        """Whether the stream started to count again with this playlist; None if the playlist is out of date.

        ``newest``: the last known number (with ``shift``). A playlist that jumps ahead by more than can have been
        broadcast in ``elapsed_seconds`` has started again, too.
        """
        first, last = segments[0].number, segments[-1].number
        again = newest is not None and self._is_again(segments, newest - self.shift, mean_seconds, elapsed_seconds)
        if again and newest is not None:
            self.shift = newest + 1 - first
            self._names.clear()
            self._earliest = None
        if newest is not None and last + self.shift < newest:
            return None
        self._stale = None
        self._earliest = first if self._earliest is None else self._earliest
        self._names.update((segment.number, _name(segment)) for segment in segments)
        for number in sorted(self._names)[:-_REMEMBERED]:
            del self._names[number]
        return again

    def _is_again(
        self, segments: Sequence[Segment], newest: int, mean_seconds: float, elapsed_seconds: float | None
    ) -> bool:
        first, last = segments[0].number, segments[-1].number
        if any(self._names.get(one.number, _name(one)) != _name(one) for one in segments):
            return True
        if first > newest + 1:
            lost = (first - newest - 1) * mean_seconds
            listed = len(segments) * mean_seconds
            return elapsed_seconds is not None and lost > elapsed_seconds + listed + _SLACK_SECONDS
        if last >= newest:
            return False
        if last < newest - _STALE_WINDOWS * len(segments) or (self._earliest is not None and last < self._earliest):
            return True
        self._stale = last if self._stale is None else min(self._stale, last)
        return last - self._stale >= _STALE_SEGMENTS


def _name(segment: Segment) -> str:
    """Return the part of an address that remains the same when it is signed again, with its byte range."""
    return f"{urlsplit(segment.piece.url).path.rpartition('/')[2]} {segment.piece.range}"
