"""Indexes WebM and Matroska files: finds the Cues, and the clusters of a time range."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from src.errors import DrmProtected
from src.models.media_source import SourceUnreadable
from src.models.outcome import Note
from src.services.cutting.engine.indexes.layout import Layout, Unit, pick_units
from src.services.fetch.reader import Part
from src.services.fetch.remote import RemoteFile

# Element ids: RFC 8794 (EBML) and RFC 9559 (Matroska).
EBML, SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, TIMESTAMP_SCALE, DURATION, TRACKS, TRACK_ENTRY = 0x1549A966, 0x2AD7B1, 0x4489, 0x1654AE6B, 0xAE
TRACK_NUMBER, TRACK_TYPE, CONTENT_ENCRYPTION = 0xD7, 0x83, 0x5035
CUES, CUE_POINT, CUE_TIME, CUE_POSITIONS, CUE_TRACK, CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7, 0xF1
CLUSTER = 0x1F43B675
VIDEO, AUDIO = 1, 2
_HEADER_BYTES = 12
_MOST_ELEMENT_BYTES = 64 << 20


class Element(NamedTuple):
    """An EBML element inside some bytes; ``end`` is None if its size is unknown."""

    id: int
    start: int
    body: int
    end: int | None


def read_element(data: bytes, position: int) -> Element | None:
    """Read the header of the element at ``position``; None if it is incomplete."""
    if position >= len(data):
        return None
    first = data[position]
    width = 9 - first.bit_length()
    if first == 0 or width > 4 or position + width >= len(data):
        return None
    identity = int.from_bytes(data[position : position + width], "big")
    at = position + width
    length = 9 - data[at].bit_length()
    if length > 8 or at + length > len(data):
        return None
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    unknown = size == (1 << 7 * length) - 1
    body = at + length
    return Element(identity, position, body, None if unknown else body + size)


def elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """Iterate over the complete elements of known size in data[start:end]."""
    while start < end:
        element = read_element(data, start)
        if element is None or element.end is None or element.end > end:
            return
        yield element
        start = element.end


def number(data: bytes, element: Element) -> int:
    """Read the value of an unsigned integer element."""
    return int.from_bytes(data[element.body : element.end], "big")


class CuesIndex:
    """The index of a file with Cues."""

    def __init__(self, remote: RemoteFile, head: bytes, units: list[Unit]) -> None:
        self.notes: tuple[Note, ...] = ()
        self._resource, self._head, self.units = remote.resource, head, units
        self.duration: Fraction | None = units[-1].end

    def plan(self, start: Fraction, end: Fraction) -> Layout:
        """See ``Index``."""
        first, last = pick_units(self.units, start, end)
        parts = [Part(self._head)]
        parts += [Part(resource=self._resource, start=u.offset, length=u.size) for u in self.units[first:last]]
        if last < len(self.units):
            unit = self.units[last]
            parts.append(Part(resource=self._resource, start=unit.offset, length=unit.size, eager=False))
        span = (self.units[first].start, self.units[last - 1].end)
        at_end, rough = last == len(self.units), last + 1 < len(self.units)
        return Layout(tuple(parts), "matroska", at_start=first == 0, at_end=at_end, rough=rough, span=span)


def read_webm(remote: RemoteFile) -> CuesIndex:
    """Read the index of a WebM or Matroska file.

    Raises:
        SourceUnreadable: it has no usable index. DrmProtected: its blocks are encrypted.
    """
    head = read_element(remote.read(0, 64), 0)
    if head is None or head.id != EBML or head.end is None:
        raise SourceUnreadable("it is not Matroska")
    segment = read_element(remote.read(head.end, _HEADER_BYTES), 0)
    if segment is None or segment.id != SEGMENT:
        raise SourceUnreadable("it has no segment")
    data_start = head.end + segment.body
    data_end = remote.size if segment.end is None else head.end + segment.end
    found, places, first_cluster = _top_level(remote, data_start)
    for wanted in (INFO, TRACKS, CUES):
        if wanted not in found and wanted in places:
            found[wanted] = _read_whole(remote, data_start + places[wanted], wanted)
    if not {INFO, TRACKS, CUES} <= found.keys() or first_cluster is None:
        raise SourceUnreadable("it has no Cues")
    scale, duration = _read_info(found[INFO])
    kinds = _read_tracks(found[TRACKS])
    main = next((n for n, kind in kinds.items() if kind == VIDEO), next(iter(kinds), 0))
    cues = _read_cues(found[CUES], main, scale, data_start)
    if not cues or data_end is None:
        raise SourceUnreadable("its Cues are empty")
    stop = data_end
    if CUES in places and data_start + places[CUES] > cues[-1][1]:
        stop = min(stop, data_start + places[CUES])
    header = remote.read(0, head.end) + _UNKNOWN_SEGMENT + found[INFO] + found[TRACKS]
    return CuesIndex(remote, header, _units(cues, first_cluster, stop, duration))


_UNKNOWN_SEGMENT = SEGMENT.to_bytes(4, "big") + b"\x01\xff\xff\xff\xff\xff\xff\xff"


def _top_level(remote: RemoteFile, data_start: int) -> tuple[dict[int, bytes], dict[int, int], int | None]:
    """Read the start of a file: (elements before the first cluster, positions in the SeekHead, first cluster)."""
    found: dict[int, bytes] = {}
    places: dict[int, int] = {}
    position = data_start
    while True:
        header = remote.read(position, _HEADER_BYTES)
        element = read_element(header, 0)
        if element is None:
            return found, places, None
        if element.id == CLUSTER:
            return found, places, position
        if element.end is None:
            raise SourceUnreadable("an element has no size")
        if element.id in (INFO, TRACKS, CUES, SEEK_HEAD):
            data = _read_whole(remote, position, element.id)
            if element.id == SEEK_HEAD:
                places |= _read_seek_head(data)
            else:
                found[element.id] = data
                places[element.id] = position - data_start
        position += element.end


def _read_whole(remote: RemoteFile, position: int, identity: int) -> bytes:
    element = read_element(remote.read(position, _HEADER_BYTES), 0)
    if element is None or element.id != identity or element.end is None or element.end > _MOST_ELEMENT_BYTES:
        raise SourceUnreadable("its SeekHead is wrong")
    data = remote.read(position, element.end)
    if len(data) < element.end:
        raise SourceUnreadable("it is truncated")
    return data


def _body(data: bytes) -> Iterator[Element]:
    element = read_element(data, 0)
    assert element is not None
    return elements(data, element.body, len(data))


def _read_seek_head(data: bytes) -> dict[int, int]:
    places: dict[int, int] = {}
    for seek in _body(data):
        values = {e.id: number(data, e) for e in elements(data, seek.body, seek.end or 0)} if seek.id == SEEK else {}
        if SEEK_ID in values and SEEK_POSITION in values:
            places.setdefault(values[SEEK_ID], values[SEEK_POSITION])
    return places


def _read_info(data: bytes) -> tuple[int, Fraction | None]:
    scale, duration = 1_000_000, None
    for element in _body(data):
        if element.id == TIMESTAMP_SCALE:
            scale = number(data, element)
        elif element.id == DURATION and element.end is not None:
            form = ">f" if element.end - element.body == 4 else ">d"
            duration = struct.unpack_from(form, data, element.body)[0]
    return scale, None if duration is None else Fraction(duration) * scale / 10**9


def _read_tracks(data: bytes) -> dict[int, int]:
    kinds = {}
    for entry in _body(data):
        if entry.id == TRACK_ENTRY and entry.end is not None:
            values = {e.id: number(data, e) for e in elements(data, entry.body, entry.end)}
            kinds[values.get(TRACK_NUMBER, 0)] = values.get(TRACK_TYPE, 0)
            if CONTENT_ENCRYPTION.to_bytes(2, "big") in data[entry.body : entry.end] and _encrypted(data, entry):
                raise DrmProtected()
    return {n: kind for n, kind in kinds.items() if kind in (VIDEO, AUDIO)}


def _encrypted(data: bytes, entry: Element) -> bool:
    """Whether the track has an element ContentEncodings / ContentEncoding / ContentEncryption."""
    for outer in elements(data, entry.body, entry.end or 0):
        if outer.id == 0x6D80:
            for coding in elements(data, outer.body, outer.end or 0):
                if any(e.id == CONTENT_ENCRYPTION for e in elements(data, coding.body, coding.end or 0)):
                    return True
    return False


def _read_cues(data: bytes, track: int, scale: int, data_start: int) -> list[tuple[Fraction, int]]:
    """Read (time in seconds, position of the cluster) of each cue of the track, in order."""
    cues: dict[int, Fraction] = {}
    for point in _body(data):
        if point.id != CUE_POINT or point.end is None:
            continue
        time: int | None = None
        for element in elements(data, point.body, point.end):
            if element.id == CUE_TIME:
                time = number(data, element)
            elif element.id == CUE_POSITIONS and time is not None and element.end is not None:
                values = {e.id: number(data, e) for e in elements(data, element.body, element.end)}
                if values.get(CUE_TRACK) == track and CUE_CLUSTER in values:
                    cues.setdefault(data_start + values[CUE_CLUSTER], Fraction(time * scale, 10**9))
    return sorted((time, place) for place, time in cues.items())


def _units(cues: list[tuple[Fraction, int]], first: int, stop: int, duration: Fraction | None) -> list[Unit]:
    units = []
    if cues[0][1] > first:
        units.append(Unit(Fraction(0), cues[0][0], first, cues[0][1] - first))
    for place, (time, offset) in enumerate(cues):
        last = place + 1 == len(cues)
        end_offset = stop if last else cues[place + 1][1]
        end_time = max(time, duration or time) if last else cues[place + 1][0]
        units.append(Unit(time, end_time, offset, end_offset - offset))
    return units
