"""Parses media playlists (RFC 8216): segments with their times, keys, initialisations, discontinuities and clocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from urllib.parse import urljoin

from src.errors import DrmProtected, LiveNotSupported
from src.models.media_source import SourceUnreadable
from src.services.hls.tags import attributes_of, clock_of, lines_of, seconds_of, understood, whole_of

_MOST_SEGMENTS = 200_000
"""Two days of segments of a second are fewer; each takes about half a kilobyte of memory."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [start, start + length) of a URL."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Key:
    """The address of an AES-128 key, and the initialisation vector; None: it is the media sequence number."""

    url: str
    iv: bytes | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A URL or a part of it, encrypted or not."""

    url: str
    range: ByteRange | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment, from ``start`` up to ``end`` in seconds of the playlist.

    ``number`` counts from the playlist's media sequence, ``group`` the discontinuities before. ``gap``: it is listed
    but not available. ``at`` is when it starts by the wall clock, seconds since 1970, None if that is unknown.
    """

    piece: Piece
    start: Fraction
    end: Fraction
    number: int
    group: int
    init: Piece | None
    gap: bool = False
    at: Fraction | None = None

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Playlist:
    """A media playlist as it was at one moment.

    ``ended``: nothing will be added. ``target`` and ``first_group`` are the values of ``EXT-X-TARGETDURATION`` and
    ``EXT-X-DISCONTINUITY-SEQUENCE`` as they are written, None if they are absent: not every reader needs them valid.
    """

    segments: list[Segment]
    ended: bool
    target: str | None = None
    first_group: str | None = None

    @property
    def longest(self) -> Fraction:
        """The duration of the longest segment, seconds."""
        return max(segment.duration for segment in self.segments)


def parse_playlist(text: str, url: str, *, growing: bool = False) -> Playlist:
    """Parse a media playlist that has ended; with ``growing`` also one that has not.

    Raises:
        LiveNotSupported: it has not. DrmProtected: it needs a licence.
        SourceUnreadable: it is malformed, or has no segments.
    """
    if not text.startswith("#EXTM3U"):
        raise SourceUnreadable("it is not a playlist")
    ended = "#EXT-X-ENDLIST" in text or "PLAYLIST-TYPE:VOD" in text
    if not growing and not ended:
        raise LiveNotSupported()
    parser = _Parser(url)
    with understood():
        for line in lines_of(text):
            if line.startswith("#"):
                name, _, value = line.partition(":")
                parser.tag(name, value)
            else:
                parser.segment(urljoin(url, line))
    if not parser.segments:
        raise SourceUnreadable("its playlist is empty")
    return Playlist(parser.segments, ended, parser.target, parser.first_group)


def playable(segments: list[Segment]) -> list[Segment]:
    """Return the segments that are available. A new group also starts after a gap and with another initialisation.

    Raises:
        SourceUnreadable: there are none.
    """
    found: list[Segment] = []
    group, before = 0, segments[0]
    for segment in segments:
        group += segment.group != before.group or before.gap or segment.init != before.init
        before = segment
        if not segment.gap:
            found.append(replace(segment, group=group))
    if not found:
        raise SourceUnreadable("its playlist holds only gaps")
    return found


def initialisations(segments: Iterable[Segment]) -> list[Piece]:
    """Return all initialisations, in the order in which they are needed first."""
    return list(dict.fromkeys(segment.init for segment in segments if segment.init is not None))


class _Parser:
    """Collects what the tags so far mean for the next segment."""

    def __init__(self, url: str) -> None:
        self.segments: list[Segment] = []
        self.target: str | None = None
        self.first_group: str | None = None
        self._url, self._time, self._duration = url, Fraction(0), Fraction(0)
        self._first = self._group = 0
        self._key: Key | None = None
        self._init: Piece | None = None
        self._range: str | None = None
        self._gap = False
        self._at: Fraction | None = None
        self._ends: dict[str, int] = {}

    def tag(self, name: str, value: str) -> None:
        match name:
            case "#EXTINF":
                self._duration = seconds_of(value.split(",", 1)[0].strip() or "0")
            case "#EXT-X-MEDIA-SEQUENCE":
                self._first = whole_of(value)
            case "#EXT-X-TARGETDURATION":
                self.target = value
            case "#EXT-X-DISCONTINUITY-SEQUENCE":
                self.first_group = value
            case "#EXT-X-DISCONTINUITY":
                self._group += 1
            case "#EXT-X-PROGRAM-DATE-TIME":
                self._at = clock_of(value)
            case "#EXT-X-BYTERANGE":
                self._range = value
            case "#EXT-X-GAP":
                self._gap = True
            case "#EXT-X-KEY":
                self._key = self._read_key(attributes_of(value))
            case "#EXT-X-MAP":
                self._init = self._read_init(attributes_of(value))

    def segment(self, url: str) -> None:
        part = None if self._range is None else self._byte_range(self._range, url)
        if part is not None and self._key is not None:
            raise SourceUnreadable("it encrypts parts of files")
        if len(self.segments) >= _MOST_SEGMENTS:
            raise SourceUnreadable("its playlist has too many segments")
        end = self._time + self._duration
        number = self._first + len(self.segments)
        piece = Piece(url, part, self._key)
        self.segments.append(Segment(piece, self._time, end, number, self._group, self._init, self._gap, self._at))
        self._time, self._range, self._gap, self._at = end, None, False, None

    def _byte_range(self, text: str, url: str) -> ByteRange:
        length, _, start = text.partition("@")
        first = whole_of(start) if start else self._ends.get(url, 0)
        size = whole_of(length)
        if len(self._ends) > _MOST_SEGMENTS:
            raise SourceUnreadable("its playlist has too many parts")
        self._ends[url] = first + size
        return ByteRange(first, size)

    def _read_init(self, attributes: dict[str, str]) -> Piece:
        url, part = urljoin(self._url, attributes["URI"]), attributes.get("BYTERANGE")
        return Piece(url, None if part is None else self._byte_range(part, url), self._key)

    def _read_key(self, attributes: dict[str, str]) -> Key | None:
        method = attributes.get("METHOD", "NONE")
        if method == "NONE":
            return None
        if attributes.get("KEYFORMAT", "identity") != "identity" or method.startswith("SAMPLE-AES"):
            raise DrmProtected()  # sample encryption is what licence systems use (RFC 8216, 4.3.2.4)
        if method != "AES-128":
            raise SourceUnreadable(f"it is encrypted with {method}")
        iv = attributes.get("IV")
        vector = None if iv is None else int(iv, 16).to_bytes(16, "big")
        return Key(urljoin(self._url, attributes["URI"]), vector)
