"""The process of the API: slow senders hold nobody up and are ended, connections end in order and are counted."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import deno
import pytest

from src.launcher.api_worker import DISCARDED_BYTES
from tests.system.launcher.tiny_server import ask, everything, open_and_send, tiny_server
from tests.tools.live_service import ROOT
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

CLOSING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEEPING = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
SENT = 32_000_000  # more than the buffers of two sockets hold


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with the limits of the product, one process and few threads."""
    with tiny_server(tmp_path_factory.mktemp("tiny"), threads=2) as port:
        yield port


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that waits for a tenth of a second where the product waits for many."""
    limits = "header_seconds=0.1, free_seconds=0.1, window_seconds=0.1, bytes_per_second=10_000_000"
    with tiny_server(tmp_path_factory.mktemp("hasty"), limits, threads=2) as port:
        yield port


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of two processes that counts the addresses of the loopback as well: five connections each."""
    limits = "connections_per_address=5, count_loopback=True"
    with tiny_server(tmp_path_factory.mktemp("counting"), limits, workers=2) as port:
        yield port


@pytest.fixture
def held() -> Iterator[list[socket.socket]]:
    """Connections that are open until the test has ended."""
    connections: list[socket.socket] = []
    yield connections
    for each in connections:
        each.close()


def code_of(answer: bytes) -> tuple[bytes, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], str(json.loads(body)["code"])


# --- slow senders hold nobody up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: loc",
        POST + b"Content-Length: 100000\r\n\r\nx",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        KEEPING + b"GET / HT",
        POST + b"Content-Length: 1\r\n\r\nx" + POST + b"Content-Length: 9\r\n\r\nx",
    ],
    ids=["nothing", "a byte", "a head", "a body", "a chunk", "chunks", "a second head", "a second body"],
)
def test_who_does_not_send_on_holds_no_thread(port: int, held: list[socket.socket], begun: bytes) -> None:
    for _ in range(12):  # two threads answer
        held.append(open_and_send(port, begun))
    for _ in range(3):
        assert ask(port) == (200, b"ok")
        assert ask(port, "POST", body=bytes(100_000)) == (200, b"100000")


@pytest.mark.parametrize("path", [b"/large", b"/file"])
@pytest.mark.parametrize(
    "behind", [b"", POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", b"nothing\r\n\r\n"]
)
def test_who_does_not_read_its_answer_holds_no_thread(
    port: int, held: list[socket.socket], path: bytes, behind: bytes
) -> None:
    for _ in range(6):  # two threads answer
        held.append(open_and_send(port, b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path + behind))
        assert held[-1].recv(9) == b"HTTP/1.1 "
    for _ in range(3):
        assert ask(port) == (200, b"ok")


@pytest.mark.parametrize("path", [b"/large", b"/file"])
def test_an_answer_that_waited_for_its_reader_is_whole(port: int, path: bytes) -> None:
    with open_and_send(port, b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path) as connection:
        assert ask(port) == (200, b"ok")
        connection.sendall(CLOSING)
        answers = everything(connection)
    first, _, rest = answers.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest[: 64 << 20] == bytes(64 << 20) and rest[64 << 20 :].startswith(b"HTTP/1.1 200 ")


def test_a_request_in_pieces_is_answered(port: int) -> None:
    whole = POST + b"Content-Length: 10\r\n\r\n0123456789" + CLOSING
    connection = open_and_send(port, b"")
    with connection:
        for byte in whole:
            connection.sendall(bytes([byte]))
        answers = everything(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 2 and b"\r\n\r\n10HTTP/1.1" in answers


def test_a_chunked_body_is_read_whole(port: int) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, bytes(size)) for size in (1, 70_000, 3)) + b"0\r\n\r\n"
    with open_and_send(port, POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) as connection:
        assert everything(connection).endswith(b"\r\n\r\n70004")


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", b"\x16\x03\x01\n"]
)
def test_what_is_no_http_is_refused_at_once(port: int, head: bytes) -> None:
    with open_and_send(port, head) as connection:
        assert everything(connection).startswith(b"HTTP/1.1 400 ")


