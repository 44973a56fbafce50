"""Follows the playlists of a stream until its end or until a limit, and fetches the segments they list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from src.errors import AppError
from src.models.media_source import SourceUnreadable
from src.models.progress import Monitor
from src.services.hls.playlist import Playlist, parse_playlist
from src.services.hls.tags import seconds_of
from src.services.streams.collector import OF_ONE_SEGMENT, Collector, Wanted
from src.services.streams.recorded_track import RecordedTrack
from src.utils.clock import Clock

_LIVE_SEGMENTS = 3  # RFC 8216, 6.3.3: a client starts a live stream at least three segments before its end
_SHORTEST_PAUSE_SECONDS = 0.5
_CHECK_SECONDS = 0.2
GIVE_UP_SECONDS = 60.0
"""A live stream that has grown and then gets no new segment for this long has ended."""
FINISHED_TARGETS, FINISHED_SECONDS = 3, 10.0
"""A playlist that gets no new segment for this many target durations, and this long, after it was first read was
complete from the start: it only lacks its end tag."""


class Verdict(Enum):
    """The state of a playlist without an end tag, judged by its growth."""

    GOES_ON = "goes on"
    FINISHED = "was complete when it was first read"
    OVER = "ended while it was being read"


@dataclass(slots=True)
class Growth:
    """The growth of a playlist. ``since``: when it was first read, or last grew, in seconds of a monotonic clock."""

    since: float
    grew: bool = False

    def added(self, now: float) -> None:
        """Record that new segments were listed."""
        self.since, self.grew = now, True

    def verdict(self, now: float, target: float) -> Verdict:
        """Judge the playlist at time ``now``; ``target`` is the longest length of a segment, in seconds."""
        waited = now - self.since
        if self.grew:
            return Verdict.OVER if waited > GIVE_UP_SECONDS else Verdict.GOES_ON
        return Verdict.FINISHED if waited >= max(FINISHED_TARGETS * target, FINISHED_SECONDS) else Verdict.GOES_ON


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording ends: after this many seconds of media, or, if live, of real time."""

    media_seconds: float | None = None
    live_seconds: float | None = None


