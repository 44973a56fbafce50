"""Reads the sample tables of progressive MP4 files and lays out a time range as a smaller MP4 of the same bytes."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Container
from dataclasses import dataclass
from fractions import Fraction

from src.models.media_source import SourceUnreadable
from src.models.outcome import Note
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.indexes.layout import Layout
from src.services.fetch.reader import Part
from src.services.fetch.resource import Resource

_TABLES = {b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stz2", b"stco", b"co64"}
_ABOUT_GROUPS = {b"sbgp", b"sgpd", b"sdtp", b"cslg", b"stps", b"stsh", b"subs", b"saiz", b"saio"}
_AUDIO_LEAD = Fraction(1, 5)
_CLOSE_BYTES = 32 << 10  # two byte ranges that are at most this far apart are fetched as one


@dataclass(frozen=True, slots=True)
class TrackHead:
    """A track as moov describes it: id, kind (vide, soun, ...), clock ticks per second, and the shift of its edit list
    in seconds: presentation time = media time - shift."""

    id: int
    kind: str
    timescale: int
    shift: Fraction


@dataclass(slots=True)
class Samples:
    """All samples of a track in decode order. Times in ticks of its clock; ``keys``: the random access points."""

    dts: array[int]
    pts: array[int]
    sizes: array[int]
    offsets: array[int]
    descriptions: array[int]
    keys: list[int] | None
    lead: int
    """The most ticks that a sample is shown before its decode time (signed composition offsets)."""
    end: int
    """The end of the last sample, in decode time."""

    def select(self, start: int, end: int) -> tuple[int, int]:
        """Return the samples [first, last) in decode order that are needed to show [start, end), in ticks."""
        count = len(self.dts)
        keys = range(count) if self.keys is None else self.keys
        place = bisect_left(keys, True, key=lambda sample: self.pts[sample] > start)
        first = keys[max(place - 1, 0)] if len(keys) else 0
        last = bisect_left(self.dts, end + self.lead)
        while last > first and self.pts[last - 1] >= end:
            last -= 1
        return first, max(last, min(first + 1, count))


class SampleTableIndex:
    """The index of a file whose moov lists every sample."""

    def __init__(self, resource: Resource, moov: bytes, tracks: list[TrackHead]) -> None:
        self.notes: tuple[Note, ...] = ()
        self._resource, self._moov, self._tracks = resource, moov, tracks
        root = next(boxes.children(moov))
        traks = [box for box in boxes.children(moov, root.body, root.end) if box.kind == b"trak"]
        self._sampled = [
            (trak, track, _read_samples(moov, trak))
            for trak, track in zip(traks, tracks, strict=True)
            if track.kind in ("vide", "soun")
        ]
        self._sampled = [entry for entry in self._sampled if len(entry[2].dts)]
        if not self._sampled:
            raise SourceUnreadable("its moov lists no samples")
        ends = [Fraction(max(s.pts[-50:]), track.timescale) - track.shift for _, track, s in self._sampled]
        self.duration: Fraction | None = max(ends)

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        picked, at_start, at_end, span = [], True, True, (start, end)
        for _trak, track, samples in self._sampled:
            lead = _AUDIO_LEAD if track.kind == "soun" else 0
            low, high = ((time + track.shift) * track.timescale for time in (start - lead, end))
            first, last = samples.select(int(low // 1), int(-(-high // 1)))
            picked.append((first, last))
            if track.kind == "vide" or len(self._sampled) == 1:
                at_start, at_end = first == 0, last == len(samples.dts)
                begin = Fraction(samples.pts[first], track.timescale) - track.shift
                span = (min(begin, start), end)
        stretches = self._stretches(picked)
        moov_size = len(self._make_moov(picked, stretches, 0))
        ftyp = boxes.make(b"ftyp", b"isom", bytes(4), b"isommp41")
        body = sum(stop - begin for begin, stop in stretches)
        mdat = struct.pack(">I4sQ", 1, b"mdat", body + 16)
        moov = self._make_moov(picked, stretches, len(ftyp) + moov_size + len(mdat))
        parts = [Part(ftyp + moov + mdat)]
        parts += [Part(resource=self._resource, start=begin, length=stop - begin) for begin, stop in stretches]
        shifts = {
            place: track.shift - Fraction(samples.dts[first], track.timescale)
            for place, ((_trak, track, samples), (first, _)) in enumerate(zip(self._sampled, picked, strict=True))
        }
        return Layout(tuple(parts), "mp4", shifts, seekable=True, at_start=at_start, at_end=at_end, span=span)

    def _stretches(self, picked: list[tuple[int, int]]) -> list[tuple[int, int]]:
        spans = sorted(
            (samples.offsets[number], samples.offsets[number] + samples.sizes[number])
            for (_, _, samples), (first, last) in zip(self._sampled, picked, strict=True)
            for number in range(first, last)
        )
        merged: list[tuple[int, int]] = []
        for begin, stop in spans:
            if merged and begin <= merged[-1][1] + _CLOSE_BYTES:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((begin, stop))
        return merged

    def _make_moov(self, picked: list[tuple[int, int]], stretches: list[tuple[int, int]], base: int) -> bytes:
        moov, starts, bases = self._moov, [begin for begin, _ in stretches], []
        for begin, stop in stretches:
            bases.append(base - begin)
            base += stop - begin

        def moved(offset: int) -> int:
            return offset + bases[bisect_left(starts, offset + 1) - 1]

        replaced = {
            trak.start: _stbl(samples, first, last, [moved(samples.offsets[n]) for n in range(first, last)])
            for (trak, _, samples), (first, last) in zip(self._sampled, picked, strict=True)
        }
        root = next(boxes.children(moov))
        parts = []
        for box in boxes.children(moov, root.body, root.end):
            if box.kind == b"mvhd":
                parts.append(moov[box.start : box.end])
            elif box.start in replaced:
                parts.append(_rebuild(moov, box, ["mdia", "minf", "stbl"], replaced[box.start]))
        return boxes.make(b"moov", *parts)


def _rebuild(moov: bytes, box: boxes.Box, path: list[str], tables: bytes) -> bytes:
    """Return the box with new sample tables at the end of ``path`` and without its edit list."""
    parts = []
    for child in boxes.children(moov, box.body, box.end):
        if path and child.kind == path[0].encode():
            parts.append(_rebuild(moov, child, path[1:], tables))
        elif child.kind != b"edts" and child.kind not in _TABLES and child.kind not in _ABOUT_GROUPS:
            parts.append(moov[child.start : child.end])
    return boxes.make(box.kind, *parts, *([] if path else [tables]))


def _stbl(samples: Samples, first: int, last: int, offsets: list[int]) -> bytes:
    numbers = range(first, last)
    if len({samples.descriptions[number] for number in numbers}) > 1:
        raise SourceUnreadable("its samples have several descriptions")
    description = samples.descriptions[first] if last > first else 1
    ends = [*samples.dts[first + 1 : last + 1], samples.end]
    deltas = [end - samples.dts[number] for number, end in zip(numbers, ends, strict=False)]
    tables = [
        boxes.make_full(b"stts", 0, 0, _pairs(deltas, "I")),
        boxes.make_full(b"ctts", 1, 0, _pairs([samples.pts[n] - samples.dts[n] for n in numbers], "i")),
        boxes.make_full(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, 1, description)),
        boxes.make_full(
            b"stsz", 0, 0, struct.pack(">II", 0, last - first), _big("I", [samples.sizes[n] for n in numbers])
        ),
        boxes.make_full(b"co64", 0, 0, struct.pack(">I", last - first), _big("Q", offsets)),
    ]
    if samples.keys is not None:
        keys = [key - first + 1 for key in samples.keys if first <= key < last]
        tables.append(boxes.make_full(b"stss", 0, 0, struct.pack(">I", len(keys)), _big("I", keys)))
    return b"".join(tables)


def _pairs(values: list[int], kind: str) -> bytes:
    """Pack run lengths: the number of repetitions and the value."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1][0] += 1
        else:
            runs.append([1, value])
    return struct.pack(">I", len(runs)) + b"".join(struct.pack(f">I{kind}", *run) for run in runs)


