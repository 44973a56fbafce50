"""Reads the tables of a sample table box (ISO/IEC 14496-12, 8.6 to 8.8) by parts, as far as a time range needs them."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from operator import mul, sub

from src.models.media_source import SourceUnreadable
from src.services.fetch.remote import RemoteFile

_LEAST_ENTRIES = 256  # read together: a request costs more than their bytes
_STEPS = 20  # a table that was guessed too short is continued by this part of it


class Table:
    """The entries of a table: from ``start`` of the file on, each ``width`` numbers of 32 bits, or one of 64 bits."""

    def __init__(self, remote: RemoteFile, start: int, count: int, form: str) -> None:
        self._remote, self._start, self.count, self._form = remote, start, count, form
        self._bytes = struct.calcsize(">" + form)

    def request(self, first: int, last: int) -> None:
        """Request the entries [first, last); does not wait."""
        self._remote.request(self._start + first * self._bytes, (last - first) * self._bytes)

    def read(self, first: int, last: int) -> tuple[int, ...]:
        """Return the numbers of the entries [first, last). Raises SourceUnreadable: the file ends before."""
        self.request(first, last)
        data = self._remote.read(self._start + first * self._bytes, (last - first) * self._bytes)
        if len(data) < (last - first) * self._bytes:
            raise SourceUnreadable("a sample table is incomplete")
        return struct.unpack(f">{(last - first) * len(self._form)}{self._form[0]}", data)


class Prefix(ABC):
    """A table whose entries only have a meaning after those before them; it is read from its start."""

    def __init__(self, table: Table) -> None:
        self._table, self.known = table, 0

    @property
    def complete(self) -> bool:
        """Whether all of the table is known."""
        return self.known == self._table.count

    def request(self, share: float) -> None:
        """Request this share of the table, and a little more; does not wait."""
        self._table.request(self.known, self._guess(share))

    def extend(self, is_enough: Callable[[], bool], share: float = 1.0) -> None:
        """Read on until ``is_enough`` or the end. ``share`` of the table is probably enough."""
        wanted = self._guess(share)
        while not self.complete and not is_enough():
            if wanted == self.known:
                wanted = min(self.known + self._table.count // _STEPS + _LEAST_ENTRIES, self._table.count)
            numbers = self._table.read(self.known, wanted)
            self.known = wanted
            try:
                self._add(numbers)
            except OverflowError as error:
                raise SourceUnreadable("its sample tables have absurd numbers") from error

    def _guess(self, share: float) -> int:
        count = self._table.count
        return max(self.known, min(int(count * min(max(share, 0.0), 1.0) * 1.02) + _LEAST_ENTRIES, count))

    @abstractmethod
    def _add(self, numbers: tuple[int, ...]) -> None:
        """Take in the numbers of the next entries."""


class Runs(Prefix):
    """A run-length table: ``values[i]`` is that of the samples from ``starts[i]`` on. ``starts`` also has the end."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.starts, self.values = array("q", [0]), array("q")

    def expand(self, first: int, last: int) -> list[int]:
        """Return the values of the samples [first, last), 0 after the end of the table."""
        values: list[int] = []
        run = bisect_right(self.starts, first) - 1
        while first < last and run < len(self.values):
            stop = min(self.starts[run + 1], last)
            values += [self.values[run]] * (stop - first)
            first, run = stop, run + 1
        return values + [0] * (last - first)

    def at(self, sample: int) -> int:
        """Return the value of a sample, 0 after the end of the table."""
        run = bisect_right(self.starts, sample) - 1
        return self.values[run] if run < len(self.values) else 0

    def _add(self, numbers: tuple[int, ...]) -> None:
        self.values.extend(numbers[1::2])
        self.starts = self.starts[:-1] + array("q", accumulate(numbers[::2], initial=self.starts[-1]))


class Durations(Runs):
    """The table ``stts``. ``times[i]`` is the decode time at ``starts[i]``, in ticks."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.times = array("q", [0])

    def time_of(self, sample: int) -> int:
        """Return the decode time of a known sample, or the end of the last one."""
        run = bisect_right(self.starts, sample) - 1
        if run == len(self.values):
            return self.times[run]
        return self.times[run] + (sample - self.starts[run]) * self.values[run]

    def first_at(self, time: int) -> int:
        """Return the first known sample that is decoded at ``time`` or later; without one, the end."""
        run = bisect_left(self.times, time)
        if run == len(self.times):
            return self.starts[-1]
        if run == 0:
            return 0
        ticks, value = time - self.times[run - 1], self.values[run - 1]
        return self.starts[run - 1] + -(-ticks // value)

    def _add(self, numbers: tuple[int, ...]) -> None:
        super()._add(numbers)
        spans = map(mul, numbers[::2], numbers[1::2])
        self.times = self.times[:-1] + array("q", accumulate(spans, initial=self.times[-1]))


class Chunks(Prefix):
    """The table ``stsc``: how many samples the chunks hold. ``starts[i]`` is the first sample of run ``i``."""

    def __init__(self, table: Table, chunks: int) -> None:
        super().__init__(table)
        self._chunks = chunks
        self._firsts, self._sizes, self._descriptions = array("q"), array("q"), array("q")
        self.starts = array("q", [0])

    def place_of(self, sample: int) -> tuple[int, int]:
        """Return the chunk of a known sample (the first one is 0), and its place in the chunk."""
        run = bisect_right(self.starts, sample) - 1
        chunk, place = divmod(sample - self.starts[run], self._sizes[run])
        return self._firsts[run] - 1 + chunk, place

    def samples_of(self, chunk: int) -> int:
        """Return how many samples a known chunk holds."""
        return self._sizes[bisect_right(self._firsts, chunk + 1) - 1]

    def description_of(self, chunk: int) -> int:
        """Return which description the samples of a known chunk have; the first one is 1."""
        return self._descriptions[bisect_right(self._firsts, chunk + 1) - 1]

    def _add(self, numbers: tuple[int, ...]) -> None:
        before = max(len(self._firsts) - 1, 0)  # the last run is open until the next one is known
        self._firsts.extend(numbers[::3])
        self._sizes.extend(numbers[1::3])
        self._descriptions.extend(numbers[2::3])
        firsts, ends = self._firsts[before:], self._firsts[before + 1 :]
        if self.complete:
            ends.append(self._chunks + 1)
        counts = list(map(sub, ends, firsts))
        if min(firsts, default=1) < 1 or min(counts, default=0) < 0:
            raise SourceUnreadable("its chunks are not in order")
        samples = map(mul, counts, self._sizes[before:])
        self.starts = self.starts[:-1] + array("q", accumulate(samples, initial=self.starts[-1]))
