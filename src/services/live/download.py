"""Fetches playlists, keys and segments of a running stream at once, and again when that fails."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from src.errors import StreamUnreadable
from src.models.media_source import NetworkSettings
from src.services.cutting.engine.soundness import Soundness, judge
from src.services.fetch.bounded import BoundedReader, Stretch, pause_before, text_of
from src.services.fetch.limits import MOST_KEY_BYTES, MOST_PLAYLIST_BYTES, MOST_SEGMENT_BYTES
from src.services.hls.keys import KeyStore
from src.services.hls.playlist import Piece
from src.utils.clock import Clock

_TRIES = 4


class SegmentSource:
    """Fetches for all tracks of one stream. Its methods may be called from several threads."""

    def __init__(self, network: NetworkSettings, clock: Clock) -> None:
        self._clock = clock
        self._reader = BoundedReader(network, tries=_TRIES, clock=clock)
        self._keys = KeyStore()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._reader.close()

    def text(self, url: str, headers: Mapping[str, str]) -> tuple[str, str]:
        """Return (address after redirects, text) of a playlist. Raises like ``content``."""
        answer = self._reader.read(url, headers, MOST_PLAYLIST_BYTES)
        return answer.url, text_of(answer.content)

    def segment(self, piece: Piece, number: int, headers: Mapping[str, str]) -> bytes:
        """Return a segment without an image in front of it. One that is damaged or not media is requested again; one
        that stays damaged is returned as it is.

        Raises:
            StreamUnreadable: it is not media. As ``content``.
        """
        for attempt in range(_TRIES):
            soundness, bare = judge(self.content(piece, number, headers))
            if soundness is Soundness.WHOLE:
                return bare
            if attempt + 1 < _TRIES:
                self._clock.sleep(pause_before(attempt))
        if soundness is Soundness.FOREIGN:
            raise StreamUnreadable("A segment of the stream is not media.")
        return bare

    def content(self, piece: Piece, number: int, headers: Mapping[str, str]) -> bytes:
        """Return the plain bytes of a piece; ``number`` is the media sequence number, which decryption may need.

        Raises:
            MediaGone, MediaForbidden: it is not available, at least not by this link.
            AppError: why the last try failed.
        """
        part = piece.range
        stretch = Stretch(part.start, part.length) if part is not None else None
        data = self._reader.read(piece.url, headers, MOST_SEGMENT_BYTES, stretch).content
        decryptor = self._keys.decryptor(
            piece, number, lambda url: self._reader.read(url, headers, MOST_KEY_BYTES).content
        )
        return data if decryptor is None else decryptor.update(data) + decryptor.finish()
