"""Writes answers to clients that read slowly, without a turn while it waits, and limits how many one address has.

gunicorn by itself waits in ``sendall`` and ``sendfile`` for as long as the client likes.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import math
import os
import select
import socket
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import IO

from src.launcher.slow_senders import Turns
from src.utils.addresses import network_of

# A browser whose video is paused reads nothing for minutes; and on fast networks the system tells the sender of a slow
# reader only at each 64 kB.
ANSWER_SILENT_SECONDS = 300.0
# So many of the connections of one process may be used by one address to read answers without being counted.
READERS_SHARE = 4
_LOOK_SECONDS = 5.0
_MOST_BYTES = 1 << 20  # at once, so that a fast reader does not keep its turn for a whole file


class Readers:
    """The connections of one process that are answered and not counted, by address; ``most`` of each."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = max(most, 1), threading.Lock()
        self._reading: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Return whether one more of this address need not be counted."""
        network = network_of(address)
        with self._lock:
            if self._reading[network] >= self._most:
                return False
            self._reading[network] += 1
            return True

    def leave(self, address: str) -> None:
        """Its answer has ended."""
        network = network_of(address)
        with self._lock:
            self._reading[network] -= 1
            if self._reading[network] <= 0:
                del self._reading[network]


class PacedWriter:
    """What gunicorn writes an answer to, instead of the socket itself."""

    def __init__(
        self,
        sock: socket.socket,
        turns: Turns,
        silent_seconds: float = ANSWER_SILENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sock, self._turns, self._silent, self._clock = sock, turns, silent_seconds, clock

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises OSError: the client has gone, or reads nothing any more."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left[:_MOST_BYTES], socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait()

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        """Send so many bytes of a file, from ``offset``; how many there were. Raises OSError as ``sendall`` does."""
        begin, end = offset, math.inf if count is None else offset + count
        self._sock.setblocking(False)
        try:
            while offset < end:
                try:
                    size = int(min(end - offset, _MOST_BYTES))
                    sent = os.sendfile(self._sock.fileno(), file.fileno(), offset, size)
                except BlockingIOError:
                    self._wait()
                    continue
                if not sent:
                    break
                offset += sent
        finally:
            self._sock.setblocking(True)
        return offset - begin

    def wait_for_room(self) -> None:
        """Wait, without a turn, until something short can be sent at once. Raises OSError as ``sendall`` does."""
        queued, since = _queued(self._sock), self._clock()
        while not _writable(self._sock, _LOOK_SECONDS):
            before, queued, now = queued, _queued(self._sock), self._clock()
            if queued != before:
                since = now
            elif now - since >= self._silent:
                raise BrokenPipeError(errno.EPIPE, "the client does not read its answer")

    def _wait(self) -> None:
        with self._turns.given_up():
            self.wait_for_room()


def _writable(sock: socket.socket, seconds: float) -> bool:
    """Return whether there is room for more, or an error to be noticed."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(math.ceil(seconds * 1000)))


def _queued(sock: socket.socket) -> int:
    """How many bytes the client has not confirmed: fewer while somebody reads. 0 where the system does not tell."""
    found = array.array("i", [0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, found)
    return found[0]
