"""Reads small pieces of a segmented track completely: playlists, initialisations and keys."""

from __future__ import annotations

from src.models.media_source import SourceUnreadable
from src.services.fetch.bounded import text_of
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.limits import MOST_PLAYLIST_BYTES
from src.services.fetch.resource import Resource
from src.services.hls.playlist import Piece

URGENT = -1000
"""The priority of what everything else waits for."""


def read_piece(fetcher: Fetcher, resource: Resource, piece: Piece, most_bytes: int) -> bytes:
    """Return all of a small piece, which is held in memory.

    Raises:
        SourceUnreadable: it has more than ``most_bytes``. What ``Fetcher.read`` raises.
    """
    if piece.range is None:
        resource.most_bytes = most_bytes
        start, size = 0, fetcher.wait_complete(resource)
    else:
        start, size = piece.range.start, piece.range.length
    if size > most_bytes:
        raise SourceUnreadable("its playlist lists a piece that is too large")
    if piece.range is not None:
        fetcher.want(resource, start, start + size, URGENT)
    data = bytearray()
    while len(data) < size and (more := fetcher.read(resource, start + len(data), size - len(data))):
        data += more
    return bytes(data)


def read_playlist(fetcher: Fetcher, resource: Resource) -> tuple[str, str]:
    """Return (address after redirects, text) of a playlist. Raises like ``read_piece``."""
    data = read_piece(fetcher, resource, Piece(resource.url), MOST_PLAYLIST_BYTES)
    return resource.final_url or resource.url, text_of(data)
