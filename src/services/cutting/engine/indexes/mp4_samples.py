"""Reads the sample tables of progressive MP4 files and lays out a time range as a smaller MP4 of the same bytes."""

from __future__ import annotations

import copy
import struct
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from src.models.media_source import SourceUnreadable
from src.models.outcome import Note
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.indexes.layout import Layout
from src.services.cutting.engine.indexes.mp4_tables import Picked, SampleTables
from src.services.fetch.reader import Part
from src.services.fetch.resource import Resource

_AUDIO_LEAD = Fraction(1, 5)  # of what is planned with a video; a plan of audio alone starts where its caller says
_CLOSE_BYTES = 32 << 10  # two byte ranges that are at most this far apart are fetched as one


@dataclass(frozen=True, slots=True)
class TrackHead:
    """A track as moov describes it: id, kind (vide, soun, ...), clock ticks per second, and the shift of its edit list
    in seconds: presentation time = media time - shift."""

    id: int
    kind: str
    timescale: int
    shift: Fraction


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A track in a plan: what of it is needed, in ticks of its clock."""

    trak: boxes.Box
    track: TrackHead
    tables: SampleTables
    low: int
    high: int


class SampleTableIndex:
    """The index of a file whose moov lists every sample. Of the lists, a plan reads only what it needs."""

    def __init__(
        self, resource: Resource, moov: bytes, tracks: list[TrackHead], tables: dict[int, SampleTables]
    ) -> None:
        """``moov`` is without its sample tables; ``tables`` are those of video and audio, by the place of the track."""
        self.notes: tuple[Note, ...] = ()
        self.duration: Fraction | None = None  # it would take all tables
        self._resource, self._moov = resource, moov
        root = next(boxes.children(moov))
        traks = [box for box in boxes.children(moov, root.body, root.end) if box.kind == b"trak"]
        self._sampled = [(traks[place], tracks[place], table) for place, table in tables.items() if table.count]
        if not self._sampled:
            raise SourceUnreadable("its moov lists no samples")

    def of_audio(self) -> SampleTableIndex:
        """Return the index of the audio alone: a plan of it begins at the audio, and not at a key frame before.

        Without audio, the same index.
        """
        alone = copy.copy(self)
        alone._sampled = [one for one in self._sampled if one[1].kind == "soun"]
        return alone if alone._sampled else self

    @property
    def _has_video(self) -> bool:
        return any(track.kind == "vide" for _, track, _ in self._sampled)

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        picked = self._pick(start, end)
        at_start, at_end, span = True, True, (start, end)
        for (_trak, track, _), samples in zip(self._sampled, picked, strict=True):
            if track.kind == "vide" or not self._has_video:
                at_start, at_end = samples.at_start, samples.at_end
                begin = Fraction(samples.pts[0], track.timescale) - track.shift
                span = (min(begin, start), end)
        stretches = _stretches(picked)
        moov_size = len(self._make_moov(picked, stretches, 0))
        ftyp = boxes.make(b"ftyp", b"isom", bytes(4), b"isommp41")
        body = sum(stop - begin for begin, stop in stretches)
        mdat = struct.pack(">I4sQ", 1, b"mdat", body + 16)
        moov = self._make_moov(picked, stretches, len(ftyp) + moov_size + len(mdat))
        parts = [Part(ftyp + moov + mdat)]
        parts += [Part(resource=self._resource, start=begin, length=stop - begin) for begin, stop in stretches]
        shifts = {
            place: track.shift - Fraction(samples.dts[0], track.timescale)
            for place, ((_trak, track, _), samples) in enumerate(zip(self._sampled, picked, strict=True))
        }
        return Layout(tuple(parts), "mp4", shifts, seekable=True, at_start=at_start, at_end=at_end, span=span)

    def _pick(self, start: Fraction, end: Fraction) -> list[Picked]:
        """Read the tables about a time range: those of all tracks at the same time, in two rounds of requests."""
        wanted = []
        for trak, track, tables in self._sampled:
            lead = _AUDIO_LEAD if self._has_video and track.kind == "soun" else 0
            low, high = ((time + track.shift) * track.timescale for time in (start - lead, end))
            wanted.append(_Wanted(trak, track, tables, int(low // 1), int(-(-high // 1))))
        for one in wanted:
            one.tables.request(one.high)
        found = [one.tables.select(one.low, one.high) for one in wanted]
        for one, (first, last) in zip(wanted, found, strict=True):
            one.tables.request_places(first, last)
        return [one.tables.pick(first, last) for one, (first, last) in zip(wanted, found, strict=True)]

    def _make_moov(self, picked: list[Picked], stretches: list[tuple[int, int]], base: int) -> bytes:
        moov, starts, bases = self._moov, [begin for begin, _ in stretches], []
        for begin, stop in stretches:
            bases.append(base - begin)
            base += stop - begin

        def moved(offset: int) -> int:
            return offset + bases[bisect_left(starts, offset + 1) - 1]

        replaced = {
            trak.start: _stbl(samples, [moved(offset) for offset in samples.offsets])
            for (trak, _, _), samples in zip(self._sampled, picked, strict=True)
        }
        root = next(boxes.children(moov))
        parts = []
        for box in boxes.children(moov, root.body, root.end):
            if box.kind == b"mvhd":
                parts.append(moov[box.start : box.end])
            elif box.start in replaced:
                parts.append(_rebuild(moov, box, ["mdia", "minf", "stbl"], replaced[box.start]))
        return boxes.make(b"moov", *parts)


def _stretches(picked: list[Picked]) -> list[tuple[int, int]]:
    """Return the byte ranges of samples; close ones are joined."""
    spans = sorted(
        (offset, offset + size)
        for samples in picked
        for offset, size in zip(samples.offsets, samples.sizes, strict=True)
    )
    merged: list[tuple[int, int]] = []
    for begin, stop in spans:
        if merged and begin <= merged[-1][1] + _CLOSE_BYTES:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((begin, stop))
    return merged


def _rebuild(moov: bytes, box: boxes.Box, path: list[str], tables: bytes) -> bytes:
    """Return the box with new sample tables at the end of ``path`` and without its edit list."""
    parts = []
    for child in boxes.children(moov, box.body, box.end):
        if path and child.kind == path[0].encode():
            parts.append(_rebuild(moov, child, path[1:], tables))
        elif child.kind != b"edts":
            parts.append(moov[child.start : child.end])
    return boxes.make(box.kind, *parts, *([] if path else [tables]))


def _stbl(samples: Picked, offsets: list[int]) -> bytes:
    count = len(samples.pts)
    deltas = [after - before for before, after in pairwise(samples.dts)]
    leads = [shown - decoded for shown, decoded in zip(samples.pts, samples.dts, strict=False)]
    tables = [
        boxes.make_full(b"stts", 0, 0, _pairs(deltas, "I")),
        boxes.make_full(b"ctts", 1, 0, _pairs(leads, "i")),
        boxes.make_full(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, 1, samples.description)),
        boxes.make_full(b"stsz", 0, 0, struct.pack(">II", 0, count), _big("I", samples.sizes)),
        boxes.make_full(b"co64", 0, 0, struct.pack(">I", count), _big("Q", offsets)),
    ]
    if samples.keys is not None:
        keys = [key + 1 for key in samples.keys]
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
