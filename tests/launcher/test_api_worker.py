"""The process of the API: connections end in order, and those that do not hold up nobody."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from src.launcher.api_worker import READ_AWAY_BYTES
from tests.live_service import ROOT, free_port

pytestmark = pytest.mark.slow

APP = """
def app(environ, start_response):
    status = "413 Too Large" if environ["REQUEST_METHOD"] == "POST" else "200 OK"
    start_response(status, [("Content-Length", "2")])
    return [b"ok"]
"""
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def ask(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse().read()
    connection.close()
    return answer


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of one process; its address."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.py").write_text(APP)
    port = free_port()
    options = ["-k", "src.launcher.api_worker.ApiWorker", "-w", "1", "--threads", "32", "-b", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "--log-level", "error", "tiny:app"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        cwd=folder,
    )
    try:
        until = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < until
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def test_who_does_not_close_holds_up_nobody(port: int) -> None:
    held: list[socket.socket] = []
    try:
        assert ask(port) == b"ok"
        began = time.monotonic()
        for _ in range(12):  # gunicorn by itself would stand still for two seconds each
            held.append(socket.create_connection(("127.0.0.1", port)))
            held[-1].sendall(ASK)
            assert held[-1].recv(1000).startswith(b"HTTP/1.1 200")
        assert ask(port) == b"ok"
        assert time.monotonic() - began < 15
        for each in held:
            each.settimeout(10)
            while each.recv(1000):  # the server has closed its side, and everything has arrived
                pass
    finally:
        for each in held:
            each.close()


@pytest.mark.parametrize(("size", "told"), [(READ_AWAY_BYTES + 1, "close"), (10_000_000, "close"), (100, "keep-alive")])
def test_who_is_refused_with_a_long_body_hears_that_the_connection_ends(port: int, size: int, told: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(2):  # the client connects anew by itself when it was told
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        with contextlib.suppress(ConnectionError):  # refused in mid-body
            connection.send(bytes(size))
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["Connection"]) == (413, b"ok", told)
    connection.close()
