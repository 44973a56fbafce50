"""Forwards bytes between two sockets in both directions until both have ended, in the kernel where possible (Linux)."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Protocol

# Measured (docs/benchmarks/egress.md): a larger buffer gains nothing, and unprivileged users may use 64 MB for pipes.
BUFFER_BYTES = 256 * 1024
_F_SETPIPE_SZ = 1031
_PIECES = 16  # forwarded in one direction before the other one is served
_LINGER_SECONDS = 10.0  # how long one direction may idle after the other one has ended


class _Flow(Protocol):
    """One direction."""

    source: socket.socket
    target: socket.socket
    waiting: int  # bytes read from the source but not yet written to the target
    ended: bool

    def take(self) -> int: ...
    def give(self) -> None: ...
    def close(self) -> None: ...


class _Spliced:
    """Forwards through a pipe, without a copy into this process."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target, self.waiting, self.ended = source, target, 0, False
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        import fcntl

        with contextlib.suppress(OSError):  # beyond the limit of this user the pipe stays small
            fcntl.fcntl(self._write_end, _F_SETPIPE_SZ, BUFFER_BYTES)

    def take(self) -> int:
        """Read the available bytes; return their number, 0 at the end."""
        count = os.splice(self.source.fileno(), self._write_end, BUFFER_BYTES, flags=os.SPLICE_F_NONBLOCK)
        self.waiting += count
        return count

    def give(self) -> None:
        """Write as many bytes as possible."""
        while self.waiting:
            flags = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
            self.waiting -= os.splice(self._read_end, self.target.fileno(), self.waiting, flags=flags)

    def close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)


class _Copied:
    """Forwards through a buffer of this process."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target, self.waiting, self.ended = source, target, 0, False
        self._buffer = memoryview(b"")

    def take(self) -> int:
        self._buffer = memoryview(self.source.recv(BUFFER_BYTES))
        self.waiting = len(self._buffer)
        return self.waiting

    def give(self) -> None:
        while self.waiting:
            sent = self.target.send(self._buffer)
            self._buffer = self._buffer[sent:]
            self.waiting -= sent

    def close(self) -> None:
        self._buffer = memoryview(b"")


def relay(
    client: socket.socket,
    server: socket.socket,
    *,
    idle_seconds: float,
    count: Callable[[int, int], None],
) -> None:
    """Forward bytes in both directions until both sides have ended, one failed, or no byte came for ``idle_seconds``.

    ``count(received, sent)`` is called for every piece (from the server, to the server) before it is forwarded; an
    exception closes both connections. If one side fails, the other is reset too: a truncated transfer must not seem
    complete.
    """
    for end in (client, server):
        end.setblocking(False)
    kind = _Spliced if sys.platform == "linux" and hasattr(os, "splice") else _Copied
    up: _Flow = kind(client, server)
    down: _Flow = kind(server, client)
    try:
        _pump(up, down, idle_seconds, count)
    except BaseException:
        for end in (client, server):
            reset(end)
        raise
    finally:
        up.close()
        down.close()


def reset(connection: socket.socket) -> None:
    """Make the next close reset the connection instead of ending it properly."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _pump(up: _Flow, down: _Flow, idle_seconds: float, count: Callable[[int, int], None]) -> None:
    numbers = [end.fileno() for end in (up.source, up.target)]
    poller = select.poll()
    for number in numbers:
        poller.register(number, 0)
    moved = time.monotonic()
    while not (up.ended and down.ended):
        wanted = dict.fromkeys(numbers, 0)
        for flow in (up, down):
            if flow.waiting:
                wanted[flow.target.fileno()] |= select.POLLOUT
            elif not flow.ended:
                wanted[flow.source.fileno()] |= select.POLLIN
        for number, events in wanted.items():
            if events:
                poller.register(number, events)
            else:
                with contextlib.suppress(KeyError):
                    poller.unregister(number)
        patience = min(idle_seconds, _LINGER_SECONDS) if up.ended or down.ended else idle_seconds
        left = moved + patience - time.monotonic()
        if left <= 0:
            raise TimeoutError
        ready = {number for number, _ in poller.poll(left * 1000)}
        for flow in (up, down):
            due = flow.target if flow.waiting else flow.source
            if due.fileno() in ready and _step(flow, count, received=flow is down):
                moved = time.monotonic()


def _step(flow: _Flow, count: Callable[[int, int], None], *, received: bool) -> bool:
    """Forward pieces until one side is not ready; return whether any byte was forwarded."""
    moved = False
    try:
        for _ in range(_PIECES):
            if flow.waiting:
                before = flow.waiting
                try:
                    flow.give()
                finally:
                    moved = moved or flow.waiting < before
            if flow.ended:
                break
            taken = flow.take()
            moved = True
            if not taken:
                flow.ended = True
                with contextlib.suppress(OSError):
                    flow.target.shutdown(socket.SHUT_WR)
                break
            count(taken, 0) if received else count(0, taken)
    except BlockingIOError:
        pass
    return moved
