"""The HTTP proxy that is the site: ends TLS for the hosts it plays and refuses all others."""

from __future__ import annotations

import select
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.tools.offline_youtube.certificate import is_played
from tests.tools.offline_youtube.http import Reply, Request

CHUNK_BYTES = 16_384
Answer = Callable[[Request], Reply]


class ProxyServer(ThreadingHTTPServer):
    """One thread for each connection.

    Arguments: ``answer`` makes the reply; ``record`` is told of each request as it arrives, ``stray`` of each host that
    is not played; ``bytes_per_second`` limits every connection and ``round_trip_seconds`` delays every reply.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        answer: Answer,
        record: Callable[[Request], None],
        stray: Callable[[str], None],
        bytes_per_second: float | None,
        round_trip_seconds: float,
    ) -> None:
        self.context, self.answer, self.record, self.stray = context, answer, record, stray
        self.bytes_per_second, self.round_trip_seconds = bytes_per_second, round_trip_seconds
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", port), _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or does not trust the certificate, is no news."""


class _Connection(BaseHTTPRequestHandler):
    """One client: CONNECT, TLS, and then as many requests as it likes."""

    server: ProxyServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    host = ""

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0].lower()
        self._wait(self.server.round_trip_seconds)
        if not is_played(host):
            self._refuse(host)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._wait(self.server.round_trip_seconds)
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.host = host
        self.close_connection = False

    def do_GET(self) -> None:
        host, target = self.host, self.path
        if not host:
            url = urllib.parse.urlsplit(self.path)
            host, target = (url.hostname or "").lower(), url.path + (f"?{url.query}" if url.query else "")
            if not is_played(host):
                self._refuse(host)
                return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, host, target, headers, body)
        self.server.record(request)
        reply = self.server.answer(request)
        self._wait(self.server.round_trip_seconds + reply.delay_seconds)
        self._send(request, reply)

    do_POST = do_HEAD = do_GET  # noqa: N815 (the names that the library looks for)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: the record tells."""

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _refuse(self, host: str) -> None:
        self.server.stray(host)
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.close_connection = True

    def _send(self, request: Request, reply: Reply) -> None:
        request.status = reply.status
        self.send_response(reply.status)
        headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if request.method == "HEAD":
            return
        whole = len(reply.body)
        end = whole if reply.stop_after is None else min(reply.stop_after, whole)
        self._pour(request, memoryview(reply.body)[:end], reply)
        if end < whole:
            if reply.then == "hang":
                self._wait(float("inf"))
            self.close_connection = True

    def _pour(self, request: Request, body: memoryview, reply: Reply) -> None:
        begun = time.monotonic()
        while request.bytes_sent < len(body):
            faulty = reply.bytes_per_second is not None and not reply.healed.is_set()
            rate = reply.bytes_per_second if faulty else self.server.bytes_per_second
            chunk = CHUNK_BYTES if rate is None else max(1, min(CHUNK_BYTES, int(rate / 20)))
            piece = body[request.bytes_sent : request.bytes_sent + chunk]
            self.wfile.write(piece)
            request.bytes_sent += len(piece)
            if rate is not None:
                self._wait(begun + request.bytes_sent / rate - time.monotonic())

    def _wait(self, seconds: float) -> None:
        """Sleep, but not longer than the server lives or the client stays."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if left <= 0.05:
                time.sleep(left)
                return
            if self.server.closing.wait(min(left, 0.1)) or self._client_left():
                raise ConnectionError("nobody waits for this reply")

    def _client_left(self) -> bool:
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(0))
