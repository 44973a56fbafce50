"""Collects pieces of remote media as files of a folder, several at a time, and skips those that are already on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from src.errors import (
    AppError,
    MediaForbidden,
    MediaGone,
    Network,
    NetworkTimeout,
    ProxyError,
    RateLimited,
    StreamUnreadable,
)
from src.services.cutting.engine.soundness import Soundness, examine
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.limits import MOST_KEY_BYTES
from src.services.fetch.resource import Resource
from src.services.hls.keys import KeyStore
from src.services.hls.pieces import read_piece, read_playlist
from src.services.hls.playlist import Piece
from src.utils.clock import Clock, SystemClock

_COPY_BYTES = 1 << 20
_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 0.25, 4.0
_CHECK_SECONDS = 0.2
_INNER_RETRIES = 1  # of one request; the rest of the retries happen here, so that one bad segment delays no other
# Errors of one segment, while the others may be fine. Every other error ends the recording.
OF_ONE_SEGMENT = (MediaGone, MediaForbidden, Network, NetworkTimeout, ProxyError, RateLimited, StreamUnreadable)
_MAY_PASS = (Network, NetworkTimeout, ProxyError, RateLimited)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A piece and the file it is written to. ``number``: its initialisation vector if the playlist gives none.

    ``media``: its content is checked, and it is fetched again if it is damaged or not media.
    """

    piece: Piece
    path: Path
    number: int = 0
    is_init: bool = False
    media: bool = False

    def plain(self) -> Wanted:
        """Return the same piece without the check: a part of a file cannot be checked by itself."""
        return replace(self, media=False)


@dataclass(slots=True)
class Missed:
    """A piece that has not been fetched yet: the number of attempts, the last error, and when to try again."""

    tries: int
    error: AppError
    due: float

    @property
    def may_pass(self) -> bool:
        """Whether the network is at fault and not the piece."""
        return isinstance(self.error, _MAY_PASS)