class Follower:
    """Follows the media playlists of one recording, one for each of ``tracks``."""

    def __init__(
        self,
        addresses: Sequence[str],
        tracks: list[RecordedTrack],
        collector: Collector,
        *,
        save: Callable[[], None],
        on_count: Callable[[int, int | None], None],
        limits: Limits,
        clock: Clock,
        monitor: Monitor,
    ) -> None:
        """``save`` stores the tracks for a later attempt. ``on_count`` receives (segments on disk, number of all), or
        (new segments on disk, None)."""
        self._addresses, self._tracks, self._collector = addresses, tracks, collector
        self._save, self._on_count, self._limits, self._clock, self._monitor = save, on_count, limits, clock, monitor
        self.live = False
        """Whether a playlist had no end when it was read; the result of ``run`` is more exact."""
        self._read_at: dict[str, float] = {}
        self._requested: dict[str, Wanted] = {}

    def run(self) -> bool:
        """Follow the playlists to the end. Returns whether it is a live stream.

        Raises:
            AppError: no playlist can be read. What ``monitor`` raises.
        """
        started = self._clock.monotonic()
        grown = any(len(track.known) > _LIVE_SEGMENTS for track in self._tracks)
        growth = Growth(started, grown)
        leave_at = started + (self._limits.live_seconds or math.inf)
        first = True
        while True:
            read_at = self._clock.monotonic()
            known = self._known()
            resumed = first and known > 0
            listings = [self._read(address, first=first and not known) for address in self._addresses]
            ended = all(listing is not None and listing.ended for listing in listings)
            self.live = self.live or not ended
            wanted = self._take(listings, read_at)
            if self._known() > known and (resumed or not first):
                growth.added(self._clock.monotonic())
            first = False
            self._save()
            self._fetch(wanted, patient=ended)
            if ended:
                return False if not growth.grew else self._finish()
            target = max((_target(listing) for listing in listings if listing is not None), default=1.0)
            now = self._clock.monotonic()
            match growth.verdict(now, target):
                case Verdict.FINISHED if all(listing is not None for listing in listings):
                    self._take_all([listing for listing in listings if listing is not None])
                    return False
                case Verdict.OVER:
                    return self._finish()
            if now > leave_at or (growth.grew and self._is_enough()):
                return self._finish()
            self._pause(read_at, self._usual_seconds() / 2)

    def _known(self) -> int:
        return sum(len(track.known) for track in self._tracks)

    def _read(self, address: str, *, first: bool) -> Playlist | None:
        """Read a playlist. Returns None if that fails, unless it is the first time."""
        try:
            url, text = self._collector.read_text(address, optional=not first)
            return parse_playlist(text, url, growing=True)
        except (SourceUnreadable, *OF_ONE_SEGMENT):
            if first:
                raise
            return None

    def _take(self, listings: Sequence[Playlist | None], now: float) -> list[Wanted]:
        wanted: list[Wanted] = []
        for track, address, listing in zip(self._tracks, self._addresses, listings, strict=True):
            if listing is None:
                continue
            segments = listing.segments
            if not listing.ended and not track.known:
                segments = segments[-_LIVE_SEGMENTS:]
            before = self._read_at.get(address)
            self._read_at[address] = now
            elapsed = None if before is None or listing.ended else now - before
            wanted += track.add(segments, most_seconds=self._limits.media_seconds, elapsed_seconds=elapsed)
        return wanted

    def _take_all(self, listings: Sequence[Playlist]) -> None:
        """Fetch a complete recording from its first segment on."""
        wanted = []
        for track, listing in zip(self._tracks, listings, strict=True):
            track.restart()
            wanted += track.add(listing.segments, most_seconds=self._limits.media_seconds)
        self._save()
        self._fetch(wanted, patient=True)

    def _finish(self) -> bool:
        """Try for the last time to fetch the missing segments of a live stream."""
        self._fetch([], patient=True)
        return True

    def _fetch(self, wanted: Sequence[Wanted], *, patient: bool) -> None:
        self._requested.update((str(one.path), one) for one in wanted)
        self._requested = {name: one for name, one in self._requested.items() if self._is_open(one)}
        requested = list(self._requested.values())
        self._collector.try_to_collect([one for one in requested if one.is_init], lambda _: None, patient=patient)
        segments = [one for one in requested if not one.is_init]
        present = sum(track.path_of(segment.number).exists() for track in self._tracks for segment in track.known)
        others = present - sum(one.path.exists() for one in segments)
        self._on_count(others, others + len(segments))
        self._collector.try_to_collect(segments, lambda count: self._on_count(count, None), patient=patient)

    def _is_open(self, one: Wanted) -> bool:
        return not one.path.exists() or one.path in self._collector.missed

    def _is_enough(self) -> bool:
        most = self._limits.media_seconds
        return most is not None and all(track.seconds >= most for track in self._tracks)

    def _usual_seconds(self) -> float:
        return max((segment.seconds for segment in self._tracks[0].known[-1:]), default=1.0)

    def _pause(self, started: float, seconds: float) -> None:
        until = started + max(seconds, _SHORTEST_PAUSE_SECONDS)
        while (left := until - self._clock.monotonic()) > 0:
            self._monitor.check()
            self._clock.sleep(min(left, _CHECK_SECONDS))


def _target(playlist: Playlist) -> float:
    """Return the longest duration that a segment may have, seconds. A declared one that is invalid does not count."""
    with suppress(ValueError):
        return float(max(seconds_of(playlist.target or "0"), playlist.longest))
    return float(playlist.longest)


def require_something(tracks: Sequence[RecordedTrack], collector: Collector, *, last_try: bool) -> None:
    """Refuse a recording that is not worth finishing: it has no segments, or more than half of them are missing because
    of temporary errors and another attempt follows.

    Raises:
        AppError: the reason for a missing segment.
    """
    missing = [
        collector.missed[path]
        for track in tracks
        for segment in track.known
        if not (path := track.path_of(segment.number)).exists() and path in collector.missed
    ]
    inits = [missed for path, missed in collector.missed.items() if "-init-" in path.name and not path.exists()]
    present = sum(track.has(segment) for track in tracks for segment in track.known)
    reasons: list[AppError] = [missed.error for missed in (*missing, *inits)]
    if not present and reasons:
        raise reasons[0]
    passing = [missed for missed in missing if missed.may_pass]
    if not last_try and len(passing) > present:
        raise passing[0].error
