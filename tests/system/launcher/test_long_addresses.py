"""Addresses of 16 kB are read; a longer one gets an answer that a chat can show, from the API and from nginx."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.errors import AddressTooLong
from src.launcher.heads import Head
from src.utils.long_addresses import CHAT_PATHS, LONGEST_LINE, TOO_LONG_FOR_CHAT
from tests.system.launcher.nginx import nginx
from tests.system.launcher.tiny_server import ask, everything, open_and_send, tiny_server
from tests.tools.live_service import ROOT

CHAT = [f"{path}token" for path in CHAT_PATHS]


def test_nginx_and_the_api_have_the_same_limit() -> None:
    example = (ROOT / "deploy" / "nginx.conf.example").read_text()
    assert f"large_client_header_buffers 4 {LONGEST_LINE // 1024}k;" in example
    assert TOO_LONG_FOR_CHAT in example and AddressTooLong().message in example and AddressTooLong.code in example
    assert re.search(r"\^\[A-Z\]\+ \(([^)]+)\)", example)[1] == "|".join(CHAT_PATHS)  # type: ignore[index]


@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_a_line_is_measured_before_it_has_ended(before: bytes) -> None:
    start = before + b"GET /c/"
    for more, ended in ((-1, False), (-1, True), (1, False), (1, True)):
        head = Head()
        head.add(start + b"x" * (LONGEST_LINE - len(start) + len(before) + more))
        head.add(b"\r\nHost: a\r\n\r\n" if ended else b"")
        assert head.line_too_long == (more > 0)


def test_headers_are_not_part_of_the_line() -> None:
    head = Head()
    assert not head.add(b"GET / HTTP/1.1\r\nCookie: " + b"x" * LONGEST_LINE)
    assert not head.line_too_long


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    folder = tmp_path_factory.mktemp("long")
    with tiny_server(folder, threads=2) as upstream, nginx(folder, upstream) as proxy:
        yield {"api": upstream, "nginx": proxy}


@pytest.mark.slow
@pytest.mark.parametrize("server", ["api", "nginx"])
@pytest.mark.parametrize("path", [*CHAT, "/api/video/list"])
def test_what_is_too_long_is_told(ports: dict[str, int], server: str, path: str) -> None:
    assert ask(ports[server], path=f"{path}?q={'x' * (16_384 - len(path) - 3)}") == (200, b"ok"), "16 kB"
    head = f"GET {path}?q={'x' * 70_000} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with open_and_send(ports[server], head.encode()) as sent:
        fields, _, body = everything(sent).partition(b"\r\n\r\n")
    if path in CHAT:
        assert fields.startswith(b"HTTP/1.1 200 ") and b"Content-Type: text/plain" in fields
        assert body.decode() == TOO_LONG_FOR_CHAT
    else:
        assert fields.startswith(b"HTTP/1.1 414 ") and b"Content-Type: application/json" in fields
        assert json.loads(body) == {"error": AddressTooLong().message, "code": "ADDRESS_TOO_LONG", "details": {}}


@pytest.mark.slow
def test_a_slow_sender_of_a_long_line_is_ended(tmp_path: Path) -> None:
    """The time for a head counts however long its first line may be, and the connection is free afterwards."""
    with tiny_server(tmp_path, "header_seconds=0.5", threads=2) as port:
        with open_and_send(port, b"GET /c/token?q=" + b"x" * 10_000) as sent:
            assert everything(sent).startswith(b"HTTP/1.1 408 ")
        with open_and_send(port, b"GET /c/token?q=" + b"x" * 20_000) as sent:  # and no more
            assert everything(sent).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as both:
            both.sendall(f"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /{'x' * 20_000} HTTP/1.1\r\n\r\n".encode())
            answers = everything(both)
        assert answers.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 414 " in answers
        assert ask(port) == (200, b"ok")
