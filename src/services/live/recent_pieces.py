"""Shares the pieces of playlists among the captures of one process: each is fetched once while it is remembered.

Streams whose segments have no numbers are captured from playlists, once for each clip. Clips of one stream that look it
up at about the same time have the same links, so the first one fetches a piece and the others get its content.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from src.services.hls.playlist import Piece

MOST_BYTES = 64_000_000
"""The memory of all remembered pieces: half a minute of eight streams at 2 Mbit/s each."""
MOST_SECONDS = 60.0
"""A broadcast that starts again may reuse addresses and numbers; by then the old pieces must be forgotten."""
Key = tuple[Piece, int]


class RecentPieces:
    """The newest pieces, in memory, for a minute. Thread-safe."""

    def __init__(self, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._bytes, self._clock = most_bytes, 0, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, tuple[float, bytes]] = OrderedDict()
        self._under_way: dict[Key, Future[bytes]] = {}

    def get(self, piece: Piece, number: int, fetch: Callable[[], bytes]) -> bytes:
        """Return a piece; one that is unknown is fetched, by one of the callers that want it now.

        Raises what ``fetch`` of this caller raises: after the failure of another caller it is tried again.
        """
        key = piece, number
        with self._lock:
            self._forget_old()
            if key in self._known:
                return self._known[key][1]
            running = self._under_way.get(key)
            own: Future[bytes] = Future()
            if running is None:
                self._under_way[key] = own
        if running is not None:
            return running.result() if running.exception() is None else fetch()
        try:
            content = fetch()
        except BaseException as error:
            self._forget(key)
            own.set_exception(error)
            raise
        self._remember(key, content)
        own.set_result(content)
        return content

    def _forget(self, key: Key) -> None:
        with self._lock:
            del self._under_way[key]

    def _remember(self, key: Key, content: bytes) -> None:
        with self._lock:
            del self._under_way[key]
            self._known[key] = self._clock(), content
            self._bytes += len(content)
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = self._clock() - MOST_SECONDS
        while self._known:
            fetched_at, content = next(iter(self._known.values()))
            if self._bytes <= self._most_bytes and fetched_at >= oldest:
                return
            self._known.popitem(last=False)
            self._bytes -= len(content)
