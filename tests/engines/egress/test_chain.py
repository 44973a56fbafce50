"""Proxies behind ours: the operator's and a job's own. What they are asked for was checked here."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from src.config import Settings, SettingsError
from src.errors import ProxyError, UrlForbidden
from src.services.egress.policy import Policy, Upstream
from src.services.egress.proxy import EgressProxy
from tests.engines.egress.kit import (
    OTHER_PUBLIC,
    PUBLIC,
    Net,
    Server,
    ask,
    read_request,
    reason_of,
    reply,
    running,
    status_of,
)

CANARY_PORT = 9  # nobody listens there: what is dialled besides the places fails


def be_a_proxy(request: bytes, connection: socket.socket) -> bytes:
    """Accept every tunnel, and answer what comes through it with what was asked of this proxy."""
    if not request.startswith(b"CONNECT"):
        return reply(request)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    inner = read_request(connection)
    if inner.startswith(b"CONNECT"):  # the next proxy of a chain is this one again
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return request + inner + read_request(connection)
    return request + inner


@pytest.fixture
def upstream() -> Iterator[Server]:
    with running(be_a_proxy) as server:
        yield server


@pytest.fixture
def net(upstream: Server) -> Net:
    return Net(
        CANARY_PORT,
        {"public.example": [[PUBLIC]], "loopback.example": [["127.0.0.1"]], "proxy.example": [[OTHER_PUBLIC]]},
        {"127.0.0.1": upstream.port, OTHER_PUBLIC: upstream.port},
    )


@pytest.fixture
def proxy(net: Net, upstream: Server) -> Iterator[EgressProxy]:
    policy = Policy(upstream=Upstream.parse(f"http://user:secret@127.0.0.1:{upstream.port}"))
    egress = EgressProxy(policy, resolver=net.resolve, connector=net.connect)
    yield egress
    egress.close()


def tunnel(proxy: EgressProxy, target: str, own_proxy: str | None = None) -> bytes:
    """What the proxies behind were asked for, or the refusal."""
    with proxy.session(own_proxy=own_proxy) as way:
        return ask(way.proxy_url, f"CONNECT {target} HTTP/1.1", more=b"GET / HTTP/1.1\r\n\r\n")


def test_a_name_of_the_video_sites_is_resolved_by_the_proxy_behind(proxy: EgressProxy, net: Net) -> None:
    answer = tunnel(proxy, "www.youtube.com:443")
    assert b"CONNECT www.youtube.com:443 HTTP/1.1" in answer
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in answer
    assert net.asked == []


def test_any_other_name_is_resolved_here_and_its_checked_address_is_asked_for(proxy: EgressProxy, net: Net) -> None:
    net.names["public.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert b"CONNECT 93.184.216.34:443 HTTP/1.1" in tunnel(proxy, "public.example:443")
    assert net.asked == ["public.example"]


def test_a_plain_request_names_the_checked_address_and_keeps_its_host(proxy: EgressProxy) -> None:
    with proxy.session() as way:
        answer = ask(way.proxy_url, "GET http://public.example/a?b HTTP/1.1").decode()
        assert "GET http://93.184.216.34:80/a?b HTTP/1.1\r\nHost: public.example\r\n" in answer
        assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in answer


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:443",
        "loopback.example:443",
        "[::1]:443",
        "0x7f.1:443",
        "169.254.169.254:80",
        "localhost:443",
        "www.youtube.com:22",
        "www.youtube.com.evil.local:443",
        "metadata.google.internal:80",
    ],
)
def test_what_is_refused_directly_is_refused_behind_a_proxy_too(
    proxy: EgressProxy, upstream: Server, target: str
) -> None:
    assert status_of(tunnel(proxy, target)) == 403
    assert upstream.hits == 0


def test_a_name_that_cannot_be_checked_is_not_asked_for(proxy: EgressProxy, upstream: Server) -> None:
    answer = tunnel(proxy, "unknown.example:443")
    assert (status_of(answer), reason_of(answer)) == (502, "dns")
    assert upstream.hits == 0


def test_the_own_proxy_of_a_job_is_behind_that_of_the_operator(proxy: EgressProxy, upstream: Server) -> None:
    answer = tunnel(proxy, "www.youtube.com:443", own_proxy="http://me:mine@proxy.example:8080")
    first, _, second = answer.partition(b"CONNECT www.youtube.com:443")
    assert b"CONNECT 151.101.1.69:8080 HTTP/1.1" in first and b"dXNlcjpzZWNyZXQ=" in first
    assert b"bWU6bWluZQ==" in second and b"dXNlcjpzZWNyZXQ=" not in second
    assert upstream.hits == 1


def test_the_own_proxy_of_a_job_alone(net: Net, upstream: Server) -> None:
    egress = EgressProxy(Policy(), resolver=net.resolve, connector=net.connect)
    assert b"CONNECT www.youtube.com:443" in tunnel(egress, "www.youtube.com:443", own_proxy="proxy.example:8080")
    assert net.dialled == [(OTHER_PUBLIC, 8080)]
    egress.close()


@pytest.mark.parametrize(
    "own_proxy",
    [
        "http://127.0.0.1:8080",
        "http://loopback.example:8080",
        "http://[::1]:8080",
        "http://localhost:3128",
        "http://10.0.0.1:8080",
        "http://0x7f.1:8080",
        "http://proxy.example:25",
        "http://proxy.example:22",
    ],
)
@pytest.mark.parametrize("with_operators", [True, False])
def test_a_job_cannot_bring_a_proxy_from_inside(
    proxy: EgressProxy, net: Net, upstream: Server, own_proxy: str, with_operators: bool
) -> None:
    alone = EgressProxy(Policy(), resolver=net.resolve, connector=net.connect)
    egress = proxy if with_operators else alone
    assert status_of(tunnel(egress, "www.youtube.com:443", own_proxy=own_proxy)) == 403
    assert upstream.requests == []
    alone.close()


@pytest.mark.parametrize("own_proxy", ["socks5://proxy.example:1080", "https://proxy.example", "file:///etc/passwd"])
def test_a_proxy_of_another_kind_is_refused_before_anything_is_sent(proxy: EgressProxy, own_proxy: str) -> None:
    with pytest.raises(SettingsError), proxy.session(own_proxy=own_proxy):
        pass


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_proxy_behind_that_refuses_is_trouble(net: Net, status: str) -> None:
    with running(lambda *_: reply(b"", status, "Proxy-Authenticate: Basic")) as refusing:
        policy = Policy(upstream=Upstream.parse(f"http://127.0.0.1:{refusing.port}"))
        egress = EgressProxy(policy)
        answer = tunnel(egress, "www.youtube.com:443")
        assert (status_of(answer), reason_of(answer)) == (502, f"upstream-{status[:3]}")
        egress.close()


@pytest.mark.parametrize("listed", [True, False])
def test_the_list_of_private_addresses_allows_the_proxy_of_the_settings_only(upstream: Server, listed: bool) -> None:
    there = f"127.0.0.1:{upstream.port}"
    settings = Settings(stream_proxy=f"http://{there}", allow_private_networks=there if listed else "")
    egress = EgressProxy.of(settings)
    with egress.session(own_proxy=egress.stream_proxy, upstream=False) as way:
        answer = ask(way.proxy_url, "CONNECT www.youtube.com:443 HTTP/1.1", more=b"GET / HTTP/1.1\r\n\r\n")
        meaning = way.meaning(ProxyError())
    assert (b"CONNECT www.youtube.com:443" in answer) == listed
    if not listed:
        assert status_of(answer) == 403
        assert isinstance(meaning, ProxyError) and "STREAM_PROXY" in meaning.message
    for own_proxy in (f"http://{there}", f"http://localhost:{upstream.port}", f"http://0x7f.1:{upstream.port}"):
        with egress.session(own_proxy=own_proxy, upstream=False) as way:
            assert status_of(ask(way.proxy_url, "CONNECT www.youtube.com:443 HTTP/1.1")) == 403
            named = way.meaning(ProxyError())
            assert isinstance(named, UrlForbidden) and "names a proxy" in named.message
    with egress.session(upstream=False) as way:
        assert status_of(ask(way.proxy_url, f"GET http://{there}/ HTTP/1.1")) == 403, "a proxy is no source"
    assert upstream.hits == int(listed)
    egress.close()


def test_webhooks_go_out_without_the_proxy_of_the_video_sites(proxy: EgressProxy, net: Net, upstream: Server) -> None:
    with running(lambda *_: reply(b"hook")) as hook:
        net.places[PUBLIC] = hook.port
        with proxy.session(upstream=False) as way:
            assert ask(way.proxy_url, "POST http://public.example/ HTTP/1.1\r\nContent-Length: 0").endswith(b"hook")
    assert upstream.hits == 0


def test_settings_that_cannot_be_used_are_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="YTDLP_PROXY: The proxy must be an HTTP proxy"):
        EgressProxy.of(Settings(ytdlp_proxy="socks5://127.0.0.1:1080"))
    with pytest.raises(SettingsError, match="STREAM_PROXY: The proxy must be an HTTP proxy"):
        EgressProxy.of(Settings(stream_proxy="https://proxy.example"))
    with pytest.raises(SettingsError, match="ALLOW_PRIVATE_NETWORKS"):
        EgressProxy.of(Settings(allow_private_networks="10.0.0.0/8"))


def test_connections_come_from_the_source_address_of_the_operator() -> None:
    seen: list[str] = []

    def note(_: bytes, connection: socket.socket) -> bytes:
        seen.append(connection.getpeername()[0])
        return reply()

    with running(note) as origin:
        there = f"127.0.0.1:{origin.port}"
        for source, found in (("127.0.0.3", ["127.0.0.3"]), ("::", [])):
            settings = Settings(allow_private_networks=there, ytdlp_options={"source_address": source})
            egress = EgressProxy.of(settings)
            with egress.session() as way:
                assert status_of(ask(way.proxy_url, f"GET http://{there}/ HTTP/1.1")) == (200 if found else 502)
            egress.close()
            assert seen == found
            seen.clear()
    with pytest.raises(SettingsError, match="source_address"):
        EgressProxy.of(Settings(ytdlp_options={"source_address": "eth0"}))
