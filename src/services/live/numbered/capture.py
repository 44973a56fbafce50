"""Fetches the numbered segments of wanted ranges of wall-clock time into a folder, one step after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from src.errors import DiskFull, MediaForbidden
from src.models.captured import Captured, LiveTrack, Record
from src.models.time_window import Window
from src.services.live.numbered.epoch import BEHIND, TRIES, USUAL_SECONDS, Broadcasts, Epoch
from src.services.live.numbered.facts import Facts, init_of
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.placing import placed_tracks
from src.services.live.numbered.search import Absence, find_number
from src.services.live.numbered.server import Meaning, Reply, SegmentServer
from src.services.live.store import SegmentStore
from src.utils.clock import Clock, to_seconds

log = logging.getLogger(__name__)

_BATCH = 16  # numbers for each step: a step is short, and the memory small
_FRESH_SECONDS = 10  # links that are refused at this age never worked
_MOST_UNANSWERED = 8
# How much of a try a failure counts for: the less, the more likely it is that the next request succeeds.
_SHARES = {Meaning.REFUSED: Fraction(1, 2), Meaning.EMPTY: Fraction(1, 4), Meaning.BUSY: Fraction(1, 8)}
_LONGEST_PAUSE_SECONDS, _RETRY_SECONDS = 30.0, 0.5
Renew = Callable[[Links], Links | None]
"""Looks the stream up again; None: the stream is gone. Raises SourceError."""


class NumbersUnavailable(Exception):
    """This stream's segments cannot be read by number; its playlist may still work."""


class StreamGone(Exception):
    """The stream has no links any more."""


class _LinksChanged(Exception):
    """There are other links, perhaps of another broadcast: what was under way starts again."""


@dataclass(frozen=True, slots=True)
class Step:
    """``done``: all wanted ranges are stored, as far as they exist. Otherwise another step is useful in ``seconds``."""

    done: bool
    seconds: float = 0.0


