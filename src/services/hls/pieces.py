"""Small pieces of a segmented track, read whole: playlists, initialisations, keys."""

from __future__ import annotations

from src.models.media_source import SourceUnreadable
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.hls.playlist import Piece

_MOST_PIECE_BYTES = 64 << 20  # of what is held in memory whole: a playlist of two days of short segments has less
URGENT = -1000
"""The priority of what everything else waits for."""


def read_piece(fetcher: Fetcher, resource: Resource, piece: Piece) -> bytes:
    """All of a small piece: a playlist, an initialisation, a key.

    Raises:
        SourceUnreadable: it is not small; it would be held in memory. What ``Fetcher.read`` raises.
    """
    if piece.range is None:
        fetcher.want(resource, 0, None)
        fetcher.wait_until(
            lambda: resource.complete or resource.failure is not None or resource.written > _MOST_PIECE_BYTES
        )
        if resource.failure is not None:
            fetcher.wait_complete(resource)
        start, size = 0, resource.size if resource.complete and resource.size is not None else resource.written
    else:
        start, size = piece.range.start, piece.range.length
    if size > _MOST_PIECE_BYTES:
        raise SourceUnreadable("its playlist, or what that leads to, is too large")
    if piece.range is not None:
        fetcher.want(resource, start, start + size, URGENT)
    data = bytearray()
    while len(data) < size and (more := fetcher.read(resource, start + len(data), size - len(data))):
        data += more
    return bytes(data)
