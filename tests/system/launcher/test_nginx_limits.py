"""Slow senders and refusals with the proxy in front: real nginx with the example configuration, and real gunicorn."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from src.errors import AppError, BodyTooLarge
from src.launcher.slow_senders import CONNECTIONS_PER_ADDRESS, HEADER_SECONDS
from src.middleware.contract import File, contract_of
from src.middleware.errors import flat_body
from src.routes import ALWAYS, SURFACES
from tests.system.launcher.nginx import nginx
from tests.system.launcher.tiny_server import ask, everything, open_and_send, tiny_server
from tests.tools.live_service import ROOT

pytestmark = pytest.mark.slow
EXAMPLE = (ROOT / "deploy" / "nginx.conf.example").read_text()
SHIPPED = "limit_conn yt_downloader_connections 64;"
FEW = {SHIPPED: "limit_conn yt_downloader_connections 3;"}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx that lets an address have three connections, in front of a server with two threads."""
    folder = tmp_path_factory.mktemp("proxy")
    with tiny_server(folder, threads=2) as upstream, nginx(folder, upstream, FEW) as port:
        yield port


@pytest.fixture
def held() -> Iterator[list[socket.socket]]:
    """Connections that are open until the test has ended."""
    connections: list[socket.socket] = []
    yield connections
    for each in connections:
        each.close()


def begin(port: int, path: str, length: int = 100, method: str = "POST", source: str = "127.0.0.1") -> socket.socket:
    """A request whose body does not come; nginx has counted it when it asks for the body."""
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    connection = open_and_send(port, head.encode(), source)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    return connection


def test_the_example_has_the_limits_of_the_product() -> None:
    assert f"limit_conn yt_downloader_connections {CONNECTIONS_PER_ADDRESS};" in EXAMPLE
    assert f"client_header_timeout {HEADER_SECONDS:.0f}s;" in EXAMPLE


