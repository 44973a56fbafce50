"""Captured files as the clip engine reads them: resources that are all there, filled from local files."""

from __future__ import annotations

from pathlib import Path

from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.hls.playlist import Piece


class LocalPieces:
    """Opens pieces whose URL is the path of a captured file; nothing is fetched."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._open: dict[str, Resource] = {}

    def open(self, piece: Piece, name: str) -> Resource:
        """The resource of a file, copied into the engine's spool. Raises DiskFull, OSError."""
        known = self._open.get(piece.url)
        if known is None:
            content = Path(piece.url).read_bytes()
            base = self._fetcher.spool.allocate(max(len(content), 1))
            self._fetcher.spool.write(base, content)
            known = Resource(piece.url, {}, (0, name), size=len(content), ranged=True, whole=True, complete=True)
            known.base, known.wanted_end = base, len(content)
            known.present.add(0, len(content))
            known.asked.add(0, len(content))
            self._open[piece.url] = known
        return known
