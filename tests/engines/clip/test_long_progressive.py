"""Clips of progressive MP4s of three hours: only the needed parts of their sample tables are read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange, Track
from src.models.progress import SilentMonitor
from src.services.cutting.engine.indexes.layout import Layout
from src.services.cutting.engine.indexes.mp4_samples import SampleTableIndex
from src.services.cutting.engine.indexes.opening import read_index
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.remote import RemoteFile
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import SMALL
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import Film, cached_film, decode_errors, frame_numbers
from tests.tools.media_kit.boxes import PLAIN_BOXES, boxes, changed
from tests.tools.media_kit.long_film import TrackFacts, long_film, read_film

SECONDS, THREE_HOURS = 13, 831
"""Every 13 s starts a film of 12 s again, and so many times in three hours."""
FILM = replace(SMALL, faststart=True)
VFR = replace(FILM, fps=Fraction(30), vfr=True)
SOUND_LEAD = Fraction(1, 5)
MOST_REQUESTS = 40
MOST_OVERHEAD = 200_000
"""Bytes: the speculative start, a page for each table, and the entries around a range."""


def long_of(film: Film, *, wide: bool = False, behind: bool = False) -> bytes:
    """Three hours of a film."""
    return long_film(cached_film(film).read_bytes(), SECONDS, THREE_HOURS, wide=wide, behind=behind)


class Reading:
    """The index of a film that an origin serves."""

    def __init__(self, film: bytes, folder: Path) -> None:
        self.film, self.origin = film, Origin({"film": film})
        self._spool = Spool(folder / "spool")

    def __enter__(self) -> Reading:
        self.origin.__enter__()
        self.fetcher = Fetcher(self._spool, NetworkSettings(), lambda: None)
        self.remote = RemoteFile(self.fetcher, Resource(self.origin.url("film"), {}))
        self.remote.prefetch()
        return self

    def __exit__(self, *_: object) -> None:
        self.fetcher.close()
        self._spool.close()
        self.origin.__exit__(None, None, None)


Samples = list[tuple[int, int, bytes]]
"""(decode time from the first sample on, composition offset, content) of samples of a track."""


def samples_of(layout: Layout, film: bytes) -> list[Samples]:
    """The samples that a demuxer finds in a layout, for each track."""
    content = b"".join(
        part.content if part.resource is None else film[part.start : part.start + (part.length or 0)]
        for part in layout.parts
    )
    tracks = read_film(layout.parts[0].content[:-16])  # without the head of mdat, which has a size of 64 bits
    return [_listed(track, range(len(track.dts)), content) for track in tracks]


def expected(tracks: list[TrackFacts], film: bytes, start: Fraction, end: Fraction) -> list[Samples]:
    """The samples that a layout of [start, end) must hold, by the whole tables."""
    found = []
    for track in tracks:
        lead = SOUND_LEAD if track.kind == "soun" else 0
        found.append(_listed(track, track.needed(start - lead, end), film))
    return found


def _listed(track: TrackFacts, samples: range, content: bytes) -> Samples:
    inside = slice(samples.start, samples.stop)
    dts, pts, sizes, offsets = (one[inside].tolist() for one in (track.dts, track.pts, track.sizes, track.offsets))
    return [
        (time - dts[0], shown - time, content[offset : offset + size])
        for time, shown, size, offset in zip(dts, pts, sizes, offsets, strict=True)
    ]


def with_edit(film: bytes) -> bytes:
    """The film with another edit list: its video starts 0.4 s later."""

    def later(elst: bytes) -> bytes:
        return elst[:4] + struct.pack(">I", 2) + struct.pack(">IiI", 400, -1, 0x10000) + elst[8:20]

    return changed(film, (b"moov", b"trak", b"edts", b"elst"), later)


RANGES = ["0 1", "0.04 12.5", "5 17.31", "25.9 26.1", "5400.2 5404", "9000 9030", "10801.5 10803", "0.5 60"]
FILMS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: long_of(FILM),
    "wide, behind": lambda: long_of(FILM, wide=True, behind=True),
    "vfr": lambda: long_of(VFR),
    "edits": lambda: with_edit(long_of(FILM, behind=True)),
    "no reordering, silent": lambda: long_of(replace(FILM, bframes=0, audio=None)),
}


@pytest.mark.matrix(2)
@pytest.mark.parametrize("name", FILMS)
def test_the_samples_are_those_of_the_whole_tables(name: str, tmp_path: Path) -> None:
    content = FILMS[name]()
    tracks = read_film(content)
    with Reading(content, tmp_path) as reading:
        index = read_index(reading.remote)
        assert isinstance(index, SampleTableIndex)
        for text in RANGES:
            start, end = map(Fraction, text.split())
            layout = index.plan(start, end)
            assert samples_of(layout, content) == expected(tracks, content, start, end), text
            assert (layout.at_start, layout.at_end) == (start < 2, end > 10802), text


@pytest.mark.matrix(4)
@pytest.mark.parametrize(("start", "share"), [("3.3", 0.02), ("5400.7", 0.52), ("10790.3", 1)])
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
def test_a_clip_of_three_hours_reads_what_it_needs(start: str, share: float, behind: bool, tmp_path: Path) -> None:
    """Of tables of run lengths all that is before the range is needed; of the others only the range."""
    content = long_of(FILM, behind=behind)
    begin, output = Fraction(start), tmp_path / "clip.mp4"
    tracks = read_film(content)
    needed = 0
    for track in tracks:
        samples = track.needed(begin - SOUND_LEAD, begin + 4)
        needed += int(track.sizes[samples.start : samples.stop].sum())
        runs = sum(len(track.tables.get(kind, b"")) for kind in (b"stts", b"ctts", b"stsc"))
        needed += int(runs * share) + len(track.tables.get(b"stss", b""))
    with Origin({"film": content}) as origin:
        make_clip(
            ClipSource((Track(origin.url("film")),)),
            TimeRange(begin, begin + 4),
            output,
            work_dir=tmp_path,
            network=NetworkSettings(),
            monitor=SilentMonitor(),
        )
    assert [frame.number for frame in frame_numbers(output)] == frames_of(begin, begin + 4)
    assert decode_errors(output) == ""
    assert origin.bytes_sent <= 1.2 * needed + MOST_OVERHEAD
    assert origin.requests <= MOST_REQUESTS


def frames_of(start: Fraction, end: Fraction) -> list[int]:
    """The numbers in the frames of a range of at most 13 s: 300 frames of 40 ms, and then the film starts again."""
    turn = int(start // SECONDS)
    times = [(Fraction(SECONDS * (turn + later)) + Fraction(n, 25), n) for later in range(2) for n in range(300)]
    return [number for time, number in times if start <= time < end]


STBL = (b"moov", *PLAIN_BOXES[1:])


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "more sizes than the box holds": lambda film: changed(film, (*STBL, b"stsz"), lambda _: words(0, 0, 1 << 31)),
    "as many samples as there are numbers": lambda film: changed(
        film, (*STBL, b"stsz"), lambda _: words(0, 1, (1 << 32) - 1)
    ),
    "more times than samples": lambda film: changed(film, (*STBL, b"stts"), lambda _: words(0, 1, 1 << 31, 1)),
    "times beyond all numbers": lambda film: changed(
        film, (*STBL, b"stts"), lambda _: words(0, 2, *[(1 << 32) - 1] * 4)
    ),
    "chunks in another order": lambda film: changed(
        film, (*STBL, b"stsc"), lambda _: words(0, 2, 5, 100, 1, 2, 100, 1)
    ),
    "chunk zero": lambda film: changed(film, (*STBL, b"stsc"), lambda _: words(0, 1, 0, 1000, 1)),
    "chunks without samples": lambda film: changed(film, (*STBL, b"stsc"), lambda _: words(0, 1, 1, 0, 1)),
    "fewer chunks than samples": lambda film: changed(film, (*STBL, b"stco"), lambda _: words(0, 1 << 30, 0)),
    "no sizes": lambda film: changed(film, STBL, lambda stbl: b"".join(b for k, b in boxes(stbl) if k != b"stsz")),
    "a moov that ends behind the file": lambda film: film[:-100],
    "a moov of empty boxes": lambda film: changed(film, (b"moov",), lambda moov: moov + words(8, 0) * 10_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_that_lie_are_refused_before_anything_is_fetched(name: str, tmp_path: Path) -> None:
    """Such a file is read by seeking, as one without an index."""
    content = HOSTILE[name](cached_film(SMALL).read_bytes())
    with Reading(content, tmp_path) as reading, pytest.raises(SourceUnreadable):
        read_index(reading.remote)
    assert reading.origin.requests < 10


def test_a_large_table_that_lies_is_refused_when_it_is_read(tmp_path: Path) -> None:
    content = changed(long_of(FILM, behind=True), (*STBL, b"stts"), lambda stts: stts[:-16] + words(1, 1, 1 << 31, 1))
    with Reading(content, tmp_path) as reading:
        index = read_index(reading.remote)
        with pytest.raises(SourceUnreadable):
            index.plan(Fraction(10801), Fraction(10802))
