"""Decides what a free connection fetches next: urgent bytes, then shares that let all connections end together."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from statistics import median

from src.services.fetch.resource import Chunk, Resource

SMALLEST_CHUNK = 256 << 10
LARGEST_CHUNK = 8 << 20  # content networks slow down requests of more than 10 MB
URGENT = -1_000_000
IDLE_SECONDS = 0.1  # how often a free connection checks whether another one needs help
_SAME_SPEED = 3.0  # connections whose speeds differ by less than this factor get equal shares: it may only be noise
_LEAST_SHARE = 512 << 10  # less is not worth a round trip, except at the start, where something waits for it
_LEAST_HELPED = 64 << 10
_LEAST_REST = 256 << 10  # at the end, less is not worth a request of its own: about two round trips of a distant server
_SPARED = 0.25  # of a share: so much more is fetched with one request, instead of with another one


@dataclass(eq=False, slots=True)
class _Stretch:
    """Bytes [position, end) that wait; ``end`` None: all of the resource, in one request.

    ``piece``: the size of its requests in bytes; None: shares of the ``group``.
    """

    resource: Resource
    position: int
    end: int | None
    priority: int
    piece: int | None = None
    group: int | None = None

    @property
    def left(self) -> int:
        """Bytes that wait, 0 if unknown."""
        return 0 if self.end is None else self.end - self.position

    def chunk(self, size: int) -> Chunk:
        """Remove ``size`` bytes from the start, for a connection."""
        if self.end is None:
            return Chunk(self.resource, self.position, None, self.priority)
        start, self.position = self.position, min(self.position + size, self.end)
        return Chunk(self.resource, start, self.position, self.priority)


class Schedule:
    """What waits to be fetched by a number of connections. Not thread-safe: its owner has the lock."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._queue: list[tuple[int, int, _Stretch]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._queue)

    def add_whole(self, resource: Resource, priority: int) -> None:
        """Add all of a resource of unknown size."""
        self._push(_Stretch(resource, 0, None, priority))

    def add(self, resource: Resource, holes: list[tuple[int, int]], priority: int, group: int | None) -> None:
        """Add ranges of bytes. With a ``group`` they are divided together with the others of it, so that all
        connections end at the same time; without one among all connections, so that they arrive as soon as possible."""
        piece = None
        if group is None:
            total = sum(end - start for start, end in holes)
            piece = min(max(-(-total // self._connections), SMALLEST_CHUNK), LARGEST_CHUNK)
        for start, end in holes:
            self._push(_Stretch(resource, start, end, priority, piece, group))

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()

    def forget(self, resource: Resource) -> None:
        """Forget what waits of a resource."""
        self._queue = [entry for entry in self._queue if entry[2].resource is not resource]
        heapq.heapify(self._queue)

    def hurry(self, resource: Resource, start: int) -> bool:
        """Move a byte that a reader waits for to the front. Returns whether it was waiting."""
        for entry in self._queue:
            stretch = entry[2]
            if stretch.resource is resource and (stretch.end is None or stretch.position <= start < stretch.end):
                break
        else:
            return False
        self._queue.remove(entry)
        heapq.heapify(self._queue)
        if stretch.end is not None and start - stretch.position >= SMALLEST_CHUNK:
            before = _Stretch(resource, stretch.position, start, stretch.priority, stretch.piece, stretch.group)
            stretch.position = start
            self._push(before)
        self._push(stretch, URGENT)
        return True

    def take(self, now: float, active: Collection[Chunk], last: Chunk | None) -> Chunk | None:
        """Return what a free connection fetches from ``now`` on, or None. ``active``: what the others are fetching;
        ``last``: what this one has fetched before."""
        if self._queue:
            _, _, stretch = self._queue[0]
            size = stretch.piece or self._share(stretch, now, active, last)
            if stretch.end is None or stretch.left <= size + SMALLEST_CHUNK // 2:  # no request for a small rest
                heapq.heappop(self._queue)
                size = stretch.left
            chunk = stretch.chunk(size)
        else:
            needy = [chunk for chunk in active if _needs_help(chunk, now, last)]
            if not needy:
                return None
            chunk = max(needy, key=lambda chunk: chunk.seconds_left(now)).halve()
        chunk.start(now)
        return chunk

    def _push(self, stretch: _Stretch, priority: int | None = None) -> None:
        place = stretch.priority if priority is None else priority
        heapq.heappush(self._queue, (place, next(self._numbers), stretch))

    def _share(self, stretch: _Stretch, now: float, active: Collection[Chunk], last: Chunk | None) -> int:
        """Return how many bytes a connection fetches until the moment at which all connections, each at its speed, have
        fetched all that is left of the group."""
        waiting = sum(other.left for _, _, other in self._queue if other.group == stretch.group)
        known = [speed for speed in (chunk.speed(now) for chunk in active) if speed is not None]
        own = None if last is None else last.speed(now)
        usual = median([*known, own] if own is not None else known or [1.0])
        speed = _rounded(own, usual)
        others = [(chunk.left, _rounded(chunk.speed(now), usual)) for chunk in active]
        others += [(0, usual)] * max(self._connections - len(active) - 1, 0)
        seconds = _seconds(waiting, [(0, speed), *others])
        share = min(max(seconds * speed, _LEAST_SHARE), LARGEST_CHUNK)
        requests = max(ceil(stretch.left / share - _SPARED), 1)
        # Nothing of the group follows the last stretch, so its rest is for a connection that is busy for longer.
        rest = stretch.left - ceil(share) * (requests - 1)
        if waiting == stretch.left and rest >= _LEAST_REST:
            return ceil(share)
        return min(ceil(stretch.left / requests), LARGEST_CHUNK)


def _seconds(waiting: int, connections: list[tuple[int, float]]) -> float:
    """Return after how many seconds connections, each with its bytes left and its bytes a second, have fetched those
    and the ``waiting`` ones, if they share these so that all end together."""
    ends = sorted((left / speed, left, speed) for left, speed in connections)
    total, speeds, seconds = float(waiting), 0.0, 0.0
    for end, left, speed in ends:
        if speeds and (seconds - end) * speed < _LEAST_REST:
            break  # it is busy for longer, or has too little time left for one more request
        total, speeds = total + left, speeds + speed
        seconds = total / speeds
    return seconds


def _rounded(speed: float | None, usual: float) -> float:
    if speed is None or usual / _SAME_SPEED <= speed <= usual * _SAME_SPEED:
        return usual
    return speed


def _needs_help(chunk: Chunk, now: float, last: Chunk | None) -> bool:
    """Whether the second half of a rest arrives sooner by another request, which also costs this one its connection."""
    if chunk.answered is None and chunk.left <= _LEAST_HELPED:
        return False  # half of an index, whose answer is on its way, would only cost a request
    latency = 0.0 if last is None else last.latency
    return chunk.left >= _LEAST_HELPED and chunk.seconds_left(now) >= 2 * (latency + IDLE_SECONDS)
