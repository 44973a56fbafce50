"""Fetches the numbered segments of wanted ranges of wall-clock time into a folder, one step after the other."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from src.errors import DiskFull, MediaForbidden
from src.models.captured import Captured, LiveTrack, Record
from src.models.time_window import Window
from src.services.live.numbered.facts import Facts, init_of
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.placing import placed
from src.services.live.numbered.search import Absence, find_number
from src.services.live.numbered.server import Meaning, Reply, SegmentServer
from src.services.live.store import SegmentStore
from src.utils.clock import Clock, to_seconds
from src.utils.whole_file import write_whole

log = logging.getLogger(__name__)

_STATE = "numbers.json"
_ENDED_EXTRA = 2  # after the end of a stream, the newest number is stated so much too high
_GIVEN_UP_BEHIND, _GIVEN_UP_TRIES = 3, 3  # a number that fails is skipped when the newest one is so far ahead
_BUSY_SHARE = Fraction(1, 8)  # a failure that may pass counts for so much of a try
_BATCH = 16  # numbers for each step: a step is short, and the memory small
_USUAL_SECONDS = Fraction(2)
_FRESH_SECONDS = 10  # links that are refused at this age never worked
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


@dataclass(slots=True)
class _Epoch:
    """One broadcast: what is known of its numbers. ``skipped`` will not be asked for again."""

    index: int
    known: dict[int, Facts] = field(default_factory=dict)
    starts: dict[Fraction, int] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    failures: dict[int, Fraction] = field(default_factory=dict)
    init: dict[str, bytes] = field(default_factory=dict)
    oldest: Fraction | None = None


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
    ) -> None:
        """``pool`` runs the requests of a step at the same time; without one they are made one after the other."""
        self.links, self._folder, self._server, self._clock = links, folder, server, clock
        self._renew, self._life, self._pool = renew, life or LinkLife(), pool
        self._stores = {track.name: SegmentStore(folder / track.name) for track in links.tracks}
        self._windows: list[Window] = []
        self._broadcasts = _read_broadcasts(folder)
        self._epoch = _Epoch(0)
        self._head: int | None = None
        self._head_at = Fraction(0)
        self._working = False  # whether these links have answered yet
        self._ended_at: int | None = None
        self.advanced_at = self._now()
        self._enter()

    # --- what is wanted and there -------------------------------------------------------------------------------

    def want(self, window: Window) -> None:
        """Add a range to what is fetched."""
        if window not in self._windows:
            self._windows.append(window)

    def captured(self) -> Captured:
        """Return all that is stored, placed in time."""
        records = {name: placed(store.records) for name, store in self._stores.items()}
        ended = self._ended_at is not None
        return Captured(self.links.tracks, self._folder, records, ended=ended, oldest=self._epoch.oldest)

    def covered_by_all(self) -> list[Window]:
        """Return the times for which all tracks are stored, roughly: as the segments state them."""
        stores = list(self._stores.values())
        return [
            record.span
            for record in stores[0].records
            if all(store.get(record.epoch, record.number) is not None for store in stores[1:])
        ]

    @property
    def target(self) -> Fraction:
        """The usual length of a segment in seconds."""
        newest = self._epoch.known.get(self._newest_known)
        return (newest.target if newest is not None else None) or _USUAL_SECONDS

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

    @property
    def _last(self) -> int:
        """The newest number that exists."""
        assert self._head is not None
        return self._head

    def _find_head(self) -> bool:
        """Learn the newest number, unless that was done just now; return whether it is known."""
        now = self._now()
        if self._head is not None and now - self._head_at < self.target / 2:
            return True
        reply = self._server.head(self._main)
        if reply.meaning is Meaning.REFUSED:
            self._refused()
        if reply.head is None and reply.meaning is not Meaning.BUSY:
            reply = self._newest_that_answers()
        if reply.head is None:
            self._require_answer(reply)
            return False
        self._saw_head(reply.head, now, stated=reply.facts is None)
        return True

    def _newest_that_answers(self) -> Reply:
        """The server states no number: any segment may; otherwise the numbers after the newest known one are tried."""
        low, step = max(self._newest_known, 0), 1
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

    def _saw_head(self, head: int, now: Fraction, *, stated: bool) -> None:
        """``stated``: by a header, which is too high after the end of the stream."""
        self._working = True
        if self.links.ended:
            head = max(head - _ENDED_EXTRA, 0) if stated else head
            self._ended_at = head
        elif self._newest_known - head > _GIVEN_UP_BEHIND:
            log.info("the numbers start again: %d after %d", head, self._newest_known)
            self._broadcasts.append(f"{self.links.broadcast} {now}")
            self._begin_epoch(len(self._broadcasts) - 1)
        self._advance(head, now)
        self._head_at = now

    def _advance(self, head: int, now: Fraction) -> None:
        if self._head is None or head > self._head:
            self._head, self.advanced_at = head, now

    @property
    def _newest_known(self) -> int:
        """The newest number whose segment was seen; -1 if none was."""
        return max(self._epoch.known, default=-1)

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
        """Yield the numbers of a range, as far as their times are known or follow from known ones.

        The last one has a time after the range, so that the length of the one before it is known.
        """
        number = self._start(window)
        if number is None:
            return
        known: Facts | None = None
        while number <= self._last:
            facts = self._epoch.known.get(number)
            if number not in self._epoch.skipped:
                yield number
            if facts is not None:
                known = facts
                if facts.ingested >= window.end:
                    return
            elif known is not None and number not in self._epoch.skipped:
                expected = known.ingested + (number - known.number) * self.target
                if expected > window.end:
                    return  # its own time decides, once it is known
            number += 1

    def _start(self, window: Window) -> int | None:
        """Return the number in which a range starts; None while that lies in the future."""
        epoch = self._epoch
        if window.start in epoch.starts:
            return epoch.starts[window.start]
        if self._head is None or window.start > self._now():
            return None
        number = find_number(window.start, self._last, self._facts_of)
        first = epoch.known.get(number)
        if first is not None and first.ingested > window.start:
            epoch.oldest = first.ingested
        if number == self._last and window.start > self._now() - 2 * self.target:
            return number  # there may be newer ones in a moment: it is looked up again
        epoch.starts[window.start] = number
        return number

    def _facts_of(self, number: int) -> Facts | Absence:
        """Return what is known of a number, or ask; failures that may pass are tried again."""
        reply = self._ask_facts(number)
        if isinstance(reply, Facts):
            return reply
        if self._last - number < _GIVEN_UP_BEHIND:
            return Absence.LATER
        # Too old, or the only one that fails: the one before it shows which.
        if number and isinstance(self._ask_facts(number - 1), Facts):
            return Absence.BROKEN
        return Absence.BROKEN if reply is Meaning.BUSY else Absence.GONE

    def _ask_facts(self, number: int) -> Facts | Meaning:
        known = self._epoch.known.get(number)
        if known is not None:
            return known
        for attempt in range(_GIVEN_UP_TRIES):
            reply = self._server.facts(self._main, number)
            if reply.facts is not None:
                self._epoch.known[number] = reply.facts
                return reply.facts
            if reply.meaning is Meaning.REFUSED and self._server.head(self._main).meaning is Meaning.REFUSED:
                self._refused()
            if reply.meaning is not Meaning.BUSY or self._last - number < _GIVEN_UP_BEHIND:
                break
            if attempt + 1 < _GIVEN_UP_TRIES:
                self._clock.sleep(_RETRY_SECONDS)
        return reply.meaning

    def _fetch(self, batch: list[tuple[int, LiveTrack]]) -> bool:
        """Fetch and store; return whether something failed that should be tried again soon."""
        refused = failed = False
        for (number, track), reply in self._replies(batch):
            if reply.head is not None and not self.links.ended:
                self._advance(reply.head, self._now())
            if reply.facts is not None:
                self._store(track, reply.facts, reply.content)
                continue
            failed = True
            refused = refused or reply.meaning is Meaning.REFUSED
            tries = Fraction(1) if reply.meaning is not Meaning.BUSY else _BUSY_SHARE
            self._epoch.failures[number] = self._epoch.failures.get(number, Fraction(0)) + tries
            log.debug("segment %d of %s: %s", number, track.name, reply.meaning)
        if refused and self._server.head(self._main).meaning is Meaning.REFUSED:
            for number, _ in batch:
                self._epoch.failures.pop(number, None)
            self._refused()
        self._skip(number for number, _ in batch)
        return failed

    def _replies(self, batch: list[tuple[int, LiveTrack]]) -> Iterable[tuple[tuple[int, LiveTrack], Reply]]:
        """Yield the answers in order; each is handled before the next one is taken, so that few are in memory."""
        if self._pool is None:
            for number, track in batch:
                yield (number, track), self._server.segment(track, number)
            return
        waiting = [(one, self._pool.submit(self._server.segment, one[1], one[0])) for one in batch]
        for one, running in waiting:
            yield one, running.result()

    def _skip(self, numbers: Iterable[int]) -> None:
        """Give up numbers that fail although the stream is well past them."""
        for number in numbers:
            tries = self._epoch.failures.get(number, Fraction(0))
            if tries >= _GIVEN_UP_TRIES and self._last - number >= _GIVEN_UP_BEHIND:
                log.info("segment %d is skipped", number)
                self._epoch.skipped.add(number)

    def _store(self, track: LiveTrack, facts: Facts, content: bytes) -> None:
        epoch = self._epoch
        epoch.known[facts.number] = facts
        init = None if init_of(content) is not None else self._init(track)
        record = Record(
            epoch.index,
            facts.number,
            0,
            facts.ingested,
            facts.target or _USUAL_SECONDS,
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
        """Return whether all segments of a range are stored that exist or will exist."""
        numbers = list(self._numbers(window))
        if not numbers:
            ended = self._ended_at is not None and self._head is not None
            return ended and self._now() >= window.end
        if self._ended_at is not None:
            numbers = [number for number in numbers if number <= self._ended_at]
            return all(self._has(number) for number in numbers)
        last = self._epoch.known.get(numbers[-1])
        reached = last is not None and last.ingested >= window.end
        return reached and all(self._has(number) for number in numbers)

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
        if {track.name for track in fresh.tracks} != set(self._stores):
            raise NumbersUnavailable("its formats have changed")
        before = self.links.broadcast
        self.links, self._working = fresh, False
        self._head_at = Fraction(0)
        if fresh.broadcast != before:
            self._enter()

    def _require_answer(self, reply: Reply) -> None:
        """Raises NumbersUnavailable: the server answers, but never with what a numbered segment has."""
        if reply.problem is None and not self._working and reply.meaning is Meaning.BUSY:
            raise NumbersUnavailable("its segments do not state their numbers")

    def _enter(self) -> None:
        """Continue the broadcast of the links, or begin a new one."""
        name = self.links.broadcast
        known = [place for place, entry in enumerate(self._broadcasts) if entry.split(" ")[0] == name]
        if not known:
            self._broadcasts.append(name)
            known = [len(self._broadcasts) - 1]
        self._begin_epoch(known[-1])

    def _begin_epoch(self, index: int) -> None:
        self._epoch = _Epoch(index)
        self._head = self._ended_at = None
        for store in self._stores.values():
            for record in store.records:
                if record.epoch == self._epoch.index:
                    facts = Facts(record.number, record.start, record.media_at, record.duration)
                    self._epoch.known.setdefault(record.number, facts)
        write_whole(self._folder / _STATE, json.dumps(self._broadcasts).encode())


def _read_broadcasts(folder: Path) -> list[str]:
    try:
        found = json.loads((folder / _STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [str(name) for name in found] if isinstance(found, list) else []
