"""Reads playlists of running streams: their segments numbered across reads, each with its wall-clock time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from src.services.hls.playlist import Segment, parse_playlist
from src.services.hls.tags import seconds_of, understood, whole_of


@dataclass(frozen=True, slots=True)
class LivePlaylist:
    """A stream's playlist as it was at one moment.

    ``group`` of its segments counts discontinuities since the stream started. ``target`` is the longest duration of a
    segment, in seconds.
    """

    segments: tuple[Segment, ...]
    target: Fraction
    ended: bool

    @property
    def length(self) -> Fraction:
        """Seconds that are available now."""
        return sum((segment.duration for segment in self.segments), Fraction(0))


def read_live_playlist(text: str, url: str) -> LivePlaylist:
    """Parse the playlist at ``url``.

    Raises:
        DrmProtected: it needs a licence. SourceUnreadable: it is malformed, or empty.
    """
    playlist = parse_playlist(text, url, growing=True)
    with understood():
        first_group = whole_of(playlist.first_group or "0")
        target = seconds_of(playlist.target or "0") or playlist.longest
    segments = [replace(segment, group=first_group + segment.group) for segment in playlist.segments]
    _fill_clocks(segments)
    return LivePlaylist(tuple(segments), target, playlist.ended)


def _fill_clocks(segments: list[Segment]) -> None:
    """Give each segment without a clock one that follows from a neighbour of the same group."""
    for place in range(1, len(segments)):
        own, other = segments[place], segments[place - 1]
        if own.at is None and other.at is not None and own.group == other.group:
            segments[place] = replace(own, at=other.at + other.duration)
    for place in range(len(segments) - 2, -1, -1):
        own, other = segments[place], segments[place + 1]
        if own.at is None and other.at is not None and own.group == other.group:
            segments[place] = replace(own, at=other.at - own.duration)