def _big(kind: str, values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}{kind}", *values)


def _read_samples(moov: bytes, trak: boxes.Box) -> Samples:
    stbl = boxes.find(moov, "mdia/minf/stbl", trak.body, trak.end)
    if stbl is None:
        raise SourceUnreadable("a track has no sample table")
    found = {box.kind: box for box in boxes.children(moov, stbl.body, stbl.end)}

    def numbers(kind: bytes, form: str, skip: int = 8) -> tuple[int, ...]:
        box = found[kind]
        count = (box.end - box.body - skip) // struct.calcsize(">" + form)
        return struct.unpack_from(f">{count}{form}", moov, box.body + skip)

    if b"stsz" not in found or not {b"stco", b"co64"} & found.keys():
        raise SourceUnreadable("a sample table is incomplete")
    fixed, count = struct.unpack_from(">II", moov, found[b"stsz"].body + 4)
    sizes = array("q", [fixed] * count if fixed else numbers(b"stsz", "I", 12)[:count])
    dts, time = array("q"), 0
    stts = numbers(b"stts", "I")
    for run, delta in zip(stts[::2], stts[1::2], strict=False):
        for _ in range(run):
            dts.append(time)
            time += delta
    pts = array("q", dts)
    if b"ctts" in found:
        signed = numbers(b"ctts", "i")
        number = 0
        for run, offset in zip(signed[::2], signed[1::2], strict=False):
            for number in range(number, min(number + run, len(pts))):  # noqa: B020 (continues from its last value)
                pts[number] += offset
            number += 1
    offsets, descriptions = _offsets(numbers, found, sizes)
    if not len(dts) == len(sizes) == len(offsets):
        raise SourceUnreadable("its sample tables contradict each other")
    keys = [n - 1 for n in numbers(b"stss", "I")] if b"stss" in found else None
    lead = max((d - p for d, p in zip(dts, pts, strict=True)), default=0)
    return Samples(dts, pts, sizes, offsets, descriptions, keys, max(lead, 0), time)


def _offsets(
    numbers: Callable[[bytes, str], tuple[int, ...]], found: Container[bytes], sizes: array[int]
) -> tuple[array[int], array[int]]:
    """Return the file position and the description number of each sample."""
    chunks = numbers(b"co64", "Q") if b"co64" in found else numbers(b"stco", "I")
    stsc = numbers(b"stsc", "I")
    runs = list(zip(stsc[::3], stsc[1::3], stsc[2::3], strict=False))
    offsets: array[int] = array("q")
    descriptions: array[int] = array("q")
    sample = 0
    for place, (first, per_chunk, description) in enumerate(runs):
        stop = runs[place + 1][0] if place + 1 < len(runs) else len(chunks) + 1
        for chunk in range(first - 1, min(stop - 1, len(chunks))):
            position = chunks[chunk]
            for _ in range(per_chunk):
                if sample >= len(sizes):
                    return offsets, descriptions
                offsets.append(position)
                descriptions.append(description)
                position += sizes[sample]
                sample += 1
    return offsets, descriptions
