"""Writes to all event streams of this process from one thread, so that a listener needs a socket, not a thread.

A stream starts like any other request on a thread of gunicorn, which checks the caller and builds the headers. Then the
loop takes the connection over from gunicorn and writes to it, so that neither many listeners nor slow ones hold up
requests. Why: ``docs/adr/0010-one-thread-for-all-listeners.md``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

from src.services.events.listener import Event, Listener

log = logging.getLogger(__name__)

START = b"retry: 3000\n\n"  # how many ms a browser waits before it reconnects
HEARTBEAT = b": still here\n\n"
# The time after which unacknowledged bytes to a vanished peer end the connection. man 7 tcp.
_SILENT_MILLISECONDS = 60_000
_SWEEP_SECONDS = 1.0
_CLOSING_SECONDS = 5.0  # how long a peer may take to close its side after the end of the stream
_LAST_CHUNK = b"0\r\n\r\n"
_MANY_BYTES = 65_536  # with this much unsent data, new events wait and replace older ones
_READ_BYTES = 4096
_PAUSE_SECONDS = 0.1


def formatted(event: Event) -> bytes:
    """Return an event in the format of ``text/event-stream``."""
    return f"id: {event.id}\nevent: {event.name}\ndata: {event.text}\n\n".encode()


def taken_over(connection: socket.socket) -> socket.socket:
    """Return the connection under a new descriptor; the previous one leads nowhere, so its holder may close it."""
    ours = connection.dup()
    nowhere, other_end = socket.socketpair()
    other_end.close()
    os.dup2(nowhere.fileno(), connection.fileno(), inheritable=False)
    nowhere.close()
    return ours


@dataclass(eq=False)
class _Stream:
    """A connection and its unsent bytes. ``chunked`` for HTTP/1.1; HTTP/1.0 ends the body by closing."""

    socket: socket.socket
    listener: Listener
    chunked: bool
    left: bytearray
    sent_at: float = field(default_factory=time.monotonic)
    ending: bool = False

    def add(self, body: bytes) -> None:
        """Append a part of the body."""
        self.left += b"%x\r\n%b\r\n" % (len(body), body) if self.chunked else body


class PushLoop:
    """Owns connections and writes events to them. Its thread starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._streams: dict[Listener, _Stream] = {}
        self._woken: dict[Listener, _Stream | None] = {}
        self._swept = 0.0

    def take(self, connection: socket.socket, head: bytes, listener: Listener, *, chunked: bool) -> None:
        """Send ``head``, then all events of ``listener`` until either side ends; then close both."""
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MILLISECONDS)
        with self._lock:
            if self._thread is None:
                self._start()
        stream = _Stream(connection, listener, chunked, bytearray(head))
        stream.add(START)
        self._wake(listener, stream)

    def _start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._asleep, self._waker = socket.socketpair()
        self._asleep.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._asleep, selectors.EVENT_READ)
        thread = threading.Thread(target=self._run, name="push-loop", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads: the next stream tries again
            self._selector.close()
            self._asleep.close()
            self._waker.close()
            raise
        self._thread = thread

    def _wake(self, listener: Listener, arrived: _Stream | None = None) -> None:
        with self._lock:
            first = not self._woken
            self._woken[listener] = arrived or self._woken.get(listener)
        if first:
            with contextlib.suppress(BlockingIOError):  # a wake-up is already pending
                self._waker.send(b"\0")

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                log.exception("an event stream failed")
                time.sleep(_PAUSE_SECONDS)

    def _turn(self) -> None:
        for key, _ in self._selector.select(_SWEEP_SECONDS if self._streams else None):
            if key.data is None:
                self._asleep.recv(_READ_BYTES)
            elif self._is_gone(key.data):
                self._drop(key.data)
            else:
                self._serve(key.data)
        with self._lock:
            woken, self._woken = self._woken, {}
        for listener, arrived in woken.items():
            if arrived is not None and not self._register(arrived):
                continue
            if (stream := self._streams.get(listener)) is not None:
                self._serve(stream)
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self._sweep()

    def _register(self, stream: _Stream) -> bool:
        try:
            self._selector.register(stream.socket, selectors.EVENT_READ, stream)
        except OSError as error:  # no memory, or too many files: only this stream fails
            log.warning("an event stream could not be started: %s", error)
            stream.socket.close()
            stream.listener.close()
            return False
        self._streams[stream.listener] = stream
        stream.listener.wake = self._wake
        return True

    def _sweep(self) -> None:
        self._swept = now = time.monotonic()
        for stream in [*self._streams.values()]:
            silent = now - stream.sent_at
            if stream.ending and silent >= _CLOSING_SECONDS:
                self._drop(stream)
            elif not stream.ending and not stream.left and silent >= stream.listener.heartbeat:
                stream.add(HEARTBEAT)
                self._send(stream)

    def _serve(self, stream: _Stream) -> None:
        if stream.left:
            self._send(stream)
        if len(stream.left) >= _MANY_BYTES:
            return  # more events follow when the peer has read some of these
        for event in stream.listener.take():
            stream.add(formatted(event))
        if stream.listener.ended and not stream.ending:
            stream.ending = True
            stream.left += _LAST_CHUNK if stream.chunked else b""
        self._send(stream)

    def _send(self, stream: _Stream) -> None:
        try:
            if stream.left:
                del stream.left[: stream.socket.send(stream.left)]
                stream.sent_at = time.monotonic()
            if stream.ending and not stream.left:
                stream.socket.shutdown(socket.SHUT_WR)  # the peer closes next; until then its bytes are read
        except BlockingIOError:
            pass
        except OSError:
            self._drop(stream)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if stream.left else 0)
        if self._selector.get_key(stream.socket).events != wanted:
            self._selector.modify(stream.socket, wanted, stream)

    def _is_gone(self, stream: _Stream) -> bool:
        """Return whether the peer has closed; bytes that it sends are discarded."""
        try:
            return not stream.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _drop(self, stream: _Stream) -> None:
        if self._streams.pop(stream.listener, None) is not None:
            self._selector.unregister(stream.socket)
            stream.socket.close()
            stream.listener.close()
