"""Calculates when each segment of a stream was broadcast, and detects that a stream was restarted.

Times come from the clock in the playlist (``EXT-X-PROGRAM-DATE-TIME``), which applies to all later segments of its
group (between two discontinuities), even after its own segment has left the playlist. Without a clock they are
estimated: a segment is listed when it is complete, so it cannot have ended after it was first listed. The tightest of
these bounds is used for each group; its error is at most the pause between two reads of the playlist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from src.models.time_window import Window
from src.services.hls.live_playlist import LivePlaylist
from src.services.hls.playlist import Segment

_SAME_SECONDS = 2  # two clocks of one segment may differ by this much
_STALE_WINDOWS = 2  # a server of the network may lag behind by this many playlists


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment with its time. ``epoch`` counts the restarts of the stream."""

    epoch: int
    segment: Segment
    start: Fraction

    @property
    def span(self) -> Window:
        """When it was broadcast."""
        return Window(self.start, self.start + self.segment.duration)


@dataclass(slots=True)
class Timeline:
    """Places the segments of one playlist after the other. ``estimated``: the playlist has no clock."""

    epoch: int = 0
    estimated: bool = False
    _newest: int | None = None
    _newest_at: Fraction | None = None
    _positions: dict[int, Fraction] = field(default_factory=dict)  # of segments, in seconds of the epoch
    _anchors: dict[int, Fraction] = field(
        default_factory=dict
    )  # of groups: wall clock at position 0, from the playlist
    _bounds: dict[int, Fraction] = field(default_factory=dict)  # of groups without a clock: the latest possible one
    _clocks: dict[int, Fraction] = field(default_factory=dict)  # of the segments of the last playlist

    def place(self, playlist: LivePlaylist, seen_at: Fraction) -> list[Placed]:
        """Return the segments with their times; ``seen_at`` is when the playlist was requested. The list is empty
        for an outdated playlist from before a restart."""
        if not playlist.segments:
            return []
        last = playlist.segments[-1]
        if self._is_new_stream(playlist):
            self.epoch += 1
            self._newest = self._newest_at = None
            self._positions.clear()
            self._anchors.clear()
            self._bounds.clear()
        elif self._newest is not None and last.number < self._newest and self._is_of_the_past(playlist):
            return []
        self._observe(playlist, seen_at)
        self.estimated = last.group not in self._anchors
        placed = [
            Placed(self.epoch, segment, start)
            for segment in playlist.segments
            if (start := self._start_of(segment)) is not None
        ]
        if self._newest is None or last.number >= self._newest:
            self._clocks = {each.segment.number: each.start for each in placed if each.segment.group in self._anchors}
            self._newest, self._newest_at = last.number, self._clocks.get(last.number)
        return placed

    def to_fields(self) -> dict[str, Any]:
        """Return what another attempt needs to continue; JSON values."""
        return {
            "epoch": self.epoch,
            "newest": self._newest,
            "newest_at": None if self._newest_at is None else str(self._newest_at),
            "positions": {str(number): str(at) for number, at in self._positions.items()},
            "clocks": {str(number): str(at) for number, at in self._clocks.items()},
            "anchors": {str(group): str(at) for group, at in self._anchors.items()},
            "bounds": {str(group): str(at) for group, at in self._bounds.items()},
        }

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Timeline:
        """Restore the timeline from what ``to_fields`` returned."""
        at = fields.get("newest_at")
        return cls(
            epoch=fields["epoch"],
            _newest=fields["newest"],
            _newest_at=None if at is None else Fraction(at),
            _positions={int(number): Fraction(text) for number, text in fields["positions"].items()},
            _anchors={int(group): Fraction(text) for group, text in fields["anchors"].items()},
            _bounds={int(group): Fraction(text) for group, text in fields["bounds"].items()},
            _clocks={int(number): Fraction(text) for number, text in fields["clocks"].items()},
        )

    def _is_new_stream(self, playlist: LivePlaylist) -> bool:
        """Return whether the numbers restarted: they go back while the clock advances; without a clock, far back."""
        last = playlist.segments[-1]
        if self._newest is None:
            return False
        known = (
            (segment.at, self._clocks[segment.number])
            for segment in playlist.segments
            if segment.at is not None and segment.number in self._clocks
        )
        if any(at - before > _SAME_SECONDS for at, before in known):
            return True
        if last.number > self._newest:
            return False
        if last.at is not None and self._newest_at is not None:
            expected = self._newest_at - (self._newest - last.number) * playlist.target
            return last.at > max(expected, self._newest_at) + _SAME_SECONDS
        return last.number < self._newest - _STALE_WINDOWS * len(playlist.segments)

    def _is_of_the_past(self, playlist: LivePlaylist) -> bool:
        """Return whether an older playlist is from before a restart, according to its clock."""
        last = playlist.segments[-1]
        if last.at is None or self._newest_at is None or self._newest is None:
            return False
        expected = self._newest_at - (self._newest - last.number) * playlist.target
        return abs(last.at - expected) > max(
            Fraction(_SAME_SECONDS), (self._newest - last.number + 2) * playlist.target
        )

    def _observe(self, playlist: LivePlaylist, seen_at: Fraction) -> None:
        """Record the positions of segments, and what follows from them for the clock of each group."""
        first = playlist.segments[0]
        if first.number not in self._positions:
            known = [number for number in self._positions if number < first.number]
            before = max(known, default=None)
            if before is not None:  # durations of segments that were never listed are unknown
                self._anchors.clear()
            skipped = 0 if before is None else first.number - before
            base = Fraction(0) if before is None else self._positions[before]
            self._positions[first.number] = base + skipped * playlist.target
        position = self._positions[first.number]
        for segment in playlist.segments:
            self._positions[segment.number] = position
            position += segment.duration
            if segment.at is not None:
                self._anchors[segment.group] = segment.at - self._positions[segment.number]
            elif segment.group not in self._anchors:
                bound = seen_at - position
                if segment.group not in self._bounds or bound < self._bounds[segment.group]:
                    self._bounds[segment.group] = bound
        for number in [each for each in self._positions if each < first.number - 10_000]:
            del self._positions[number]

    def _start_of(self, segment: Segment) -> Fraction | None:
        if segment.at is not None:
            return segment.at
        zero = self._anchors.get(segment.group, self._bounds.get(segment.group))
        return None if zero is None else self._positions[segment.number] + zero