class Collector:
    """Fetches pieces into files, in windows: the spool never holds more than a few pieces for each connection."""

    def __init__(
        self, fetcher: Fetcher, headers: Mapping[str, str], check: Callable[[], None], clock: Clock | None = None
    ) -> None:
        self._fetcher, self._headers, self._check = fetcher, headers, check
        self._clock = clock or SystemClock()
        self._keys = KeyStore(remember_failures=True)
        self.missed: dict[Path, Missed] = {}
        """The pieces that are missing, or that were damaged each time."""

    def read_text(self, url: str, *, optional: bool = False) -> tuple[str, str]:
        """Fetch a small document: (address after redirects, text). ``optional``: failure does not stop the fetcher."""
        resource = Resource(url, self._headers, may_fail=optional, also_own=OF_ONE_SEGMENT)
        try:
            return read_playlist(self._fetcher, resource)
        finally:
            self._fetcher.spool.clear()  # a playlist is read again and again, and nothing else is in the spool now

    def size_of(self, url: str) -> int | None:
        """Return the size of a file whose server honours ranges, or None for others."""
        resource = Resource(url, self._headers)
        self._fetcher.want(resource, 0, 1)
        self._fetcher.wait_started(resource)
        return resource.size if resource.ranged else None

    def collect(self, wanted: Sequence[Wanted], arrived: Callable[[int], None]) -> None:
        """Fetch all missing pieces. ``arrived`` is called with the number of new files.

        Raises:
            AppError: a piece could not be fetched, or the work should stop; the files remain.
        """
        missing = [one for one in wanted if not one.path.exists()]
        if len(missing) < len(wanted):
            arrived(len(wanted) - len(missing))
        self._windows(missing, arrived, optional=False)

    def try_to_collect(self, wanted: Sequence[Wanted], arrived: Callable[[int], None], *, patient: bool) -> None:
        """Fetch as many of the missing pieces as possible; ``missed`` lists the others.

        Each piece is retried as often as the network settings allow, after growing pauses. ``patient`` waits for the
        retries here; otherwise the caller calls again.

        Raises:
            AppError: an error that is not limited to single pieces, or the work should stop.
        """
        present = sum(one.path.exists() for one in wanted)
        if present:
            arrived(present)
        while True:
            left = [one for one in wanted if self._is_left(one)]
            now = self._clock.monotonic()
            due = [one for one in left if one.path not in self.missed or self.missed[one.path].due <= now]
            self._windows(due, arrived, optional=True)
            left = [one for one in left if self._is_left(one)]
            if not left or not patient:
                return
            self._sleep(min(self.missed[one.path].due for one in left) - now)

    def _is_left(self, one: Wanted) -> bool:
        """Whether a piece is missing or damaged and may be tried again."""
        missed = self.missed.get(one.path)
        if missed is None:
            return not one.path.exists()
        return missed.tries <= self._fetcher.network.retries

    def _sleep(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._check()
            self._clock.sleep(min(left, _CHECK_SECONDS))

    def _windows(self, missing: Sequence[Wanted], arrived: Callable[[int], None], *, optional: bool) -> None:
        size = 4 * self._fetcher.network.connections
        for first in range(0, len(missing), size):
            self._window(missing[first : first + size], arrived, optional=optional)
            self._fetcher.spool.clear()

    def _window(self, window: Sequence[Wanted], arrived: Callable[[int], None], *, optional: bool) -> None:
        pending: dict[int, tuple[Wanted, Resource]] = {}
        self._keys.forget_failures()
        for index, one in enumerate(window):
            try:
                pending[index] = one, self._request(one, index, optional=optional)
            except OF_ONE_SEGMENT as error:
                if not optional:
                    raise
                self._miss(one, error)
        while pending:
            self._fetcher.wait_until(lambda: bool(_ready(pending)))
            for index in _ready(pending):
                self._check()
                self._finish(*pending.pop(index), arrived)

    def _finish(self, one: Wanted, resource: Resource, arrived: Callable[[int], None]) -> None:
        if resource.failure is not None:
            if not isinstance(resource.failure, OF_ONE_SEGMENT):
                raise resource.failure
            self._miss(one, resource.failure)
            return
        before = one.path.exists()
        soundness = self._save(one, resource)
        if soundness is not Soundness.WHOLE:
            self._miss(one, StreamUnreadable(f"A segment of this stream is {soundness.value}."))
        else:
            self.missed.pop(one.path, None)
        if one.path.exists() and not before:
            arrived(1)

    def _miss(self, one: Wanted, error: AppError) -> None:
        missed = self.missed.get(one.path)
        tries = 1 if missed is None else missed.tries + 1
        pause = min(_FIRST_WAIT_SECONDS * 2 ** (tries - 1), _MOST_WAIT_SECONDS)
        self.missed[one.path] = Missed(tries, error, self._clock.monotonic() + pause)

    def _request(self, one: Wanted, priority: int, *, optional: bool) -> Resource:
        piece = one.piece
        resource = self._resource(piece.url, optional=optional)
        resource.decryptor = self._keys.decryptor(piece, one.number, partial(self._read_key, optional=optional))
        if piece.range is None:
            self._fetcher.want(resource, 0, None, priority)
        else:
            self._fetcher.want(resource, piece.range.start, piece.range.start + piece.range.length, priority)
        return resource

    def _resource(self, url: str, *, optional: bool) -> Resource:
        resource = Resource(url, self._headers, may_fail=optional, also_own=OF_ONE_SEGMENT)
        if optional:
            resource.retries = min(_INNER_RETRIES, self._fetcher.network.retries)
        return resource

    def _read_key(self, url: str, *, optional: bool) -> bytes:
        return read_piece(self._fetcher, self._resource(url, optional=optional), Piece(url), MOST_KEY_BYTES)

    def _save(self, one: Wanted, resource: Resource) -> Soundness:
        """Write a piece under its name once it is complete: another worker may read the folder at the same time.

        A segment that is not media gets no file. A damaged one gets a file unless one exists already.
        """
        start, end = _bounds(one.piece, resource)
        half = one.path.with_name(f"{one.path.name}.{os.getpid()}")
        with half.open("wb") as file:
            while start < end:
                data = self._fetcher.read(resource, start, min(end - start, _COPY_BYTES))
                if not data:
                    break
                file.write(data)
                start += len(data)
        soundness = examine(half) if one.media else Soundness.WHOLE
        if soundness is Soundness.FOREIGN or (soundness is Soundness.DAMAGED and one.path.exists()):
            half.unlink()
        else:
            half.replace(one.path)
        return soundness


def _bounds(piece: Piece, resource: Resource) -> tuple[int, int]:
    if piece.range is None:
        return 0, resource.size or 0
    end = piece.range.start + piece.range.length
    return piece.range.start, end if resource.size is None else min(end, resource.size)


def _ready(pending: Mapping[int, tuple[Wanted, Resource]]) -> list[int]:
    return [
        index
        for index, (one, resource) in pending.items()
        if resource.failure is not None or _has_arrived(one.piece, resource)
    ]


def _has_arrived(piece: Piece, resource: Resource) -> bool:
    if piece.range is None or resource.complete:
        return resource.complete
    start, end = _bounds(piece, resource)
    return resource.base is not None and resource.present.end_of(start) >= end
