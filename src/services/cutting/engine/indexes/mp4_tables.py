"""Finds the samples of a time range in the tables of a track, of which it reads only what it needs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes.mp4_runs import Chunks, Durations, Runs, Table
from src.services.fetch.remote import RemoteFile

TABLES = frozenset({b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stz2", b"stco", b"co64"})
TABLE_HEAD_BYTES = 12  # of the body of a table: version and flags, and the numbers before its entries
_FORMS = {b"stts": "II", b"ctts": "ii", b"stss": "I", b"stsc": "III", b"stsz": "I", b"stco": "I", b"co64": "Q"}
_AROUND = 512  # entries on both sides of a range that are read too: its sound starts a little earlier
_MOST_SAMPLES = 1 << 24  # that a clip may have; a day of sound has four million


class TableBox(NamedTuple):
    """A table box: the start of its body in the file, its end, and the first bytes of the body."""

    body: int
    end: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Picked:
    """Samples of a track, in decode order. Times in ticks of its clock; ``dts`` also has the end of the last one.

    ``keys`` are the random access points, counted from the first of these samples; None: all.
    """

    dts: list[int]
    pts: list[int]
    sizes: list[int]
    offsets: list[int]
    description: int
    keys: list[int] | None
    at_start: bool
    at_end: bool


class SampleTables:
    """The tables of one track."""

    def __init__(self, remote: RemoteFile, found: Mapping[bytes, TableBox], length: int) -> None:
        """``length`` of the track in ticks, as its header states it; it only says where to look first.

        Raises:
            SourceUnreadable: a table is missing or smaller than it must be.
        """
        if not {b"stts", b"stsc", b"stsz"} <= found.keys() or not {b"stco", b"co64"} & found.keys():
            raise SourceUnreadable("a sample table is incomplete")
        self._length = length
        sizes = found[b"stsz"]
        self._fixed, self.count = (int.from_bytes(sizes.head[at : at + 4], "big") for at in (4, 8))
        self._sizes = Table(remote, sizes.body + 12, self.count, "I")
        if not self._fixed and sizes.end < sizes.body + 12 + 4 * self.count:
            raise SourceUnreadable("its sample tables contradict each other")

        def table(kind: bytes) -> Table:
            box, form = found[kind], _FORMS[kind]
            width = 4 * len(form) if form != "Q" else 8
            count = min(int.from_bytes(box.head[4:8], "big"), max(box.end - box.body - 8, 0) // width)
            return Table(remote, box.body + 8, count, form)

        self._places = table(b"co64" if b"co64" in found else b"stco")
        self._durations = Durations(table(b"stts"))
        self._chunks = Chunks(table(b"stsc"), self._places.count)
        self._offsets = Runs(table(b"ctts")) if b"ctts" in found else None
        # Offsets of version 1 may be negative: how early a sample can be shown, only the whole table tells.
        self._signed = b"ctts" in found and found[b"ctts"].head[:1] == b"\1"
        self._keys = table(b"stss") if b"stss" in found else None
        self._key_numbers: list[int] | None = None

    def request(self, end: int) -> None:
        """Request what ``select`` will read; does not wait."""
        share = self._share(end)
        self._durations.request(share)
        self._chunks.request(share)
        if self._offsets is not None:
            self._offsets.request(1.0 if self._signed else share)
        if self._keys is not None:
            self._keys.request(0, self._keys.count)

    def check(self) -> None:
        """Read all that tables say about numbers of samples. Raises SourceUnreadable: they contradict each other."""
        self._durations.extend(lambda: False)
        self._chunks.extend(lambda: False)
        if self._durations.starts[-1] != self.count or self._chunks.starts[-1] < self.count:
            raise SourceUnreadable("its sample tables contradict each other")

    def select(self, start: int, end: int) -> tuple[int, int]:
        """Return the samples [first, last) that are needed to show [start, end), in ticks.

        Raises:
            SourceUnreadable: the tables contradict each other.
        """
        lead = self._lead(end)
        self._extend_durations(max(start, end) + lead + 1)
        first = self._key_before(start, lead)
        last = self._durations.first_at(end + lead)
        while last > first and self._shown_at(last - 1) >= end:
            last -= 1
        last = max(last, min(first + 1, self.count))
        if not 0 <= first < last <= self.count:
            raise SourceUnreadable("its sample tables contradict each other")
        if last - first > _MOST_SAMPLES:
            raise SourceUnreadable("it has too many samples")
        self._chunks.extend(lambda: self._chunks.starts[-1] >= last, last / self.count)
        if self._chunks.starts[-1] < last:
            raise SourceUnreadable("its sample tables contradict each other")
        return first, last

    def request_places(self, first: int, last: int) -> None:
        """Request what ``pick`` will read; does not wait."""
        begin, chunk, end = self._chunks_of(first, last)
        around = max(begin - _AROUND, 0), min(last + _AROUND, self.count)
        if not self._fixed:
            self._sizes.request(around[0], around[1])
        self._places.request(max(chunk - _AROUND, 0), min(end + _AROUND, self._places.count))

    def pick(self, first: int, last: int) -> Picked:
        """Return the samples [first, last) of a selection. Raises SourceUnreadable: they have several descriptions."""
        dts = self._decode_times(first, last)
        pts = dts[:-1]
        if self._offsets is not None:
            pts = [time + lead for time, lead in zip(pts, self._offsets.expand(first, last), strict=True)]
        begin, chunk, end = self._chunks_of(first, last)
        sizes = [self._fixed] * (last - begin) if self._fixed else list(self._sizes.read(begin, last))
        offsets = self._sample_places(sizes, chunk, end)
        descriptions = {self._chunks.description_of(number) for number in range(chunk, end)}
        if len(descriptions) > 1:
            raise SourceUnreadable("its samples have several descriptions")
        keys = None
        if self._key_numbers is not None:
            keys = [key - first for key in self._key_numbers if first <= key < last]
        skipped = first - begin
        return Picked(
            dts, pts, sizes[skipped:], offsets[skipped:], descriptions.pop(), keys, first == 0, last == self.count
        )

    def _share(self, end: int) -> float:
        """The part of the track before a time."""
        return min(max(end, 0) / self._length, 1.0) if self._length > 0 else 1.0

    def _lead(self, end: int) -> int:
        """Read the composition offsets before a time. Returns the most ticks that a sample is shown before its decode
        time, and is 0 but for signed offsets."""
        offsets = self._offsets
        if offsets is None:
            return 0
        if self._signed:
            offsets.extend(lambda: False)
        else:
            self._extend_durations(end + 1)
            last = self._durations.first_at(end)
            offsets.extend(lambda: offsets.starts[-1] >= last, self._share(end))
            if min(offsets.values, default=0) < 0:
                self._signed = True
                return self._lead(end)
        return max(-min(offsets.values, default=0), 0)

    def _extend_durations(self, time: int) -> None:
        durations = self._durations
        durations.extend(lambda: durations.times[-1] >= time, self._share(time))
        if durations.complete and durations.starts[-1] != self.count:
            raise SourceUnreadable("its sample tables contradict each other")

    def _shown_at(self, sample: int) -> int:
        return self._durations.time_of(sample) + (0 if self._offsets is None else self._offsets.at(sample))

    def _key_before(self, start: int, lead: int) -> int:
        """Return the last random access point that is shown at ``start`` or before; without one, the first of all."""
        after = self._durations.first_at(start + lead + 1)
        if self._keys is None:
            while after > 1 and self._shown_at(after - 1) > start:
                after -= 1
            return max(after - 1, 0)
        if self._key_numbers is None:
            self._key_numbers = [number - 1 for number in self._keys.read(0, self._keys.count)]
        place = bisect_left(self._key_numbers, after)
        while place > 1 and self._shown_at(self._key_numbers[place - 1]) > start:
            place -= 1
        return self._key_numbers[max(place - 1, 0)] if self._key_numbers else 0

    def _decode_times(self, first: int, last: int) -> list[int]:
        """Return the decode times of the samples, and the end of the last one."""
        time = self._durations.time_of(first)
        return list(accumulate(self._durations.expand(first, last), initial=time))

    def _chunks_of(self, first: int, last: int) -> tuple[int, int, int]:
        """Return the first sample of the chunk that holds ``first``, and the chunks [chunk, end) of the samples."""
        chunk, place = self._chunks.place_of(first)
        return first - place, chunk, self._chunks.place_of(last - 1)[0] + 1

    def _sample_places(self, sizes: list[int], chunk: int, end: int) -> list[int]:
        """Return the position in the file of each sample from the first one of ``chunk`` on."""
        offsets: list[int] = []
        for number, position in zip(range(chunk, end), self._places.read(chunk, end), strict=True):
            inside = sizes[len(offsets) : len(offsets) + self._chunks.samples_of(number)]
            if inside:
                offsets += accumulate(inside[:-1], initial=position)
        return offsets
