"""Measures how fast a client sends, and ends requests that are too slow: headers by time, bodies by their rate.

Only the time that the server waits for the client counts, so a busy server never makes a client too slow.
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
BODY_FREE_SECONDS = 10.0  # at the start of a body, without a minimum rate
BODY_WINDOW_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 1000  # on average over the window
CONNECTIONS_PER_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """The limits of one process for senders.

    ``count_peers``: count connections by the peer's address; behind a proxy all of them have the proxy's address.
    ``count_loopback``: count those from this machine as well.
    """

    header_seconds: float = HEADER_SECONDS
    free_seconds: float = BODY_FREE_SECONDS
    window_seconds: float = BODY_WINDOW_SECONDS
    bytes_per_second: float = BODY_BYTES_PER_SECOND
    connections_per_address: int = CONNECTIONS_PER_ADDRESS
    count_peers: bool = True
    count_loopback: bool = False


class TooSlow(NoMoreData, ConnectionError):  # type: ignore[misc]
    """The client sends too slowly. To readers it looks like the end of the connection."""


class Pace:
    """The rate of one body over a sliding window, measured in seconds of waiting for the client."""

    def __init__(self, limits: SendingLimits) -> None:
        self._free, self._window = limits.free_seconds, limits.window_seconds
        self._needed = limits.bytes_per_second * limits.window_seconds
        self._step = limits.window_seconds / 120
        self._waited = 0.0
        self._arrived: deque[tuple[float, int]] = deque()  # (latest time of arrival, bytes), by steps

    def waited(self, seconds: float) -> None:
        """Record a time of waiting."""
        self._waited += seconds

    def arrived(self, count: int) -> None:
        """Record arrived bytes."""
        end = (math.floor(self._waited / self._step) + 1) * self._step
        if self._arrived and self._arrived[-1][0] == end:
            count += self._arrived.pop()[1]
        self._arrived.append((end, count))
        while self._arrived[0][0] <= self._waited - self._window:
            self._arrived.popleft()

    def patience(self) -> float:
        """Return how long the client may still be silent before it is too slow; 0 when it already is."""
        judged = max(self._waited, self._free + self._window)
        seen = [(end, count) for end, count in self._arrived if end > judged - self._window]
        left = sum(count for _, count in seen)
        for end, count in seen:
            if left < self._needed:
                break
            judged, left = max(judged, end + self._window), left - count
        return max(judged - self._waited, 0.0)


class Turns:
    """Limits how many requests are answered at once. A request that waits for its client releases its turn."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn while a request is answered; wait for one first."""
        with self._free:
            yield

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Release the turn while the request waits for its client; then wait for another turn."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


class PacedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a connection for gunicorn's parser while its client keeps the limits.

    A head must be complete by ``head_until`` (monotonic); after ``start_body`` the rate counts.
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

    def start_head(self, until: float) -> None:
        """Expect a new request."""
        self._pace, self.head_until = None, until

    def start_body(self) -> None:
        """Expect the body, because the head has been read."""
        self._pace = Pace(self._limits)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes.

        Raises:
            TooSlow: the client is too slow.
            TimeoutError: the time-out of the socket has passed.
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
        started = now = self._clock()
        timeout = self.sock.gettimeout()  # gunicorn sets one where it discards an unread body
        until = math.inf if timeout is None else started + timeout
        with self._turns.given_up():
            while True:
                patience = self._pace.patience() if self._pace is not None else self.head_until - now
                if patience <= 0:
                    self.too_slow = True
                    raise TooSlow()
                if now >= until:
                    raise TimeoutError
                readable = _readable(self.sock, min(patience, until - now))
                before, now = now, self._clock()
                if self._pace is not None:
                    self._pace.waited(now - before)
                if readable:
                    return


def _readable(sock: socket.socket, seconds: float) -> bool:
    """Return whether bytes, or the end of the connection, have arrived."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(math.ceil(seconds * 1000)))
