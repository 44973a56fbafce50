"""The process of the API: clients that do not close their connections hold up nobody."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live_service import ROOT, free_port

pytestmark = pytest.mark.slow

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def ask(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_who_does_not_close_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(APP)
    port = free_port()
    options = ["-k", "src.launcher.api_worker.ApiWorker", "-w", "1", "--threads", "32", "-b", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "--log-level", "error", "tiny:app"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        cwd=tmp_path,
    )
    held: list[socket.socket] = []
    try:
        until = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < until
            time.sleep(0.05)
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
        server.terminate()
        server.wait(20)
