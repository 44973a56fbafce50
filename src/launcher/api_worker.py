"""Extends gunicorn's threaded process: slow senders occupy no thread, and connections end in an orderly manner.

The accepting thread reads the head of each request and the rest of refused bodies, so neither needs a thread of the
pool. A thread that waits for a body, or for a client to read its reply, lets another request run.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

from gunicorn.workers.gthread import ThreadWorker

from src.errors import RequestTooSlow, TooManyConnections
from src.launcher.connection_counts import ConnectionCounts
from src.launcher.connections import Connection
from src.launcher.heads import Head, refusal
from src.launcher.slow_readers import READERS_SHARE, Readers
from src.launcher.slow_senders import SendingLimits, Turns
from src.utils.long_addresses import LONGEST_LINE
from src.utils.sending import REPLY_STARTS, TOO_SLOW

# gunicorn discards this much of a body that the application did not read; after a longer one it ends the connection.
DISCARDED_BYTES = 64 * 1024
# A client that is still sending when its request is refused loses the reply if the connection is closed at once. Its
# data are read for this long, while any arrive: RFC 9112, 9.6.
CLOSING_SECONDS, CLOSING_SILENT_SECONDS = 30.0, 5.0
# For slow senders, addresses with too many connections, and a process that is stopping.
CLOSING_SHORT_SECONDS = 2.0
# This many refused connections may be closing at a time; further ones, such as those of a flood, are closed at once.
_REFUSED_AT_ONCE = 32
_READ_BYTES = 256 * 1024
_PAUSE_SECONDS = 0.1


class ApiWorker(ThreadWorker):  # type: ignore[misc]
    """The process described above. ``limits`` and ``counts`` are shared by all processes of a service."""

    limits: ClassVar[SendingLimits] = SendingLimits()
    counts: ClassVar[ConnectionCounts]
    wsgi: Callable[..., Any]

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Create the shared counts before the fork; a reload has two generations of processes for a moment."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("The API does not support TLS: use a proxy in front of it")
        cls.counts = ConnectionCounts(cls.limits.connections_per_address, 2 * cfg.workers + 2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns = Turns(self.cfg.threads)
        self._readers = Readers(self.cfg.worker_connections // READERS_SHARE)
        self._heads: dict[Connection, None] = {}
        self._leaving: dict[Connection, None] = {}
        self._at_work = threading.local()

    def init_process(self) -> None:
        """Start to serve, in the forked process."""
        self.counts.join()
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return a pool of as many threads as connections, of which ``threads`` may run at once."""
        return ThreadPoolExecutor(max_workers=self.cfg.worker_connections)

    def load_wsgi(self) -> None:
        """Load the application, and wrap it so that refusing an unread body closes the connection."""
        super().load_wsgi()
        self.wsgi = self._application(self.wsgi)

    # --- on the accepting thread: heads -------------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Accept a connection, unless its address has too many, and wait for its first head."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            # Out of descriptors: wait until some of the open connections end.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.log.warning("a connection waits: %s", error)
                time.sleep(_PAUSE_SECONDS)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self.limits, self._turns)
        if not self._count(conn):
            self._refuse(conn)
            return
        self.nr_conns += 1
        self._expect(conn, b"")

    def _refuse(self, conn: Connection) -> None:
        self._send(conn, refusal(TooManyConnections(limit=self.limits.connections_per_address), 429))
        if sum(each.limited and not each.counted for each in self._leaving) >= _REFUSED_AT_ONCE:
            conn.close()
            return
        self.nr_conns += 1
        self._leave_soon(conn)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Read the next head on a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._expect(conn, b"")
        self._on_head(conn, client)

    def _expect(self, conn: Connection, ahead: bytes) -> None:
        """Wait for a head, of which ``ahead`` has already arrived."""
        conn.until = time.monotonic() + self.limits.header_seconds
        conn.head = Head()
        conn.reader.start_head(conn.until)
        conn.sock.setblocking(False)
        if conn.head.add(ahead):
            self._start(conn)
        else:
            self._heads[conn] = None
            self._listen(conn, self._on_head)

    def _on_head(self, conn: Connection, sock: Any) -> None:
        if conn not in self._heads:
            return
        try:
            data = sock.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn, self._heads)
        elif conn.head.add(data):
            del self._heads[conn]
            self.poller.unregister(sock)
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        """Queue a request whose head is complete."""
        if conn.head.line_too_long:
            self._send(conn, conn.head.answer_to_long_line())
            self._leave_soon(conn)
            return
        conn.reader.unread(bytes(conn.head.data))
        conn.head = Head()
        self.enqueue_req(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Keep the connection for the next request, or close it."""
        if conn.reading:
            conn.reading = False
            self._readers.leave(conn.address)
        keep = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if not keep or not self._count(conn):
            self._leave(conn)
        elif ahead := conn.reader.take_buffered():  # the client sent more before it had the reply
            self._expect(conn, ahead)
        else:
            super().finish_request(conn, fs)

    # --- on the accepting thread: ends --------------------------------------------------------------------------------

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections that have been idle for too long."""
        before = list(self.keepalived_conns)
        super().murder_keepalived(force)
        for conn in before[: len(before) - len(self.keepalived_conns)]:
            self._uncount(conn)

    def murder_pending(self) -> None:
        """Close connections whose head is late, and those whose client does not close them."""
        now = time.monotonic()
        if not self.alive:
            for conn in (*self._heads, *self._leaving):
                conn.until = min(conn.until, now + CLOSING_SHORT_SECONDS)
        for conn in [each for each in self._heads if each.until <= now]:
            if conn.head.data:
                self._send(conn, refusal(RequestTooSlow(), 408))
            self._drop(conn, self._heads)
        for conn in [each for each in self._leaving if min(each.until, each.silent_until) <= now]:
            self._drop(conn, self._leaving)

    def _leave(self, conn: Connection) -> None:
        """End a connection: shut it down for writing, then read until the client closes it as well."""
        now = time.monotonic()
        is_short = conn.reader.too_slow or not self.alive
        conn.until = now + (CLOSING_SHORT_SECONDS if is_short else CLOSING_SECONDS)
        conn.silent_until = now + CLOSING_SILENT_SECONDS
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone, or the push loop owns the connection now
            self._end(conn)
            return
        if not self._count(conn):
            self._end(conn)
            return
        self._leaving[conn] = None
        self._listen(conn, self._on_leaving)
        self._on_leaving(conn, conn.sock)

    def _leave_soon(self, conn: Connection) -> None:
        """Read what a refused client is still sending, for a short time, so that it does not lose the reply."""
        conn.until = conn.silent_until = time.monotonic() + CLOSING_SHORT_SECONDS
        self._leaving[conn] = None
        self._listen(conn, self._on_leaving)

    def _on_leaving(self, conn: Connection, sock: Any) -> None:
        if conn not in self._leaving:
            return
        try:
            left = sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            left = b""
        if left:
            conn.silent_until = time.monotonic() + CLOSING_SILENT_SECONDS
        else:
            self._drop(conn, self._leaving)

    def _listen(self, conn: Connection, on_readable: Callable[[Connection, Any], None]) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(on_readable, conn))

    def _drop(self, conn: Connection, held: dict[Connection, None]) -> None:
        del held[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._end(conn)

    def _end(self, conn: Connection) -> None:
        self.nr_conns -= 1
        self._uncount(conn)
        conn.close()

    def _send(self, conn: Connection, reply: bytes) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            conn.sock.setblocking(False)
            conn.sock.send(reply)
            conn.sock.shutdown(socket.SHUT_WR)

    # --- counting, from any thread ------------------------------------------------------------------------------------

    def _count(self, conn: Connection) -> bool:
        if conn.limited and not conn.counted:
            conn.counted = self.counts.enter(conn.address)
        return conn.counted or not conn.limited

    def _uncount(self, conn: Connection) -> None:
        if conn.counted:
            conn.counted = False
            self.counts.leave(conn.address)

    def _count_as_reader(self, conn: Connection) -> None:
        """Stop counting a connection while its client reads the reply, up to a share of all connections per address."""
        if conn.counted and self._readers.enter(conn.address):
            conn.reading = True
            self._uncount(conn)

    # --- on a thread of the pool --------------------------------------------------------------------------------------

    def handle(self, conn: Connection) -> Any:
        """Answer one request; return False when the connection has ended."""
        self._at_work.conn = conn
        try:
            conn.writer.wait_for_room()  # for the previous reply: gunicorn would wait for it while holding a turn
        except OSError:
            return False
        with self._turns.taken():
            keep = super().handle(conn)
        if conn.reader.too_slow and conn.reader.in_head:
            self._send(conn, refusal(RequestTooSlow(), 408))
        return keep

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer a request whose head has been read."""
        conn.reader.start_body()
        return super().handle_request(req, conn)

    def _application(self, application: Callable[..., Any]) -> Callable[..., Any]:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            conn: Connection = self._at_work.conn
            environ[REPLY_STARTS] = partial(self._count_as_reader, conn)
            environ[TOO_SLOW] = lambda: conn.reader.too_slow
            response = start_response.__self__  # type: ignore[attr-defined]
            response.sock = conn.writer

            def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                self._count_as_reader(conn)
                if conn.reader.too_slow or (status >= "4" and _may_be_unread(environ)):
                    response.force_close()
                return start_response(status, headers, exc_info)

            return application(environ, start)

        return answer


def _may_be_unread(environ: dict[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or "0"
    return "HTTP_TRANSFER_ENCODING" in environ or not length.isdigit() or int(length) > DISCARDED_BYTES
