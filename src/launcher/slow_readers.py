"""Writes replies to clients that read slowly, without occupying a turn while waiting, and limits them per address.

gunicorn itself waits in ``sendall`` and ``sendfile`` without a time limit.
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

# A browser with a paused video reads nothing for minutes; and on fast networks the system reports the progress of a
# slow reader only every 64 kB.
ANSWER_SILENT_SECONDS = 300.0
# One address may use this fraction of a process's connections to read replies without being counted.
READERS_SHARE = 4
_POLL_SECONDS = 5.0
_MOST_BYTES = 1 << 20  # at once, so that a fast reader does not hold its turn for a whole file


class Readers:
    """The uncounted connections of one process that read replies, by address; at most ``most`` of each."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = max(most, 1), threading.Lock()
        self._reading: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Return whether another connection of this address may read without being counted."""
        network = network_of(address)
        with self._lock:
            if self._reading[network] >= self._most:
                return False
            self._reading[network] += 1
            return True

    def leave(self, address: str) -> None:
        """Record the end of a reply to this address."""
        network = network_of(address)
        with self._lock:
            self._reading[network] -= 1
            if self._reading[network] <= 0:
                del self._reading[network]


class PacedWriter:
    """The object to which gunicorn writes a reply in place of the socket."""

    def __init__(
        self,
        sock: socket.socket,
        turns: Turns,
        silent_seconds: float = ANSWER_SILENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sock, self._turns, self._silent, self._clock = sock, turns, silent_seconds, clock

    def sendall(self, data: bytes) -> None:
        """Send all data. Raises OSError when the client has gone or stops reading."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left[:_MOST_BYTES], socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait()

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        """Send ``count`` bytes of a file from ``offset``; return how many were sent. Raises OSError as ``sendall``."""
        start, end = offset, math.inf if count is None else offset + count
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
        return offset - start

    def wait_for_room(self) -> None:
        """Wait, without a turn, until a short text can be sent at once. Raises OSError as ``sendall``."""
        queued, since = _queued(self._sock), self._clock()
        while not _writable(self._sock, _POLL_SECONDS):
            before, queued, now = queued, _queued(self._sock), self._clock()
            if queued != before:
                since = now
            elif now - since >= self._silent:
                raise BrokenPipeError(errno.EPIPE, "the client does not read its reply")

    def _wait(self) -> None:
        with self._turns.given_up():
            self.wait_for_room()


def _writable(sock: socket.socket, seconds: float) -> bool:
    """Return whether more can be sent, or an error is pending."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(math.ceil(seconds * 1000)))


def _queued(sock: socket.socket) -> int:
    """Return how many bytes the client has not acknowledged; 0 where the system does not report it."""
    found = array.array("i", [0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, found)
    return found[0]
