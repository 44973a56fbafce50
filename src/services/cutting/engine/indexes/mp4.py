"""Indexes MP4 files: finds moov and sidx, and the fragments of a time range."""

from __future__ import annotations

import struct
from fractions import Fraction

from src.errors import DrmProtected
from src.models.media_source import SourceUnreadable
from src.models.outcome import Note
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.indexes.layout import Index, Layout, Unit, pick_units
from src.services.cutting.engine.indexes.mp4_moov import MoovReader
from src.services.cutting.engine.indexes.mp4_samples import SampleTableIndex, TrackHead
from src.services.fetch.reader import Part
from src.services.fetch.remote import RemoteFile

_MOST_MOOV_BYTES = 256 << 20
_MOST_SIDX_DEPTH = 4
_ENCRYPTED = {b"encv", b"enca"}


def read_mp4(remote: RemoteFile) -> Index:
    """Read the index of an MP4 file.

    Raises:
        SourceUnreadable: it has no usable index. DrmProtected: its samples are encrypted.
    """
    moov: MoovReader | None = None
    sidx: tuple[int, bytes] | None = None
    position, size = 0, remote.size
    while size is None or position < size:
        head = remote.read(position, 16)
        box = boxes.read_header(head, 0, None if size is None else size - position)
        if box is None:
            break
        if box.kind == b"moov":
            if box.end > _MOST_MOOV_BYTES:
                raise SourceUnreadable("its moov is too large")
            if size is not None and position + box.end > size:
                raise SourceUnreadable("its moov is broken")
            moov = MoovReader(remote, position, box)
            if not moov.fragmented:
                return _sample_index(remote, moov)
        elif box.kind == b"sidx":
            sidx = (position, remote.read(position, box.end))
        if (box.kind in (b"moof", b"mdat") or sidx) and moov:
            break
        if position == 0 and not box.kind.isalnum():
            raise SourceUnreadable("it is not an MP4")
        position += box.end
    if moov is None:
        raise SourceUnreadable("it has no moov")
    if sidx is None:
        raise SourceUnreadable("its fragments have no index")
    content = moov.content()
    return SidxIndex(remote, content, read_tracks(content), *sidx)


def _sample_index(remote: RemoteFile, moov: MoovReader) -> SampleTableIndex:
    content = moov.content()
    tracks = read_tracks(content)
    tables = {place: moov.tables(place) for place, track in enumerate(tracks) if track.kind in ("vide", "soun")}
    return SampleTableIndex(remote.resource, content, tracks, tables)


def read_tracks(moov: bytes) -> list[TrackHead]:
    """Read the tracks of a moov box, in its order. Raises the errors of ``read_mp4``."""
    root = boxes.find(moov, "moov")
    mvhd = boxes.find(moov, "moov/mvhd")
    if root is None or mvhd is None:
        raise SourceUnreadable("its moov is broken")
    movie_scale = struct.unpack_from(">I", moov, mvhd.body + (20 if moov[mvhd.body] else 12))[0]
    tracks = []
    for box in boxes.children(moov, root.body, root.end):
        if box.kind == b"trak":
            tracks.append(_read_track(moov, box, movie_scale))
    return tracks


def _read_track(moov: bytes, trak: boxes.Box, movie_scale: int) -> TrackHead:
    def inside(path: str) -> boxes.Box:
        found = boxes.find(moov, path, trak.body, trak.end)
        if found is None:
            raise SourceUnreadable(f"its track has no {path}")
        return found

    tkhd, mdhd, hdlr, stsd = (inside(path) for path in ("tkhd", "mdia/mdhd", "mdia/hdlr", "mdia/minf/stbl/stsd"))
    if any(entry.kind in _ENCRYPTED for entry in boxes.children(moov, stsd.body + 8, stsd.end)):
        raise DrmProtected()
    number = struct.unpack_from(">I", moov, tkhd.body + (20 if moov[tkhd.body] else 12))[0]
    timescale = struct.unpack_from(">I", moov, mdhd.body + (20 if moov[mdhd.body] else 12))[0]
    kind = moov[hdlr.body + 8 : hdlr.body + 12].decode("latin-1")
    elst = boxes.find(moov, "edts/elst", trak.body, trak.end)
    shift = Fraction(0) if elst is None else _edit_shift(moov, elst, movie_scale, timescale)
    return TrackHead(number, kind, timescale, shift)