# --- slow senders are ended -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", KEEPING], ids=["first", "kept"])
def test_a_head_that_does_not_end_is_ended(hasty: int, before: bytes) -> None:
    with open_and_send(hasty, before + b"GET / HTTP/1.1\r\nHost: loc") as connection:
        answers = everything(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == bool(before)
    assert code_of(answers[answers.index(b"HTTP/1.1 408") :]) == (b"HTTP/1.1 408 Request Timeout", "REQUEST_TOO_SLOW")


@pytest.mark.parametrize("before", [b"", KEEPING], ids=["first", "kept"])
def test_a_head_that_trickles_is_ended(hasty: int, before: bytes) -> None:
    with open_and_send(hasty, before) as connection:
        answer = b""
        while before and not answer.endswith(b"ok"):
            answer += connection.recv(1000)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        connection.settimeout(0.02)  # between two bytes
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(10_000):
                        break


def test_who_says_nothing_is_not_waited_for(hasty: int) -> None:
    with open_and_send(hasty, b"") as connection:
        assert everything(connection) == b""


@pytest.mark.parametrize("before", [b"", POST + b"Content-Length: 1\r\n\r\nx"], ids=["first", "kept"])
@pytest.mark.parametrize("framing", [b"Content-Length: 100000\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_a_body_that_does_not_come_is_ended(hasty: int, before: bytes, framing: bytes) -> None:
    with open_and_send(hasty, before + POST + framing) as connection:
        answers = everything(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == bool(before)
    assert b"HTTP/1.1 408 Too Slow" in answers and answers.endswith(b"slow")
    assert b"Connection: close" in answers


# --- connections end in order -----------------------------------------------------------------------------------------


def test_who_does_not_close_holds_up_nobody(port: int, held: list[socket.socket]) -> None:
    assert ask(port) == (200, b"ok")
    for _ in range(12):  # gunicorn by itself would stand still for two seconds each
        held.append(open_and_send(port, CLOSING))
        assert held[-1].recv(1000).startswith(b"HTTP/1.1 200")
    assert ask(port) == (200, b"ok")
    for each in held:
        assert everything(each) in (b"", b"ok"), "the server has closed its side, and everything has arrived"


@pytest.mark.parametrize(("size", "told"), [(DISCARDED_BYTES + 1, "close"), (10_000_000, "close"), (100, "keep-alive")])
def test_who_is_refused_with_a_long_body_hears_that_the_connection_ends(port: int, size: int, told: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(2):  # the client connects again by itself when it was told
        connection.putrequest("POST", "/refused")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        connection.send(bytes(size))
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["Connection"]) == (400, b"ok", told)
    connection.close()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: %d\r\n\r\n" % SENT, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % SENT]
)
def test_a_client_that_sends_everything_first_gets_the_refusal(port: int, framing: bytes) -> None:
    for _ in range(3):
        with open_and_send(port, b"POST /refused HTTP/1.1\r\nHost: a\r\n" + framing) as connection:
            connection.sendall(bytes(SENT))  # nothing is reset
            assert everything(connection).startswith(b"HTTP/1.1 400 ")


FETCH = """
const body = new Uint8Array(8_000_000);
const seen = [];
for (let round = 0; round < 20; round++) {
  try {
    const reply = await fetch("http://127.0.0.1:%d/refused", {method: "POST", body});
    seen.push(`${reply.status} ${await reply.text()}`);
  } catch (error) {
    seen.push(String(error.cause ?? error));
  }
}
console.log(JSON.stringify(seen));
"""


def test_fetch_gets_the_refusal_of_an_upload(port: int, tmp_path: Path) -> None:
    script = tmp_path / "fetch.mjs"
    script.write_text(FETCH % port)
    node = shutil.which("node")
    command = [node] if node else [deno.find_deno_bin(), "run", "--allow-net"]
    done = subprocess.run([*command, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["400 ok"] * 20


# --- connections are counted ------------------------------------------------------------------------------------------


def test_an_address_has_so_many_connections_over_all_processes(counting: int, held: list[socket.socket]) -> None:
    for _ in range(5):
        held.append(open_and_send(counting, POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", "127.0.0.2"))
        assert held[-1].recv(1000).startswith(b"HTTP/1.1 100 "), "it was counted, and is a sender still"
    for _ in range(4):
        with open_and_send(counting, b"", "127.0.0.2") as refused:
            assert code_of(everything(refused)) == (b"HTTP/1.1 429 Too Many Requests", "TOO_MANY_CONNECTIONS")
    with open_and_send(counting, CLOSING, "127.0.0.3") as other:
        assert everything(other).startswith(b"HTTP/1.1 200"), "another address has its own"
    held.pop().close()

    def is_let_in() -> bool:
        with open_and_send(counting, b"", "127.0.0.2") as again:
            again.sendall(CLOSING)
            with contextlib.suppress(ConnectionError):
                return everything(again).startswith(b"HTTP/1.1 200")
        return False

    eventually(is_let_in)  # as soon as the server has seen it


def test_one_connection_too_many_sees_why_although_it_sends(counting: int, held: list[socket.socket]) -> None:
    for _ in range(5):
        held.append(open_and_send(counting, POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", "127.0.0.6"))
        assert held[-1].recv(1000).startswith(b"HTTP/1.1 100 ")
    for _ in range(20):
        with open_and_send(counting, POST + b"Content-Length: 1000000\r\n\r\n", "127.0.0.6") as refused:
            refused.sendall(bytes(1_000_000))  # nothing is reset
            assert code_of(everything(refused)) == (b"HTTP/1.1 429 Too Many Requests", "TOO_MANY_CONNECTIONS")
    with contextlib.ExitStack() as flood:
        for _ in range(100):  # a flood of them is not held
            flood.enter_context(open_and_send(counting, b"", "127.0.0.6"))
        with open_and_send(counting, CLOSING, "127.0.0.7") as other:
            assert everything(other).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("path", "source"), [("/large", "127.0.0.4"), ("/socket", "127.0.0.5")])
def test_who_reads_slowly_or_hears_events_is_not_counted(
    counting: int, held: list[socket.socket], path: str, source: str
) -> None:
    for _ in range(12):
        held.append(open_and_send(counting, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), source))
        assert held[-1].recv(20).startswith((b"HTTP/1.1 200", b"HTTP/1.1 101"))


def test_an_address_does_not_fill_the_process_with_its_readers(tmp_path: Path) -> None:
    limits, large = "connections_per_address=3, count_loopback=True", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"

    def reads_begun(port: int, reading: contextlib.ExitStack) -> int:
        for number in range(4 + 3):  # a quarter of the connections, and those that are counted
            each = reading.enter_context(open_and_send(port, b"", "127.0.0.2"))
            with contextlib.suppress(ConnectionError):
                each.sendall(large)
                if each.recv(20).startswith(b"HTTP/1.1 200"):
                    continue
            return number
        return 4 + 3

    with tiny_server(tmp_path, limits, threads=2, connections=16) as port:
        with contextlib.ExitStack() as reading:
            assert reads_begun(port, reading) == 4 + 3
            with open_and_send(port, b"", "127.0.0.2") as refused:
                assert code_of(everything(refused)) == (b"HTTP/1.1 429 Too Many Requests", "TOO_MANY_CONNECTIONS")
            with open_and_send(port, CLOSING, "127.0.0.3") as other:
                assert everything(other).startswith(b"HTTP/1.1 200")

        def all_are_free() -> bool:
            with contextlib.ExitStack() as reading:
                return reads_begun(port, reading) == 4 + 3

        eventually(all_are_free)  # every place is given back, as soon as the server has seen it


@pytest.mark.parametrize("limits", ["count_loopback=False", "count_loopback=True, count_peers=False"])
def test_this_machine_and_a_proxy_are_not_counted(tmp_path: Path, limits: str) -> None:
    # The connections end before the server, which would wait for them otherwise.
    with tiny_server(tmp_path, f"connections_per_address=1, {limits}") as port, contextlib.ExitStack() as held:
        for _ in range(3):
            sent = open_and_send(port, POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            held.enter_context(sent)
            assert sent.recv(1000).startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize(("given", "counted"), [({}, (64, True)), ({"TRUSTED_PROXIES": "1"}, (64, False))])
def test_the_settings_say_who_is_counted(given: dict[str, str], counted: tuple[int, bool]) -> None:
    look = "import gunicorn_config; found = gunicorn_config.ApiWorker.limits; "
    secrets = {name: name.lower() * 4 for name in ("JWT_PUBLIC_SECRET", "JWT_PRIVATE_SECRET", "FLASK_SECRET_KEY")}
    stores = {"MONGODB_URI": "mongodb://127.0.0.1/x", "REDIS_URI": "redis://127.0.0.1/0"}
    told = "print(found.connections_per_address, found.count_peers, found.count_loopback)"
    done = subprocess.run(
        [sys.executable, "-c", look + told],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **secrets, **stores, **given},
        timeout=60,
    )
    assert done.stdout.split() == [str(counted[0]), str(counted[1]), "False"]
