"""Reads HLS playlists (RFC 8216): segments with their times, keys, initialisations and discontinuities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from urllib.parse import urljoin

from src.errors import DrmProtected, LiveNotSupported
from src.models.media_source import SourceUnreadable

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
# What Python's own readers of numbers take beside this is none of a playlist's: an exponent of nine digits would keep
# a processor busy for hours, in a call that nothing interrupts.
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}")
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [start, start + length) of a URL."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Key:
    """AES-128: where the key is, and the initialisation vector, if it is not the segment's number."""

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
    and not to be had.
    """

    piece: Piece
    start: Fraction
    end: Fraction
    number: int
    group: int
    init: Piece | None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One entry of a master playlist: bits per second, (width, height) if told, and the playlist of its audio; None
    when the audio lies in the segments of ``url`` itself."""

    url: str
    bandwidth: int
    size: tuple[int, int] | None = None
    sound_url: str | None = None


@contextmanager
def understood() -> Iterator[None]:
    """What cannot be read inside is not understood.

    Raises:
        SourceUnreadable: a number is none, an attribute is missing, an address cannot be taken apart.
    """
    try:
        yield
    except (ValueError, KeyError, OverflowError) as error:
        raise SourceUnreadable(f"its playlist is not understood: {error}") from error


def seconds_of(text: str) -> Fraction:
    """A length as playlists write it. Raises ValueError."""
    text = text.strip()
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no length")
    return Fraction(text)


def whole_of(text: str) -> int:
    """A whole number as playlists write it. Raises ValueError."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number")
    return int(text)


def best_variant(text: str, url: str) -> str | None:
    """The URL of the variant with the highest bandwidth, if this is a master playlist. Raises like ``variants``."""
    best = max(variants(text, url), key=lambda variant: variant.bandwidth, default=None)
    return None if best is None else best.url


def variants(text: str, url: str) -> list[Variant]:
    """The variants of a master playlist, in its order; none when it is a media playlist.

    Raises:
        SourceUnreadable: it is not understood.
    """
    with understood():
        return _variants(text, url)


def _variants(text: str, url: str) -> list[Variant]:
    found = []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    renditions = _audio_renditions(lines)
    for line, following in pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF:") and not following.startswith("#"):
            attributes = _attributes(line)
            width, _, height = attributes.get("RESOLUTION", "").partition("x")
            size = (int(width), int(height)) if _WHOLE.fullmatch(width) and _WHOLE.fullmatch(height) else None
            rate = whole_of(attributes.get("BANDWIDTH", "0"))
            audio = renditions.get(attributes.get("AUDIO", ""), {}).get("URI")
            found.append(Variant(urljoin(url, following), rate, size, None if audio is None else urljoin(url, audio)))
    return found


def _audio_renditions(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """The attributes of the audio that a player takes by itself, by group: the default, else one that may be selected
    automatically, else the first. One without URI is muxed into the segments of the variant (RFC 8216, 4.3.4.1)."""
    chosen: dict[str, dict[str, str]] = {}
    for line in lines:
        attributes = _attributes(line) if line.startswith("#EXT-X-MEDIA:") else {}
        if attributes.get("TYPE") == "AUDIO":
            group = attributes.get("GROUP-ID", "")
            if group not in chosen or _preference(attributes) > _preference(chosen[group]):
                chosen[group] = attributes
    return chosen


def _preference(rendition: dict[str, str]) -> tuple[bool, bool]:
    return rendition.get("DEFAULT") == "YES", rendition.get("AUTOSELECT") == "YES"


def has_ended(text: str) -> bool:
    """Whether nothing will be added to a media playlist."""
    return "#EXT-X-ENDLIST" in text or "PLAYLIST-TYPE:VOD" in text


def parse_playlist(text: str, url: str, *, growing: bool = False) -> list[Segment]:
    """The segments of a media playlist that has ended; with ``growing`` also of one that has not.

    Raises:
        LiveNotSupported: it has not. DrmProtected: it needs a licence. SourceUnreadable: it is not understood.
    """
    if not text.startswith("#EXTM3U"):
        raise SourceUnreadable("it is no playlist")
    if not growing and not has_ended(text):
        raise LiveNotSupported()
    state = _State(url)
    with understood():
        for line in map(str.strip, text.splitlines()):
            if line.startswith("#"):
                name, _, value = line.partition(":")
                state.tag(name, value)
            elif line:
                state.segment(urljoin(url, line))
    if not state.segments:
        raise SourceUnreadable("its playlist is empty")
    return state.segments


def playable(segments: list[Segment]) -> list[Segment]:
    """Those that are to be had. A new group also begins behind a gap and with another initialisation."""
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
    """All initialisations, in the order in which they are needed first."""
    return list(dict.fromkeys(segment.init for segment in segments if segment.init is not None))


class _State:
    """What the tags so far say about the next segment."""

    def __init__(self, url: str) -> None:
        self.segments: list[Segment] = []
        self._url, self._time, self._duration = url, Fraction(0), Fraction(0)
        self._first = self._group = 0
        self._key: Key | None = None
        self._init: Piece | None = None
        self._range: str | None = None
        self._gap = False
        self._ends: dict[str, int] = {}

    def tag(self, name: str, value: str) -> None:
        match name:
            case "#EXTINF":
                self._duration = seconds_of(value.split(",", 1)[0].strip() or "0")
            case "#EXT-X-MEDIA-SEQUENCE":
                self._first = whole_of(value)
            case "#EXT-X-DISCONTINUITY":
                self._group += 1
            case "#EXT-X-BYTERANGE":
                self._range = value
            case "#EXT-X-GAP":
                self._gap = True
            case "#EXT-X-KEY":
                self._key = self._read_key(_attributes(value))
            case "#EXT-X-MAP":
                attributes = _attributes(value)
                target = urljoin(self._url, attributes["URI"])
                part = attributes.get("BYTERANGE")
                self._init = Piece(target, None if part is None else self._byte_range(part, target), self._key)
            case _:
                pass

    def segment(self, url: str) -> None:
        part = None if self._range is None else self._byte_range(self._range, url)
        end = self._time + self._duration
        number = self._first + len(self.segments)
        piece = Piece(url, part, self._key)
        if part is not None and self._key is not None:
            raise SourceUnreadable("it encrypts parts of files")
        self.segments.append(Segment(piece, self._time, end, number, self._group, self._init, self._gap))
        self._time, self._range, self._gap = end, None, False

    def _byte_range(self, text: str, url: str) -> ByteRange:
        length, _, start = text.partition("@")
        first = whole_of(start) if start else self._ends.get(url, 0)
        size = whole_of(length)
        self._ends[url] = first + size
        return ByteRange(first, size)

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


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}
