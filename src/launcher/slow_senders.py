"""Measures how fast a client sends, and ends requests that come too slowly: headers by time, bodies by their rate.

Only time that the server waits for the client counts, so what waits behind a busy server is never the client's fault.
"""

from __future__ import annotations

import math
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader

HEADER_SECONDS = 10.0
BODY_FREE_SECONDS = 10.0  # of a body, in which no rate is asked for
BODY_WINDOW_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 1000  # on average over the window
CONNECTIONS_PER_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """What one process asks of those who send. ``count_peers`` is whether connections are counted by the peer's
    address: behind a proxy all of them have the proxy's. ``count_loopback``: those of this machine as well."""

    header_seconds: float = HEADER_SECONDS
    free_seconds: float = BODY_FREE_SECONDS
    window_seconds: float = BODY_WINDOW_SECONDS
    bytes_per_second: float = BODY_BYTES_PER_SECOND
    connections_per_address: int = CONNECTIONS_PER_ADDRESS
    count_peers: bool = True
    count_loopback: bool = False


class TooSlow(NoMoreData, ConnectionError):  # type: ignore[misc]
    """The client sends too slowly. For whoever reads, the connection has ended."""


class Pace:
    """The rate of one body over a sliding window. Time is that of waiting for the client, in seconds."""

    def __init__(self, limits: SendingLimits) -> None:
        self._free, self._window = limits.free_seconds, limits.window_seconds
        self._needed = limits.bytes_per_second * limits.window_seconds
        self._step = limits.window_seconds / 120
        self._waited = 0.0
        self._arrived: deque[tuple[float, int]] = deque()  # (until when at the latest, bytes), by steps

    def waited(self, seconds: float) -> None:
        """The server has waited for so long."""
        self._waited += seconds

    def arrived(self, count: int) -> None:
        """So many bytes came."""
        end = (math.floor(self._waited / self._step) + 1) * self._step
        if self._arrived and self._arrived[-1][0] == end:
            count += self._arrived.pop()[1]
        self._arrived.append((end, count))
        while self._arrived[0][0] <= self._waited - self._window:
            self._arrived.popleft()

    def patience(self) -> float:
        """Return how long the client may still send nothing before it is too slow; 0 when it is."""
        judged = max(self._waited, self._free + self._window)
        seen = [(end, count) for end, count in self._arrived if end > judged - self._window]
        left = sum(count for _, count in seen)
        for end, count in seen:
            if left < self._needed:
                break
            judged, left = max(judged, end + self._window), left - count
        return max(judged - self._waited, 0.0)


class Turns:
    """How many requests are answered at once. One that waits for its client gives its turn to another."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While a request is answered; waits for a turn."""
        with self._free:
            yield

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """While one that has a turn waits for its client; waits for a turn at the end."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


class PacedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a connection for gunicorn's parser, for as long as its client keeps the limits.

    A head has until ``head_until`` (monotonic); from ``begin_body`` on the rate counts.
    """

    def __init__(
        self, sock: socket.socket, limits: SendingLimits, turns: Turns, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(sock)
        self._limits, self._turns, self._clock = limits, turns, clock
        self._pace: Pace | None = None
        self.head_until = math.inf
        self.too_slow = False

    @property
    def in_head(self) -> bool:
        """Whether the head of a request is being read."""
        return self._pace is None

    def begin_head(self, until: float) -> None:
        """A new request is expected."""
        self._pace, self.head_until = None, until

    def begin_body(self) -> None:
        """The head of the request has been read."""
        self._pace = Pace(self._limits)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes.

        Raises:
            TooSlow: the client is. TimeoutError: that of the socket has passed.
        """
        size = self.mxchunk
        if size_hint and size_hint > size:
            size = min(size_hint, self.max_body_chunk)
        if not _readable(self.sock, 0):
            self._wait()
        data: bytes = self.sock.recv(size)
        if self._pace is not None:
            self._pace.arrived(len(data))
        return data

    def _wait(self) -> None:
        began = now = self._clock()
        timeout = self.sock.gettimeout()  # gunicorn sets one where it drains what nobody read
        until = math.inf if timeout is None else began + timeout
        with self._turns.given_up():
            while True:
                patience = self._pace.patience() if self._pace is not None else self.head_until - now
                if patience <= 0:
                    self.too_slow = True
                    raise TooSlow()
                if now >= until:
                    raise TimeoutError
                came = _readable(self.sock, min(patience, until - now))
                before, now = now, self._clock()
                if self._pace is not None:
                    self._pace.waited(now - before)
                if came:
                    return


def _readable(sock: socket.socket, seconds: float) -> bool:
    """Return whether bytes, or the end of the connection, have come."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(math.ceil(seconds * 1000)))