def _edit_shift(moov: bytes, elst: boxes.Box, movie_scale: int, timescale: int) -> Fraction:
    """Convert an edit list of optional empty edits and one stretch of media to a shift; others are not supported."""
    long = moov[elst.body] == 1
    count = struct.unpack_from(">I", moov, elst.body + 4)[0]
    layout = ">QqI" if long else ">IiI"
    empty, begin = Fraction(0), None
    for number in range(count):
        duration, media_time, rate = struct.unpack_from(layout, moov, elst.body + 8 + number * struct.calcsize(layout))
        if media_time == -1 and begin is None:
            empty += Fraction(duration, movie_scale)
        elif begin is None and rate == 0x10000:
            begin = Fraction(media_time, timescale)
        elif duration:
            raise SourceUnreadable("its edit list has several entries")
    return (begin or Fraction(0)) - empty


def without_edits(moov: bytes) -> bytes:
    """Return the moov box without the edit lists of its tracks."""
    root = next(boxes.children(moov))
    parts = []
    for box in boxes.children(moov, root.body, root.end):
        if box.kind != b"trak":
            parts.append(moov[box.start : box.end])
            continue
        others = [b for b in boxes.children(moov, box.body, box.end) if b.kind != b"edts"]
        parts.append(boxes.make(b"trak", *(moov[b.start : b.end] for b in others)))
    return boxes.make(b"moov", *parts)


class SidxIndex:
    """The index of a fragmented file with a segment index of one or several levels."""

    def __init__(self, remote: RemoteFile, moov: bytes, tracks: list[TrackHead], position: int, sidx: bytes) -> None:
        self.notes: tuple[Note, ...] = ()
        self._resource = remote.resource
        self._init = boxes.make(b"ftyp", b"iso6", bytes(4), b"iso6mp41") + without_edits(moov)
        self._shifts = {index: track.shift for index, track in enumerate(tracks)}
        reference = struct.unpack_from(">I", sidx, boxes.find(sidx, "sidx").body + 4)[0]  # type: ignore[union-attr]
        shift = next((track.shift for track in tracks if track.id == reference), Fraction(0))
        self.units = _units(remote, position, sidx, shift)
        if not self.units:
            raise SourceUnreadable("its sidx is empty")
        size = remote.size
        covered = self.units[-1].offset + self.units[-1].size
        if size is not None and covered < size * 0.9:
            raise SourceUnreadable("its sidx covers only the start")
        self.duration: Fraction | None = self.units[-1].end

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        first, last = pick_units(self.units, start, end)
        parts = [Part(self._init)]
        parts += [Part(resource=self._resource, start=u.offset, length=u.size) for u in self.units[first:last]]
        if last < len(self.units):
            unit = self.units[last]
            parts.append(Part(resource=self._resource, start=unit.offset, length=unit.size, eager=False))
        return Layout(
            tuple(parts),
            "mp4",
            self._shifts,
            at_start=first == 0,
            at_end=last == len(self.units),
            rough=last + 1 < len(self.units),
            span=(self.units[first].start, self.units[last - 1].end),
        )


def _units(remote: RemoteFile, position: int, sidx: bytes, shift: Fraction, depth: int = 0) -> list[Unit]:
    box = next(boxes.children(sidx))
    version = sidx[box.body]
    timescale = struct.unpack_from(">I", sidx, box.body + 8)[0]
    earliest, first_offset = struct.unpack_from(">QQ" if version else ">II", sidx, box.body + 12)
    at = box.body + (28 if version else 20)
    count = struct.unpack_from(">H", sidx, at + 2)[0]
    offset, time = position + len(sidx) + first_offset, earliest
    units: list[Unit] = []
    for number in range(count):
        kind_size, duration = struct.unpack_from(">II", sidx, at + 4 + 12 * number)
        size = kind_size & 0x7FFFFFFF
        if kind_size >> 31:
            if depth >= _MOST_SIDX_DEPTH:
                raise SourceUnreadable("its sidx has too many levels")
            inner = boxes.read_header(remote.read(offset, 16), 0)
            if inner is None or inner.kind != b"sidx" or inner.end > size:
                raise SourceUnreadable("a sidx does not point to a sidx")
            # its size includes the media after it, which the index does not need
            units += _units(remote, offset, remote.read(offset, inner.end), shift, depth + 1)
        else:
            start, stop = (Fraction(ticks, timescale) - shift for ticks in (time, time + duration))
            units.append(Unit(start, stop, offset, size))
        offset, time = offset + size, time + duration
    return units
