"""Follows the playlists of a stream until it has ended, or as long as was asked for, and fetches what they list."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from src.errors import AppError
from src.models.media_source import SourceUnreadable
from src.models.progress import Monitor
from src.services.hls.playlist import Segment, has_ended, parse_playlist, seconds_of
from src.services.streams.collector import OF_ONE_SEGMENT, Collector, Wanted
from src.services.streams.recorded_track import Tape
from src.utils.clock import Clock

_LIVE_SEGMENTS = 3  # RFC 8216, 6.3.3: a live stream is begun at least three segments before its end
_SHORTEST_PAUSE_SECONDS = 0.5
_CHECK_SECONDS = 0.2
GIVE_UP_SECONDS = 60.0
"""A live stream that has grown and to which nothing is added for so long has ended."""
FINISHED_TARGETS, FINISHED_SECONDS = 3, 10.0
"""A playlist to which nothing is added for so many target durations, and so long, after it was first read was finished
before: nobody wrote its end."""
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:(.*)$", re.MULTILINE)


class Verdict(Enum):
    """What the growth of a playlist without an end says."""

    GOES_ON = "goes on"
    FINISHED = "was finished before it was first read"
    OVER = "has ended while it was read"


@dataclass(slots=True)
class Growth:
    """Whether a playlist grows. Times in seconds of a monotonic clock; ``since`` is when it was first read."""

    since: float
    grew: bool = False

    def added(self, now: float) -> None:
        """Something new was listed."""
        self.since, self.grew = now, True

    def verdict(self, now: float, target: float) -> Verdict:
        """What there is to say now; ``target`` is the longest length of a segment, in seconds."""
        waited = now - self.since
        if self.grew:
            return Verdict.OVER if waited > GIVE_UP_SECONDS else Verdict.GOES_ON
        return Verdict.FINISHED if waited >= max(FINISHED_TARGETS * target, FINISHED_SECONDS) else Verdict.GOES_ON


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at a playlist."""

    segments: list[Segment]
    ended: bool
    target: float


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording ends: after so many seconds of media, or a live one after so many on the clock."""

    media_seconds: float | None = None
    live_seconds: float | None = None


class Follower:
    """The media playlists of one recording, one for each of ``tapes``."""

    def __init__(
        self,
        addresses: Sequence[str],
        tapes: list[Tape],
        collector: Collector,
        *,
        save: Callable[[], None],
        counted: Callable[[int, int | None], None],
        limits: Limits,
        clock: Clock,
        monitor: Monitor,
    ) -> None:
        """``save`` keeps what is known for later attempts; ``counted`` is told (segments on disk, all) or more."""
        self._addresses, self._tapes, self._collector = addresses, tapes, collector
        self._save, self._counted, self._limits, self._clock, self._monitor = save, counted, limits, clock, monitor
        self.live = False
        """Whether a playlist had no end when it was looked at; what ``run`` returns is more exact."""
        self._read_at: dict[str, float] = {}
        self._asked: dict[str, Wanted] = {}

    def run(self) -> bool:
        """Follow to the end; whether it is a live stream.

        Raises:
            AppError: there is nothing, or what ``monitor`` raises.
        """
        began = self._clock.monotonic()
        grown = any(len(tape.known) > _LIVE_SEGMENTS for tape in self._tapes)
        growth = Growth(began, grown)
        leave_at = began + (self._limits.live_seconds or math.inf)
        first = True
        while True:
            looked_at = self._clock.monotonic()
            known = self._known()
            resumed = first and known > 0
            listings = [self._look(address, first=first and not known) for address in self._addresses]
            ended = all(listing is not None and listing.ended for listing in listings)
            self.live = self.live or not ended
            wanted = self._take(listings, looked_at)
            if self._known() > known and (resumed or not first):
                growth.added(self._clock.monotonic())
            first = False
            self._save()
            self._fetch(wanted, patient=ended)
            if ended:
                return False if not growth.grew else self._finish()
            target = max((listing.target for listing in listings if listing is not None), default=1.0)
            now = self._clock.monotonic()
            match growth.verdict(now, target):
                case Verdict.FINISHED if all(listing is not None for listing in listings):
                    self._take_all([listing for listing in listings if listing is not None])
                    return False
                case Verdict.OVER:
                    return self._finish()
            if now > leave_at or (growth.grew and self._is_enough()):
                return self._finish()
            self._pause(looked_at, self._usual_seconds() / 2)

    def _known(self) -> int:
        return sum(len(tape.known) for tape in self._tapes)

    def _look(self, address: str, *, first: bool) -> Listing | None:
        """The playlist as it is now; None when it cannot be read, which ends nothing but the first look."""
        try:
            url, text = self._collector.read_text(address, optional=not first)
            segments = parse_playlist(text, url, growing=True)
        except (SourceUnreadable, *OF_ONE_SEGMENT):
            if first:
                raise
            return None
        return Listing(segments, has_ended(text), _target(text, segments))

    def _take(self, listings: Sequence[Listing | None], now: float) -> list[Wanted]:
        wanted: list[Wanted] = []
        for tape, address, listing in zip(self._tapes, self._addresses, listings, strict=True):
            if listing is None:
                continue
            segments = listing.segments
            if not listing.ended and not tape.known:
                segments = segments[-_LIVE_SEGMENTS:]
            before = self._read_at.get(address)
            self._read_at[address] = now
            elapsed = None if before is None or listing.ended else now - before
            wanted += tape.add(segments, most_seconds=self._limits.media_seconds, elapsed_seconds=elapsed)
        return wanted

    def _take_all(self, listings: Sequence[Listing]) -> None:
        """A recording that was finished, from its beginning."""
        wanted = []
        for tape, listing in zip(self._tapes, listings, strict=True):
            tape.restart()
            wanted += tape.add(listing.segments, most_seconds=self._limits.media_seconds)
        self._save()
        self._fetch(wanted, patient=True)

    def _finish(self) -> bool:
        """The last tries for what is still missing of a live stream."""
        self._fetch([], patient=True)
        return True

    def _fetch(self, wanted: Sequence[Wanted], *, patient: bool) -> None:
        self._asked.update((str(one.path), one) for one in wanted)
        self._asked = {name: one for name, one in self._asked.items() if self._is_open(one)}
        asked = list(self._asked.values())
        self._collector.try_to_collect([one for one in asked if one.is_init], lambda _: None, patient=patient)
        segments = [one for one in asked if not one.is_init]
        there = sum(tape.path_of(cut.number).exists() for tape in self._tapes for cut in tape.known)
        gone = sum(one.path.exists() for one in segments)
        self._counted(there - gone, there - gone + len(segments))
        self._collector.try_to_collect(segments, lambda count: self._counted(count, None), patient=patient)

    def _is_open(self, one: Wanted) -> bool:
        return not one.path.exists() or one.path in self._collector.missed

    def _is_enough(self) -> bool:
        most = self._limits.media_seconds
        return most is not None and all(tape.seconds >= most for tape in self._tapes)

    def _usual_seconds(self) -> float:
        return max((cut.seconds for cut in self._tapes[0].known[-1:]), default=1.0)

    def _pause(self, began: float, seconds: float) -> None:
        until = began + max(seconds, _SHORTEST_PAUSE_SECONDS)
        while (left := until - self._clock.monotonic()) > 0:
            self._monitor.check()
            self._clock.sleep(min(left, _CHECK_SECONDS))


def _target(text: str, segments: Sequence[Segment]) -> float:
    longest = float(max(segment.end - segment.start for segment in segments))
    found = _TARGET.search(text)
    try:
        return max(float(seconds_of(found[1])), longest) if found else longest
    except ValueError:
        return longest


def require_something(tapes: Sequence[Tape], collector: Collector, *, last_try: bool) -> None:
    """Refuse a recording that is not worth finishing: nothing of it is there, or more than half of it is missing for
    reasons that may pass, and it will be tried again.

    Raises:
        AppError: why segments are missing.
    """
    missing = [
        collector.missed[path]
        for tape in tapes
        for cut in tape.known
        if not (path := tape.path_of(cut.number)).exists() and path in collector.missed
    ]
    inits = [missed for path, missed in collector.missed.items() if "-init-" in path.name and not path.exists()]
    there = sum(tape.has(cut) for tape in tapes for cut in tape.known)
    reasons: list[AppError] = [missed.error for missed in (*missing, *inits)]
    if not there and reasons:
        raise reasons[0]
    passing = [missed for missed in missing if missed.may_pass]
    if not last_try and len(passing) > there:
        raise passing[0].error
