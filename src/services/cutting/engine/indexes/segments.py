"""Segmented tracks (HLS playlists, DASH segment lists): read, opened, and found again behind fresh links."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from src.models.media_source import NetworkSettings, SourceUnreadable, Track
from src.services.cutting.engine.indexes.segment_index import SegmentIndex
from src.services.fetch.bounded import read_text
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.limits import MOST_KEY_BYTES
from src.services.fetch.resource import Resource
from src.services.hls.keys import KeyStore
from src.services.hls.pieces import read_piece, read_playlist
from src.services.hls.playlist import Piece, Segment, initialisations, parse_playlist, playable
from src.services.hls.variants import best_variant


class Segmented:
    """Opens segmented tracks: one resource for each URL, keys fetched once."""

    def __init__(self, fetcher: Fetcher, place: int, track: Track, register: Callable[[Resource], None]) -> None:
        self._fetcher, self._place, self._track, self._register = fetcher, place, track, register
        self._shared: dict[str, Resource] = {}
        self._keys = KeyStore()
        self._numbers: dict[Piece, int] = {}

    def hls(self) -> SegmentIndex:
        """The index of a playlist, or of the best variant of a master playlist.

        Raises:
            LiveNotSupported, DrmProtected, SourceUnreadable, AppError.
        """
        listed = _media_playlist(self._track.url, self._playlist)
        self._numbers = {segment.piece: segment.number for segment in listed}
        gaps = [segment for segment in listed if segment.gap]
        return SegmentIndex(self._fetcher, playable(listed), self._open, gaps)

    def dash(self) -> SegmentIndex:
        """The index of a list of fragments. Raises SourceUnreadable, AppError."""
        return SegmentIndex(self._fetcher, _fragment_list(self._track), self._open)

    def links(self, fresh: Track, network: NetworkSettings) -> dict[str, str]:
        """Fresh links, by the names that resources were opened under.

        Raises:
            AppError, SourceUnreadable.
        """
        if fresh.protocol == "hls":
            segments = playable(_media_playlist(fresh.url, lambda url: read_text(url, fresh.headers, network)))
        else:
            segments = _fragment_list(fresh)
        found = {str(segment.number): segment.piece.url for segment in segments}
        found |= {f"head {name}": url for name, url in found.items()}
        return found | {f"init {place}": piece.url for place, piece in enumerate(initialisations(segments))}

    def _playlist(self, url: str) -> tuple[str, str]:
        """Return (address after redirects, text)."""
        return read_playlist(self._fetcher, self._registered(url, f"playlist {url}"))

    def _key(self, url: str) -> bytes:
        return read_piece(self._fetcher, self._registered(url, f"key {url}"), Piece(url), MOST_KEY_BYTES)

    def _registered(self, url: str, name: str) -> Resource:
        resource = Resource(url, self._track.headers, (self._place, name))
        self._register(resource)
        return resource

    def _open(self, piece: Piece, name: str) -> Resource:
        if piece.range is not None and piece.url in self._shared:
            return self._shared[piece.url]
        resource = Resource(piece.url, self._track.headers, (self._place, name), may_fail=True)
        resource.decryptor = self._keys.decryptor(piece, self._numbers.get(piece, 0), self._key)
        if piece.range is not None:
            self._shared[piece.url] = resource
        self._register(resource)
        return resource


def _media_playlist(url: str, read: Callable[[str], tuple[str, str]]) -> list[Segment]:
    """The segments at ``url``, gaps among them; ``read`` gives the address after redirects and the text."""
    url, text = read(url)
    variant = best_variant(text, url)
    if variant is not None:
        url, text = read(variant)
    return parse_playlist(text, url).segments


def _fragment_list(track: Track) -> list[Segment]:
    fragments, init = list(track.fragments), None
    if len(fragments) > 1 and not fragments[0].duration_seconds:
        init = Piece(fragments.pop(0).url)
    if not fragments or not all(fragment.duration_seconds for fragment in fragments):
        raise SourceUnreadable("its fragments have no durations")
    segments, time = [], Fraction(0)
    for number, fragment in enumerate(fragments):
        end = time + Fraction(fragment.duration_seconds or 0).limit_denominator(90000)
        segments.append(Segment(Piece(fragment.url), time, end, number, 0, init))
        time = end
    return segments
