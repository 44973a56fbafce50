"""Sessions, limits, and what passes through: bytes unchanged, ends and breaks told apart, heads read strictly."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator

import httpx
import pytest

from src import errors
from src.services.egress import relay
from src.services.egress.policy import AllowList, Limits, Policy
from src.services.egress.proxy import EgressProxy
from tests.engines.egress.kit import PUBLIC, Net, Server, ask, reason_of, reply, running, status_of
from tests.tools.waiting import HANG_SECONDS, within


@pytest.fixture
def origin() -> Iterator[Server]:
    with running(lambda request, _: reply(b"echo: " + request)) as server:
        yield server


@pytest.fixture
def net(origin: Server) -> Net:
    return Net(origin.port, {"public.example": [[PUBLIC]]})


@pytest.fixture
def proxy(net: Net) -> Iterator[EgressProxy]:
    egress = EgressProxy(Policy(), resolver=net.resolve, connector=net.connect)
    yield egress
    egress.close()


GET = "GET http://public.example/ HTTP/1.1"


def test_without_a_session_nobody_gets_out(proxy: EgressProxy, origin: Server) -> None:
    with proxy.session() as way:
        first = ask(way.proxy_url, GET, with_token=False)
        assert status_of(first) == 407 and b'Proxy-Authenticate: Basic realm="egress"' in first
        wrong = way.proxy_url.replace("http://job:", "http://job:x")
        assert status_of(ask(wrong, GET)) == 407
        for header in ("Basic", "Basic !!!", "Bearer abc", "Basic " + "A" * 20000):
            assert status_of(ask(way.proxy_url, f"{GET}\r\nProxy-Authorization: {header}", with_token=False)) == 407
        assert origin.hits == 0
        url = way.proxy_url
    assert status_of(ask(url, GET)) == 407, "the session has ended"
    assert origin.hits == 0


def test_sessions_do_not_share_their_counts(proxy: EgressProxy) -> None:
    with proxy.session() as first, proxy.session() as second:
        assert first.proxy_url != second.proxy_url and first.proxy_url not in repr(first)
        ask(first.proxy_url, GET)
        assert (first.report.requests, second.report.requests) == (1, 0)
        assert first.report.bytes_received > 0 == second.report.bytes_received


def test_a_plain_request_is_passed_on_without_what_belongs_to_the_proxy(proxy: EgressProxy, origin: Server) -> None:
    with proxy.session() as way:
        head = (
            "POST http://public.example:80/path?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: X-Secret, close\r\n"
            "X-Secret: 1\r\nProxy-Connection: keep-alive\r\nX-Kept: 2\r\nContent-Length: 5"
        )
        answer = ask(way.proxy_url, head, more=b"hello")
    seen = origin.requests[0].decode()
    assert seen.startswith("POST /path?a=b HTTP/1.1\r\nHost: public.example\r\n") and seen.endswith("hello")
    assert "X-Kept: 2" in seen and seen.count("Connection: close") == 1
    for gone in ("X-Secret", "Proxy-", "127.0.0.1", "keep-alive"):
        assert gone not in seen
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: -1",
        "Content-Length: 0x3",
        "Transfer-Encoding: chunked",
        " folded: yes",
        "Name : value",
        "no colon",
        "a: b\nc: d",
        "a: \x00",
        "X: " + "y" * 70000,
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_refused(
    proxy: EgressProxy, origin: Server, fields: str
) -> None:
    with proxy.session() as way:
        assert status_of(ask(way.proxy_url, f"{GET}\r\n{fields}", more=b"abcd")) == 400
    assert origin.hits == 0


def test_a_second_request_on_the_same_connection_goes_nowhere(proxy: EgressProxy, origin: Server) -> None:
    with proxy.session() as way:
        smuggled = b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n"
        answer = ask(way.proxy_url, GET, more=smuggled)
        assert answer.count(b"HTTP/1.1 200") == 1 and b"127.0.0.1" not in origin.requests[0]


def test_an_interim_answer_is_not_the_answer(proxy: EgressProxy, net: Net) -> None:
    with running(lambda *_: b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(b"real")) as origin:
        net.places[PUBLIC] = origin.port
        with proxy.session() as way:
            answer = ask(way.proxy_url, GET)
    assert status_of(answer) == 200 and answer.endswith(b"real")


@pytest.mark.parametrize("spliced", [True, False])
def test_many_bytes_arrive_unchanged_both_ways(
    proxy: EgressProxy, net: Net, monkeypatch: pytest.MonkeyPatch, spliced: bool
) -> None:
    if not spliced:
        monkeypatch.delattr(os, "splice")
    assert relay  # the module that looks for splice each time
    sent = random.Random(1).randbytes(3_000_000)

    def echo(request: bytes, connection: socket.socket) -> bytes:
        body = request.partition(b"\r\n\r\n")[2]
        while len(body) < len(sent):
            body += connection.recv(4096)  # slowly
        return body

    with running(echo) as origin, proxy.session() as way:
        net.places[PUBLIC] = origin.port
        results: list[bytes] = []

        def one() -> None:
            answer = ask(way.proxy_url, "CONNECT public.example:443 HTTP/1.1", more=b"x\r\n\r\n" + sent)
            results.append(hashlib.sha256(answer.partition(b"\r\n\r\n")[2]).digest())

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [hashlib.sha256(sent).digest()] * 4
        assert way.report.bytes_received == 4 * len(sent) and way.report.bytes_sent > 4 * len(sent)


def _tunnel(proxy_url: str) -> socket.socket:
    url = httpx.URL(proxy_url)
    connection = socket.create_connection((url.host, url.port or 0), timeout=10)
    token = httpx.BasicAuth(url.username, url.password)._auth_header
    connection.sendall(f"CONNECT public.example:443 HTTP/1.1\r\nProxy-Authorization: {token}\r\n\r\n".encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 200")
    return connection


def test_a_broken_transfer_does_not_look_like_a_whole_one(proxy: EgressProxy, net: Net) -> None:
    arrived = threading.Event()

    def break_off(_: bytes, connection: socket.socket) -> bytes:
        connection.sendall(b"half")
        arrived.wait(HANG_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return b""

    with running(break_off) as origin, proxy.session() as way, _tunnel(way.proxy_url) as connection:
        net.places[PUBLIC] = origin.port
        # This tunnel still leads to the first server; a new one leads to the one that breaks.
        with _tunnel(way.proxy_url) as broken:
            broken.sendall(b"\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                while broken.recv(100):
                    arrived.set()
        connection.sendall(b"\r\n\r\n")
        while connection.recv(4096):
            pass  # a proper end is no exception


def test_a_client_that_leaves_is_noticed_by_the_server(proxy: EgressProxy, net: Net) -> None:
    gone = threading.Event()

    def endless(_: bytes, connection: socket.socket) -> bytes:
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(bytes(65536))
        gone.set()
        return b""

    with running(endless) as origin, proxy.session() as way:
        net.places[PUBLIC] = origin.port
        with _tunnel(way.proxy_url) as connection:
            connection.sendall(b"\r\n\r\n")
            connection.recv(1000)
        assert gone.wait(60)


def endless(_: bytes, connection: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))
    return b""


def test_an_endless_body_ends_at_the_limit(proxy: EgressProxy, net: Net) -> None:
    with running(endless) as origin:
        net.places[PUBLIC] = origin.port
        with pytest.raises(errors.FileTooLarge), proxy.session(Limits(bytes=2_000_000)) as way:
            answer = ask(way.proxy_url, GET)
            assert len(answer) <= 2_100_000 and way.report.ended == "byte-limit"
            assert reason_of(ask(way.proxy_url, GET)) == "byte-limit"
            raise errors.Network()


def test_a_server_of_a_byte_a_second_ends_at_the_deadline(proxy: EgressProxy, net: Net) -> None:
    over = threading.Event()

    def drip(_: bytes, connection: socket.socket) -> bytes:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b"x")
        return b""

    with running(drip) as origin:
        net.places[PUBLIC] = origin.port
        with pytest.raises(errors.JobTimeout), proxy.session(Limits(seconds=0.5)) as way:
            with within():
                ask(way.proxy_url, GET)
            raise errors.NetworkTimeout()
    over.set()


def test_a_silent_server_ends_after_the_idle_time(proxy: EgressProxy, net: Net) -> None:
    over = threading.Event()

    def silence(*_: object) -> bytes:
        over.wait(2 * HANG_SECONDS)
        return b""

    with running(silence) as origin, proxy.session(Limits(idle_seconds=0.3)) as way:
        net.places[PUBLIC] = origin.port
        with within(), _tunnel(way.proxy_url) as connection, pytest.raises(ConnectionResetError):
            connection.settimeout(2 * HANG_SECONDS)
            connection.sendall(b"x")
            connection.recv(1)
        over.set()


def test_requests_and_connections_are_limited(proxy: EgressProxy, origin: Server) -> None:
    with proxy.session(Limits(requests=3)) as way:
        answers = [status_of(ask(way.proxy_url, GET)) for _ in range(5)]
    assert answers == [200, 200, 200, 403, 403] and origin.hits == 3
    with proxy.session(Limits(connections=2)) as way, _tunnel(way.proxy_url), _tunnel(way.proxy_url):
        assert reason_of(ask(way.proxy_url, GET)) == "connection-limit"


def test_the_end_of_a_session_ends_its_connections(proxy: EgressProxy, net: Net) -> None:
    with running(endless) as origin:
        net.places[PUBLIC] = origin.port
        with proxy.session() as way:
            connection = _tunnel(way.proxy_url)
            connection.sendall(b"\r\n\r\n")
            connection.recv(100)
        connection.settimeout(5)
        with connection, contextlib.suppress(ConnectionResetError):
            while connection.recv(1 << 20):
                pass


@pytest.mark.parametrize(
    ("asked", "seen", "meant"),
    [
        ("GET http://127.0.0.1/ HTTP/1.1", errors.ProxyError, errors.UrlForbidden),
        ("GET http://127.0.0.1/ HTTP/1.1", errors.MediaForbidden, errors.UrlForbidden),
        ("GET http://127.0.0.1/ HTTP/1.1", errors.VideoPrivate, errors.VideoPrivate),
        ("GET http://nowhere.example/ HTTP/1.1", errors.ProxyError, errors.Network),
        ("GET http://nowhere.example/ HTTP/1.1", errors.BotCheck, errors.BotCheck),
        (GET, errors.MediaForbidden, errors.MediaForbidden),
    ],
)
def test_a_failed_job_is_told_what_the_proxy_knows(
    proxy: EgressProxy, asked: str, seen: type[errors.SourceError], meant: type[errors.AppError]
) -> None:
    with pytest.raises(meant) as found, proxy.session() as way:
        ask(way.proxy_url, asked)
        raise seen()
    assert type(found.value) is meant


def test_a_name_without_an_address_and_a_port_without_a_server_are_trouble_and_no_refusal(
    proxy: EgressProxy, net: Net
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        net.places[PUBLIC] = nobody.getsockname()[1]
        with proxy.session() as way:
            for host, reason in (("nowhere.example", "dns"), ("public.example", "connect")):
                answer = ask(way.proxy_url, f"CONNECT {host}:443 HTTP/1.1")
                assert (status_of(answer), reason_of(answer)) == (502, reason)
            assert way.report.refusals == 0


def test_a_thread_that_cannot_be_started_costs_one_connection(
    proxy: EgressProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = threading.Thread.start, [RuntimeError("can't start new thread")]

    def scarce(thread: threading.Thread) -> None:
        if thread.name == "egress-connection" and failures:
            raise failures.pop()
        start(thread)

    with proxy.session() as way:
        monkeypatch.setattr(threading.Thread, "start", scarce)
        with contextlib.suppress(ConnectionError):
            assert ask(way.proxy_url, GET) == b""
        assert not failures and status_of(ask(way.proxy_url, GET)) == 200


def test_a_forked_process_gets_a_proxy_of_its_own(net: Net) -> None:
    proxy = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{net.canary}")))
    with proxy.session() as way:
        ask(way.proxy_url, GET)
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException), proxy.session() as way:
            answer = ask(way.proxy_url, f"GET http://127.0.0.1:{net.canary}/ HTTP/1.1")
            code = 0 if status_of(answer) == 200 else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    proxy.close()
