"""Collects pieces of remote media as files of a folder, many at once: what is there already is not fetched again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.services.clip.fetcher import Fetcher
from src.services.clip.hls_playlist import Key, Piece, text_of
from src.services.clip.piece_reading import read_piece
from src.services.clip.resource import Decryptor, Resource
from src.services.clip.source import SourceUnreadable

_COPY_BYTES = 1 << 20
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """A piece and the file that it becomes. ``number`` is its initialisation vector, if it is encrypted without one."""

    piece: Piece
    path: Path
    number: int = 0
    is_init: bool = False


class Collector:
    """Pieces into files, in windows: the spool never holds more than a few pieces for each connection."""

    def __init__(self, fetcher: Fetcher, headers: Mapping[str, str], check: Callable[[], None]) -> None:
        self._fetcher, self._headers, self._check = fetcher, headers, check
        self._keys: dict[str, bytes] = {}

    def read_text(self, url: str) -> tuple[str, str]:
        """(address after redirects, text) of a small document."""
        resource = Resource(url, self._headers)
        data = read_piece(self._fetcher, resource, Piece(url))
        return resource.final_url or url, text_of(data)

    def size_of(self, url: str) -> int | None:
        """The size of a file whose server honours ranges; ``None`` for others."""
        resource = Resource(url, self._headers)
        self._fetcher.want(resource, 0, 1)
        self._fetcher.wait_started(resource)
        return resource.size if resource.ranged else None

    def collect(self, wanted: Sequence[Wanted], kept: Callable[[int], None]) -> None:
        """Fetch all that is missing. ``kept`` is called with the number of pieces that have just become files.

        Raises:
            AppError: a piece could not be had, or the work should stop; what is there stays.
        """
        missing = [one for one in wanted if not one.path.exists()]
        if len(missing) < len(wanted):
            kept(len(wanted) - len(missing))
        size = 4 * self._fetcher.network.connections
        for first in range(0, len(missing), size):
            self._window(missing[first : first + size], kept)
            self._fetcher.spool.clear()

    def _window(self, window: Sequence[Wanted], kept: Callable[[int], None]) -> None:
        pending = {index: (one, self._ask(one, index)) for index, one in enumerate(window)}
        while pending:
            ready: list[int] = []

            def arrived() -> bool:
                ready.extend(index for index, (one, resource) in pending.items() if _is_there(one.piece, resource))  # noqa: B023
                return bool(ready)  # noqa: B023

            self._fetcher.wait_until(arrived)
            for index in ready:
                self._check()
                one, resource = pending.pop(index)
                self._save(one, resource)
                kept(1)

    def _ask(self, one: Wanted, priority: int) -> Resource:
        piece = one.piece
        resource = Resource(piece.url, self._headers)
        if piece.key is not None:
            vector = piece.key.iv if piece.key.iv is not None else one.number.to_bytes(16, "big")
            resource.decryptor = Decryptor(self._key(piece.key), vector)
        if piece.range is None:
            self._fetcher.want(resource, 0, None, priority)
        else:
            self._fetcher.want(resource, piece.range.start, piece.range.start + piece.range.length, priority)
        return resource

    def _key(self, key: Key) -> bytes:
        if key.url not in self._keys:
            content = read_piece(self._fetcher, Resource(key.url, self._headers), Piece(key.url))
            if len(content) != _KEY_BYTES:
                raise SourceUnreadable("its key is none")
            self._keys[key.url] = content
        return self._keys[key.url]

    def _save(self, one: Wanted, resource: Resource) -> None:
        """Under its name only when it is whole: another worker may look at this folder in the same moment."""
        start, end = _bounds(one.piece, resource)
        half = one.path.with_name(f"{one.path.name}.{os.getpid()}")
        with half.open("wb") as file:
            while start < end:
                data = self._fetcher.read(resource, start, min(end - start, _COPY_BYTES))
                if not data:
                    break
                file.write(data)
                start += len(data)
        half.replace(one.path)


def _bounds(piece: Piece, resource: Resource) -> tuple[int, int]:
    if piece.range is None:
        return 0, resource.size or 0
    end = piece.range.start + piece.range.length
    return piece.range.start, end if resource.size is None else min(end, resource.size)


def _is_there(piece: Piece, resource: Resource) -> bool:
    if piece.range is None or resource.complete:
        return resource.complete
    start, end = _bounds(piece, resource)
    return resource.base is not None and resource.present.end_of(start) >= end
