"""A real gunicorn with the API's process and a tiny application, with limits that a test chooses."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tools.live_service import ROOT, answers, free_port
from tests.tools.waiting import eventually

# POST .../refused answers at once, without reading; any other POST reads its body and tells its length; GET /large
# sends a body that no buffers hold, GET /file the same as a file; GET /socket takes the connection
# for itself until the client closes.
APP = """
import os

from src.utils.sending import reply_starts, came_too_slowly

def app(environ, start_response):
    path, status, body = environ["PATH_INFO"], "200 OK", b"ok"
    if path == "/socket":
        reply_starts(environ)
        connection = environ["gunicorn.socket"]
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n")
        connection.recv(1)
        raise StopIteration()
    elif path == "/large":
        start_response(status, [("Content-Length", str(64 << 20))])
        return (bytes(1 << 20) for _ in range(64))
    elif path == "/file":
        start_response(status, [("Content-Length", str(64 << 20))])
        return environ["wsgi.file_wrapper"](open(os.path.join(os.path.dirname(__file__), "large"), "rb"))
    elif path.endswith("/refused"):
        status = "400 Bad Request"
    elif environ["REQUEST_METHOD"] == "POST":
        try:
            body = str(sum(len(part) for part in iter(lambda: environ["wsgi.input"].read(65536), b""))).encode()
        except ConnectionError:
            status, body = ("408 Too Slow", b"slow") if came_too_slowly(environ) else ("400 Broken", b"broken")
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]
"""
CONFIG = """
from src.launcher.api_worker import ApiWorker
from src.launcher.slow_senders import SendingLimits

ApiWorker.limits = SendingLimits({limits})
worker_class = "src.launcher.api_worker.ApiWorker"
workers, threads, worker_connections, keepalive = {workers}, {threads}, {connections}, 30
bind, loglevel, graceful_timeout = "127.0.0.1:{port}", "error", 3
"""


@contextmanager
def tiny_server(
    folder: Path, limits: str = "", *, threads: int = 32, workers: int = 1, connections: int = 512
) -> Iterator[int]:
    """The port of a server with these limits, given as the arguments of ``SendingLimits``."""
    (folder / "tiny.py").write_text(APP)
    with (folder / "large").open("wb") as large:
        large.truncate(64 << 20)
    port = free_port()
    config = folder / "config.py"
    given = {"limits": limits, "threads": threads, "workers": workers, "connections": connections}
    config.write_text(CONFIG.format(**given, port=port))
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", str(config), "tiny:app"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        cwd=folder,
    )
    try:
        eventually(lambda: answers(port))
        yield port
    finally:
        server.terminate()
        server.wait(60)


def ask(port: int, method: str = "GET", path: str = "/", body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def open_and_send(port: int, data: bytes, source: str = "127.0.0.1") -> socket.socket:
    """A connection from this address of the loopback on which so much was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
    connection.sendall(data)
    return connection


def everything(connection: socket.socket) -> bytes:
    """All that comes until the server has closed its side."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