def test_networks_that_many_share_can_be_exempt(tmp_path: Path, held: list[socket.socket]) -> None:
    """As docs/deployment.md shows it."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    shown = page[page.index("geo $yt_downloader_shared") :].partition("```")[0]
    start = EXAMPLE.index("map $binary_remote_addr $yt_downloader_network {")
    shipped = EXAMPLE[start : EXAMPLE.index("}\n", start) + 2]
    changes = {**FEW, shipped: shown.replace("203.0.113.0/24", "127.0.0.2")}
    with tiny_server(tmp_path, threads=2) as upstream, nginx(tmp_path, upstream, changes) as port:
        for source, most in (("127.0.0.1", 3), ("127.0.0.2", 6)):
            held.extend(begin(port, "/api/encode/upload", source=source) for _ in range(most))
        assert ask(port)[0] == 429, "the others are counted"


def test_nginx_counts_its_own_clients(proxy: int, held: list[socket.socket]) -> None:
    for _ in range(3):
        held.append(begin(proxy, "/api/encode/upload"))
    status, body = ask(proxy)
    assert status == 429 and json.loads(body)["code"] == "TOO_MANY_CONNECTIONS"
    with open_and_send(proxy, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "127.0.0.2") as other:
        assert everything(other).startswith(b"HTTP/1.1 200"), "another address has its own, and threads are free"


@pytest.mark.parametrize("path", ["/api/video/download/1", "/media/downloads/video/1/a.mp4", "/api/events", "/s/token"])
def test_who_reads_slowly_is_not_counted(tmp_path: Path, held: list[socket.socket], path: str) -> None:
    """nginx holds what the client does not read; the server behind it is done with the request."""
    upstream = socket.create_server(("127.0.0.1", 0))
    try:
        with nginx(tmp_path, upstream.getsockname()[1], FEW) as port:
            for _ in range(8):
                held.append(open_and_send(port, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()))
                behind, _address = upstream.accept()
                held.append(behind)
                assert behind.recv(1000).startswith(b"GET "), "it was let through, and waits for its answer"
    finally:
        upstream.close()


def test_a_sender_on_such_a_path_is_counted(proxy: int, held: list[socket.socket]) -> None:
    for method in ("POST", "GET", "POST"):
        held.append(begin(proxy, "/api/video/download/1", method=method))
    assert ask(proxy)[0] == 429


def test_every_path_of_files_and_events_is_known_to_nginx() -> None:
    app = Flask("all", static_folder=None)
    for blueprint in dict.fromkeys([*(each for surface in SURFACES for each in surface.blueprints), *ALWAYS]):
        app.register_blueprint(blueprint)
    start = EXAMPLE.index("$yt_downloader_counted {")
    patterns = re.findall(r'"~(\^[^"]+)" ""', EXAMPLE[start : EXAMPLE.index("}\nlimit_conn_zone", start)])
    assert len(patterns) == 3
    checked = 0
    for rule in app.url_map.iter_rules():
        contract = contract_of(app.view_functions[rule.endpoint])
        files = contract is not None and any(
            isinstance(reply, File) and reply.mime != "text/plain" for reply in contract.replies.values()
        )
        if files and not rule.rule.startswith("/metrics"):
            for method in (rule.methods or set()) - {"OPTIONS"}:
                length = "0" if method == "POST" else ""
                key = f"{method} {length}/ {re.sub('<[^>]+>', 'a', rule.rule)}"
                assert any(re.search(pattern, key) for pattern in patterns), key
                checked += 1
    assert checked > 15


def test_a_slow_upload_is_ended_by_the_api_behind_nginx(tmp_path: Path) -> None:
    limits = "free_seconds=0.1, window_seconds=0.1, bytes_per_second=10_000_000"
    with tiny_server(tmp_path, limits, threads=2) as upstream, nginx(tmp_path, upstream) as port:
        for path in ("/api/encode/upload", "/storage/video", "/api/encode/tus/1"):
            with begin(port, path) as connection:
                assert connection.recv(10_000).startswith(b"HTTP/1.1 408 ")


def test_twenty_slow_uploads_leave_a_small_instance_answering(tmp_path: Path, held: list[socket.socket]) -> None:
    with tiny_server(tmp_path, threads=2) as upstream, nginx(tmp_path, upstream) as port:
        for _ in range(20):
            held.append(begin(port, "/api/encode/upload"))
            held[-1].sendall(b"x")
        for _ in range(3):
            assert ask(port) == (200, b"ok")
            assert ask(port, "POST", "/api/encode/upload", bytes(100_000)) == (200, b"100000")


def test_a_refused_upload_arrives_through_nginx(proxy: int) -> None:
    for path in ("/refused", "/api/encode/tus/refused"):
        assert ask(proxy, "POST", path, bytes(8_000_000)) == (400, b"ok")


@pytest.mark.parametrize(
    ("path", "surface"),
    [
        ("/api/video/save", "backend"),
        ("/api/encode/upload", "backend"),
        ("/api/sessions/", "sessions"),
        ("/api/jobs/", "sessions"),
        ("/download/", "streams"),
        ("/download/mp4", "streams"),
        ("/job/1", "streams"),
        ("/audio_dl/api/auto-download/", "audio"),
        ("/jobs", "archive.jobs"),
        ("/jobs/1/retry", "archive.jobs"),
        ("/download", "archive.download"),
        ("/download/1", "archive.download"),
        ("/metadata/batch", "archive.metadata"),
        ("/storage/video", "archive.storage"),
        ("/storage/metadata", "archive.storage"),
        ("/anything", ""),
    ],
)
def test_what_is_too_large_is_told_as_the_api_tells_it(proxy: int, path: str, surface: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n"
    with open_and_send(proxy, head.encode()) as sent:
        answer = sent.recv(10_000)
    fields, _, body = answer.partition(b"\r\n\r\n")
    assert fields.startswith(b"HTTP/1.1 413 ") and b"Content-Type: application/json" in fields
    told, error = json.loads(body), BodyTooLarge()
    assert _timeless(told) == _timeless(_told_by_the_api(error, path, surface))


def _told_by_the_api(error: AppError, path: str, surface: str) -> dict[str, Any]:
    shape = next((each.error_body for each in SURFACES if each.name == surface), flat_body)
    with Flask("any").test_request_context(path):
        return dict(shape(error))


def _timeless(body: dict[str, Any]) -> dict[str, Any]:
    if "timestamp" in body:
        datetime.fromisoformat(body["timestamp"])
    return {name: value for name, value in body.items() if name != "timestamp"}
