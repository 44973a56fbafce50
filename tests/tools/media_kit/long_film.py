"""Progressive films of hours that take no space: their sample tables list those of a short film again and again."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tests.tools.media_kit.boxes import PLAIN_BOXES, boxes, changed

Numbers = npt.NDArray[np.int64]


@dataclass
class TrackFacts:
    """All that the tables of a track say, expanded: one number for each sample, times in ticks.

    ``shift``: media time minus presentation time, seconds. ``tables`` are the contents of the boxes in stbl.
    """

    kind: str
    timescale: int
    shift: Fraction
    dts: Numbers
    pts: Numbers
    sizes: Numbers
    offsets: Numbers
    keys: Numbers
    """The numbers of the random access points."""
    tables: dict[bytes, bytes]

    def needed(self, start: Fraction, end: Fraction) -> range:
        """The samples for [start, end), from a key frame on, by their definition."""
        low, high = ((time + self.shift) * self.timescale for time in (start, end))
        shown = np.flatnonzero(self.pts < math.ceil(high))
        keys = self.keys[self.pts[self.keys] <= math.floor(low)]
        return range(int(keys[-1]) if len(keys) else 0, int(shown[-1]) + 1)


def children(data: bytes, *path: bytes) -> bytes | None:
    """The content of the first box at a path."""
    for kind in path:
        found = next((box[8:] for name, box in boxes(data) if name == kind), None)
        if found is None:
            return None
        data = found
    return data


def read_film(film: bytes) -> list[TrackFacts]:
    """The tracks of a progressive MP4, with every sample."""
    moov = children(film, b"moov")
    assert moov is not None
    mvhd = children(moov, b"mvhd")
    assert mvhd is not None
    return [_read_track(box[8:], int.from_bytes(mvhd[12:16], "big")) for kind, box in boxes(moov) if kind == b"trak"]


def _read_track(trak: bytes, movie_scale: int) -> TrackFacts:
    stbl, mdhd, hdlr = (children(trak, b"mdia", *path) for path in ((b"minf", b"stbl"), (b"mdhd",), (b"hdlr",)))
    assert stbl is not None and mdhd is not None and hdlr is not None
    tables = {kind: box[8:] for kind, box in boxes(stbl)}
    scale = int.from_bytes(mdhd[12:16], "big")
    durations = _runs(tables[b"stts"])
    dts = np.concatenate([[0], np.cumsum(durations)[:-1]])
    pts = dts + _runs(tables[b"ctts"]) if b"ctts" in tables else dts
    fixed, count = struct.unpack_from(">II", tables[b"stsz"], 4)
    sizes = np.full(count, fixed) if fixed else np.frombuffer(tables[b"stsz"], ">u4", offset=12).astype(np.int64)
    keys = np.arange(count)
    if b"stss" in tables:
        keys = np.frombuffer(tables[b"stss"], ">u4", offset=8).astype(np.int64) - 1
    kind, shift = hdlr[8:12].decode(), _shift(trak, movie_scale, scale)
    return TrackFacts(kind, scale, shift, dts, pts, sizes, _offsets(tables, sizes), keys, tables)


def _runs(table: bytes) -> Numbers:
    pairs = np.frombuffer(table, ">i4", offset=8).astype(np.int64).reshape(-1, 2)
    values: Numbers = np.repeat(pairs[:, 1], pairs[:, 0])
    return values


def _shift(trak: bytes, movie_scale: int, scale: int) -> Fraction:
    elst = children(trak, b"edts", b"elst")
    shift = Fraction(0)
    for duration, time, _rate in struct.iter_unpack(">IiI", elst[8:] if elst else b""):
        shift += Fraction(-duration, movie_scale) if time == -1 else Fraction(time, scale)
    return shift


def _offsets(tables: dict[bytes, bytes], sizes: Numbers) -> Numbers:
    wide = b"co64" in tables
    chunks = np.frombuffer(tables[b"co64" if wide else b"stco"], ">u8" if wide else ">u4", offset=8).astype(np.int64)
    runs = np.frombuffer(tables[b"stsc"], ">u4", offset=8).astype(np.int64).reshape(-1, 3)
    counts = np.repeat(runs[:, 1], np.diff(runs[:, 0], append=len(chunks) + 1))
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    before = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    offsets: Numbers = np.repeat(chunks - before[firsts], counts) + before
    return offsets


def long_film(short: bytes, seconds: int, times: int, *, wide: bool = False, behind: bool = False) -> bytes:
    """``short``, whose moov lies before its media, ``times`` times one after the other; every ``seconds``, which is
    not less than its length.

    ``wide``: places have 64 bits. ``behind``: moov lies behind the media.
    """
    tracks = iter(read_film(short))
    head = dict(boxes(short))
    media = short[short.index(head[b"mdat"]) :]

    def longer(trak: bytes, base: int) -> bytes:
        track = next(tracks)
        tables = _repeated(track, seconds, times, base, wide)

        def stbl(inside: bytes) -> bytes:
            kept = [box for kind, box in boxes(inside) if kind not in track.tables or kind == b"stsd"]
            return b"".join([*kept, *(_box(kind, table) for kind, table in tables.items())])

        length = (seconds * times * track.timescale).to_bytes(4, "big")
        trak = changed(trak, PLAIN_BOXES[2:], stbl)
        return changed(trak, (b"mdia", b"mdhd"), lambda mdhd: mdhd[:16] + length + mdhd[20:])

    def film(base: int) -> bytes:
        nonlocal tracks
        tracks = iter(read_film(short))
        moov = changed(_box(b"moov", head[b"moov"][8:]), PLAIN_BOXES[:2], lambda trak: longer(trak, base))
        return head[b"ftyp"] + (media + moov if behind else moov + media)

    before = short.index(media)
    if behind:
        return film(len(head[b"ftyp"]) - before)
    return film(len(film(0)) - len(media) - before)


def _repeated(track: TrackFacts, seconds: int, times: int, base: int, wide: bool) -> dict[bytes, bytes]:
    tables, count = track.tables, len(track.dts)
    durations = np.frombuffer(tables[b"stts"], ">u4", offset=8).reshape(-1, 2).tolist()
    run, value = durations.pop()  # the last sample lasts until the film starts again
    durations += [[run - 1, value], [1, seconds * track.timescale - int(track.dts[-1])]]
    repeated = {b"stts": _table(np.tile(durations, (times, 1)))}
    if b"ctts" in tables:
        leads = np.frombuffer(tables[b"ctts"], ">u4", offset=8).reshape(-1, 2)
        repeated[b"ctts"] = tables[b"ctts"][:4] + _table(np.tile(leads, (times, 1)))[4:]
    if b"stss" in tables:
        repeated[b"stss"] = _table(_numbered(track.keys + 1, count, times))
    ends = track.offsets + track.sizes
    starts = np.flatnonzero(np.concatenate([[True], track.offsets[1:] != ends[:-1]]))
    lengths = np.diff(starts, append=count)
    chunks = _numbered(np.arange(1, len(starts) + 1), len(starts), times)
    repeated[b"stsc"] = _table(np.stack([chunks, np.tile(lengths, times), np.ones(len(chunks), int)], axis=1))
    repeated[b"stsz"] = struct.pack(">III", 0, 0, count * times) + track.sizes.astype(">u4").tobytes() * times
    places = np.tile(track.offsets[starts] + base, times)
    repeated[b"co64" if wide else b"stco"] = _table(places, ">u8" if wide else ">u4")
    return repeated


def _numbered(numbers: Numbers, count: int, times: int) -> Numbers:
    """The numbers of the first turn, and those of the others, which are ``count`` more each time."""
    numbered: Numbers = (np.arange(times)[:, None] * count + numbers).ravel()
    return numbered


def _table(entries: npt.NDArray[np.int64], form: str = ">u4") -> bytes:
    return struct.pack(">II", 0, len(entries)) + entries.astype(form).tobytes()


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content
