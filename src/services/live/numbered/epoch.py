"""Keeps what is known of one broadcast: its segments, its newest number, and which numbers a range of time needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from src.models.captured import Record
from src.models.time_window import Window
from src.services.live.numbered.facts import Facts
from src.utils.whole_file import write_whole

USUAL_SECONDS = Fraction(2)
BEHIND = 3  # a number that fails may not exist yet unless the newest one is so far ahead
TRIES = 3
_ENDED_EXTRA = 2  # after the end of a stream, the newest number is stated so much too high
_STATE = "numbers.json"


@dataclass(slots=True)
class Epoch:
    """One broadcast; its numbers start at 0. ``starts`` has the first number of each range by the range's start.

    ``head`` is the newest number, learned at ``head_at``; ``advanced_at`` is when it last grew; ``last`` is it after
    the end of the stream. ``arrived`` is the newest segment of earlier attempts. ``skipped`` numbers are given up.
    ``oldest`` is the start of what the stream still has, if something wanted was older.
    """

    index: int
    known: dict[int, Facts] = field(default_factory=dict)
    starts: dict[Fraction, int] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    head: int | None = None
    head_at: Fraction = Fraction(0)
    advanced_at: Fraction = Fraction(0)
    arrived: Facts | None = None
    last: int | None = None
    oldest: Fraction | None = None
    init: dict[str, bytes] = field(default_factory=dict)
    failures: dict[int, Fraction] = field(default_factory=dict)

    def restore(self, records: Iterable[Record]) -> None:
        """Learn from what is stored already."""
        for record in records:
            if record.epoch == self.index:
                facts = Facts(record.number, record.start, record.media_at, record.duration)
                self.known.setdefault(record.number, facts)
                if self.arrived is None or facts.number > self.arrived.number:
                    self.arrived = facts

    @property
    def newest_known(self) -> int:
        """The newest number whose segment was seen; -1 if none was."""
        return max(self.known, default=-1)

    @property
    def target(self) -> Fraction:
        """The usual length of a segment in seconds."""
        newest = self.known.get(self.newest_known)
        return (newest.target if newest is not None else None) or USUAL_SECONDS

    def advance(self, head: int, now: Fraction) -> None:
        """Learn of a number that exists."""
        if self.head is None and self.arrived is not None and head <= self.arrived.number + _ENDED_EXTRA:
            # As far as an earlier attempt came: the stream may have stood still, or ended, since then.
            self.head, self.advanced_at = head, min(now, self.arrived.ingested)
        elif self.head is None or head > self.head:
            self.head, self.advanced_at = head, now

    def end(self, head: int, *, stated: bool) -> int:
        """Learn that the stream is over; return its last number. ``stated``: by the server, which says too much."""
        self.last = max(head - _ENDED_EXTRA, 0) if stated else head
        return self.last

    def is_recent(self, number: int) -> bool:
        """Return whether a number that fails may not exist yet."""
        return self.head is None or self.head - number < BEHIND

    def fail(self, number: int, share: Fraction) -> None:
        """Count a failure as ``share`` of a try; a number that keeps failing although the stream is well past it is
        given up."""
        tries = self.failures.get(number, Fraction(0)) + share
        self.failures[number] = tries
        if tries >= TRIES and not self.is_recent(number):
            self.skipped.add(number)

    def numbers(self, window: Window, first: int) -> Iterator[int]:
        """Yield the numbers of a range from ``first`` on, as far as they exist, without those that are given up.

        The last one has a time after the range, so that the length of the one before it is known.
        """
        number, known = first, None
        while self.head is not None and number <= self.head:
            if number not in self.skipped:
                yield number
            facts = self.known.get(number)
            if facts is not None:
                known = facts
                if facts.ingested >= window.end:
                    return
            elif known is not None and number not in self.skipped:
                expected = known.ingested + (number - known.number) * self.target
                if expected > window.end:
                    return  # its own time decides, once it is known
            number += 1

    def reaches(self, window: Window, last: int) -> bool:
        """Return whether nothing after this number belongs to the range: what follows is later, or does not exist.

        What follows may be given up because one track lacks it; its time is known from another track.
        """
        if self.last is not None:
            return True
        number = last
        while number == last or number in self.skipped:
            facts = self.known.get(number)
            if facts is not None and facts.ingested >= window.end:
                return True
            number += 1
        return False


class Broadcasts:
    """The broadcasts that a folder contains, in the order of their epochs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _STATE
        self._names = self._read()

    def epoch_of(self, name: str) -> int:
        """Return the epoch of a broadcast; a new one if the last capture knew another."""
        known = [place for place, entry in enumerate(self._names) if entry.split(" ")[0] == name]
        return known[-1] if known else self.begin(name)

    @property
    def names(self) -> list[str]:
        """The names of all epochs."""
        return list(self._names)

    def index_of(self, name: str) -> int:
        """Return the epoch with exactly this name, which may be a new one."""
        return self._names.index(name) if name in self._names else self.begin(name)

    def begin(self, name: str) -> int:
        """Return a new epoch."""
        self._names.append(name)
        write_whole(self._file, json.dumps(self._names).encode())
        return len(self._names) - 1

    def _read(self) -> list[str]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return [str(name) for name in found] if isinstance(found, list) else []