class NumberedCapture:
    """One stream in one choice of formats. It can be asked for any ranges, is never behind a playlist, and continues
    with what an earlier object left in the folder.

    Its methods are called from one thread; a step makes a bounded number of requests, each with a time limit.
    """

    def __init__(
        self,
        links: Links,
        folder: Path,
        server: SegmentServer,
        *,
        clock: Clock,
        renew: Renew,
        life: LinkLife | None = None,
        pool: Executor | None = None,
        on_fetched: Callable[[int], None] = lambda size: None,
    ) -> None:
        """``pool`` runs the requests of a step at the same time; without one they are made one after the other.

        ``on_fetched`` is called with the size of each segment, in the thread that fetched it.
        """
        self.links, self._folder, self._server, self._clock = links, folder, server, clock
        self._renew, self._life, self._pool = renew, life or LinkLife(), pool
        self._on_fetched = on_fetched
        self._stores = {track.name: SegmentStore(folder / track.name) for track in links.tracks}
        self._windows: list[Window] = []
        self._broadcasts = Broadcasts(folder)
        self._working = False  # whether these links have answered yet
        self._unanswered = 0
        self._epoch = self._enter(self._broadcasts.epoch_of(links.broadcast))

    # --- what is wanted and there -------------------------------------------------------------------------------

    def want(self, window: Window) -> None:
        """Add a range to what is fetched."""
        if window not in self._windows:
            self._windows.append(window)

    def want_only(self, windows: Iterable[Window]) -> None:
        """Fetch these ranges, and no others any more."""
        self._windows = list(dict.fromkeys(windows))

    def is_done(self, window: Window) -> bool:
        """Return whether all segments of a range are stored that exist or will exist."""
        return self._is_done(window)

    def captured(self) -> Captured:
        """Return all that is stored, placed in time."""
        records = placed_tracks({name: store.records for name, store in self._stores.items()})
        return Captured(self.links.tracks, self._folder, records, ended=self.ended, oldest=self._epoch.oldest)

    @property
    def stores(self) -> dict[str, SegmentStore]:
        """What is stored, by track. Other threads may read it."""
        return self._stores

    @property
    def broadcasts(self) -> list[str]:
        """The names of the epochs of the stored segments."""
        return self._broadcasts.names

    @property
    def ended(self) -> bool:
        """Whether the stream is over, as far as known."""
        return self._epoch.last is not None

    @property
    def target(self) -> Fraction:
        """The usual length of a segment in seconds."""
        return self._epoch.target

    @property
    def advanced_at(self) -> Fraction:
        """When a new segment was last seen."""
        return self._epoch.advanced_at

    # --- fetching -----------------------------------------------------------------------------------------------

    def step(self) -> Step:
        """Fetch what can be fetched now.

        Raises:
            NumbersUnavailable: nothing of this stream can be read in this way.
            StreamGone: it has no links any more.
            MediaForbidden: fresh links are refused too.
            AppError: the network, the disk, or what ``renew`` raises.
        """
        try:
            return self._step()
        except _LinksChanged:
            return Step(False)

    def _step(self) -> Step:
        if all(self._is_done(window) for window in self._windows):
            return Step(True)
        ends_at = self._life.ends_at(self.links)
        if ends_at is not None and self._now() >= ends_at:
            self._take_fresh_links()
        if not self._find_head():
            return Step(False, _RETRY_SECONDS)
        batch = self._wanted_now()
        failed = self._fetch(batch) if batch else False
        if all(self._is_done(window) for window in self._windows):
            return Step(True)
        if failed:
            return Step(False, _RETRY_SECONDS)
        return Step(False, 0.0 if self._wanted_now() else self._pause())

    def _now(self) -> Fraction:
        return to_seconds(self._clock.now())

    @property
    def _main(self) -> LiveTrack:
        """The track whose segments are the smallest: times and numbers are the same for all."""
        return min(self.links.tracks, key=lambda track: track.has_video)

    def _find_head(self) -> bool:
        """Learn the newest number, unless that was done just now; return whether it is known."""
        now = self._now()
        if self._epoch.head is not None and now - self._epoch.head_at < self.target / 2:
            return True
        reply = self._server.head(self._main)
        if reply.meaning is Meaning.REFUSED:
            self._refused()
        if reply.head is None and reply.meaning is not Meaning.BUSY:
            reply = self._newest_that_answers()
        if reply.head is None:
            self._unanswered += 1
            if self._unanswered >= _MOST_UNANSWERED and self._epoch.newest_known < 0:
                raise NumbersUnavailable("no answer states a number")
            return False
        self._working, self._unanswered = True, 0
        head = reply.head
        if self.links.ended:
            head = self._epoch.end(head, stated=reply.facts is None)
        elif self._has_started_again(head):
            log.info("the numbers start again: %d after %d", head, self._epoch.newest_known)
            self._epoch = self._enter(self._broadcasts.begin(f"{self.links.broadcast} {now}"))
        self._epoch.advance(head, now)
        self._epoch.head_at = now
        return True

    def _has_started_again(self, head: int) -> bool:
        """Return whether a newest number from before the known ones is of a new broadcast. A server that lags behind
        states one too, but its segment is not newer than the known ones."""
        newest = self._epoch.newest_known
        if newest - head <= BEHIND:
            return False
        facts = self._server.facts(self._main, head).facts
        return facts is not None and facts.ingested > self._epoch.known[newest].ingested

    def _newest_that_answers(self) -> Reply:
        """The server states no number: any segment may; otherwise the numbers after the newest known one are tried."""
        low, step = max(self._epoch.newest_known, 0), 1
        reply = self._server.facts(self._main, low)
        if reply.head is not None or reply.meaning is not Meaning.FOUND:
            return reply
        while self._exists(low + step):
            low, step = low + step, step * 2
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._exists(middle) else (low, middle)
        return Reply(Meaning.FOUND, self._epoch.known.get(low, reply.facts), head=low)

    def _exists(self, number: int) -> bool:
        reply = self._server.facts(self._main, number)
        if reply.facts is not None:
            self._epoch.known[number] = reply.facts
        return reply.facts is not None

    def _wanted_now(self) -> list[tuple[int, LiveTrack]]:
        """Return numbers that exist and are missing, oldest first."""
        found: dict[tuple[int, str], tuple[int, LiveTrack]] = {}
        for window in self._windows:
            for number in self._numbers(window):
                for track in self.links.tracks:
                    if self._stores[track.name].get(self._epoch.index, number) is None:
                        found[number, track.name] = (number, track)
                if len(found) >= _BATCH:
                    break
        return sorted(found.values(), key=lambda one: one[0])[:_BATCH]

    def _numbers(self, window: Window) -> Iterator[int]:
        first = self._start(window)
        return iter(()) if first is None else self._epoch.numbers(window, first)

    def _start(self, window: Window) -> int | None:
        """Return the number in which a range starts; None while that lies in the future."""
        epoch = self._epoch
        if window.start in epoch.starts:
            return epoch.starts[window.start]
        if epoch.head is None or window.start > self._now():
            return None
        number = find_number(window.start, epoch.head, self._facts_of)
        first = epoch.known.get(number)
        if first is not None and first.ingested > window.start:
            epoch.oldest = first.ingested
        if number < epoch.head or window.start < self._now() - 2 * self.target:
            epoch.starts[window.start] = number  # otherwise there may be newer ones in a moment
        return number

    def _facts_of(self, number: int) -> Facts | Absence:
        """Return what is known of a number, or ask; failures that may pass are tried again."""
        reply = self._ask_facts(number)
        if isinstance(reply, Facts):
            return reply
        if self._epoch.is_recent(number):
            return Absence.LATER
        # Too old, or the only one that fails: the one before it shows which.
        if number and isinstance(self._ask_facts(number - 1), Facts):
            return Absence.BROKEN
        return Absence.BROKEN if reply is Meaning.BUSY else Absence.GONE

    def _ask_facts(self, number: int) -> Facts | Meaning:
        known = self._epoch.known.get(number)
        if known is not None:
            return known
        for attempt in range(TRIES):
            reply = self._server.facts(self._main, number)
            if reply.facts is not None:
                self._epoch.known[number] = reply.facts
                return reply.facts
            if reply.meaning is Meaning.REFUSED and self._server.head(self._main).meaning is Meaning.REFUSED:
                self._refused()
            if reply.meaning is not Meaning.BUSY or self._epoch.is_recent(number):
                break
            if attempt + 1 < TRIES:
                self._clock.sleep(_RETRY_SECONDS)
        return reply.meaning if self._epoch.is_recent(number) else self._facts_elsewhere(number) or reply.meaning

    def _facts_elsewhere(self, number: int) -> Facts | None:
        """Return the facts of a number that the main track lacks from another track: they are the same for all."""
        for track in self.links.tracks:
            facts = None if track is self._main else self._server.facts(track, number).facts
            if facts is not None:
                self._epoch.known[number] = facts
                return facts
        return None

    def _fetch(self, batch: list[tuple[int, LiveTrack]]) -> bool:
        """Fetch and store; return whether something failed that should be tried again soon."""
        failures: dict[int, Meaning] = {}
        for (number, track), reply in self._replies(batch):
            if reply.head is not None and not self.links.ended:
                self._epoch.advance(reply.head, self._now())
            if reply.facts is not None:
                self._epoch.known[number] = reply.facts
                continue
            log.debug("segment %d of %s: %s", number, track.name, reply.meaning)
            failures[number] = reply.meaning
        if Meaning.REFUSED in failures.values() and self._server.head(self._main).meaning is Meaning.REFUSED:
            self._refused()
        for number, meaning in failures.items():
            self._epoch.fail(number, _SHARES[meaning])
        return bool(failures)

    def _replies(self, batch: list[tuple[int, LiveTrack]]) -> Iterable[tuple[tuple[int, LiveTrack], Reply]]:
        """Yield the answers in order. The thread that fetched a segment stores it, so that few are in memory."""
        if self._pool is None:
            return [(one, self._load(*one)) for one in batch]
        waiting = [(one, self._pool.submit(self._load, *one)) for one in batch]
        return ((one, running.result()) for one, running in waiting)

    def _load(self, number: int, track: LiveTrack) -> Reply:
        """Fetch a segment and store it. Returns the reply without its content."""
        reply = self._server.segment(track, number)
        if reply.facts is not None:
            self._store(track, reply.facts, reply.content)
            self._on_fetched(len(reply.content))
        return replace(reply, content=b"")

    def _store(self, track: LiveTrack, facts: Facts, content: bytes) -> None:
        epoch = self._epoch
        init = None if init_of(content) is not None else self._init(track)
        record = Record(
            epoch.index,
            facts.number,
            0,
            facts.ingested,
            facts.target or USUAL_SECONDS,
            f"{epoch.index}-{facts.number}",
            own_clock=True,
            media_at=facts.media_at,
        )
        try:
            self._stores[track.name].put(record, content, init)
        except OSError as error:
            raise DiskFull() from error

    def _init(self, track: LiveTrack) -> bytes | None:
        """Return the initialisation of a track whose segments have none: number 0 contains it."""
        if track.name not in self._epoch.init:
            self._epoch.init[track.name] = init_of(self._server.segment(track, 0).content) or b""
        return self._epoch.init[track.name] or None

    # --- the end of a step --------------------------------------------------------------------------------------

    def _is_done(self, window: Window) -> bool:
        first = self._start(window)
        numbers = [] if first is None else list(self._epoch.numbers(window, first))
        if first is None or (not numbers and first not in self._epoch.skipped):
            return self._epoch.last is not None and self._now() >= window.end
        last = numbers[-1] if numbers else first
        return self._epoch.reaches(window, last) and all(self._has(number) for number in numbers)

    def _has(self, number: int) -> bool:
        return all(store.get(self._epoch.index, number) is not None for store in self._stores.values())

    def _pause(self) -> float:
        start = min(window.start for window in self._windows)
        until = float(start - self._now())
        if until > 0:
            return min(until, _LONGEST_PAUSE_SECONDS)
        return max(float(self.target) / 2, _RETRY_SECONDS)

    # --- links --------------------------------------------------------------------------------------------------

    def _refused(self) -> NoReturn:
        """These links are dead: take others."""
        age = self._now() - to_seconds(self.links.extracted_at)
        if not self._working and age < _FRESH_SECONDS:
            if not any(store.records for store in self._stores.values()):
                raise NumbersUnavailable("its links are refused")
            raise MediaForbidden()
        if age >= _FRESH_SECONDS:
            self._life.died(self.links, self._now())
        self._take_fresh_links()
        raise _LinksChanged()

    def _take_fresh_links(self) -> None:
        fresh = self._renew(self.links)
        if fresh is None:
            raise StreamGone()
        self.use(fresh)

    def use(self, fresh: Links) -> None:
        """Continue with newer links, perhaps of another broadcast or of a stream that is over by now.

        Raises:
            NumbersUnavailable: they have other tracks.
        """
        if {track.name for track in fresh.tracks} != set(self._stores):
            raise NumbersUnavailable("its formats have changed")
        before = self.links.broadcast
        self.links, self._working = fresh, False
        if fresh.broadcast != before:
            self._epoch = self._enter(self._broadcasts.epoch_of(fresh.broadcast))
        self._epoch.head_at = Fraction(0)

    def _enter(self, index: int) -> Epoch:
        """Return what is known of a broadcast."""
        epoch = Epoch(index, advanced_at=self._now())
        for store in self._stores.values():
            epoch.restore(store.records)
        return epoch
