"""A server inside the own network that nobody may reach, whatever the trick: it must have 0 hits at the end.

Every address but the few that a test calls public leads to the canary (``kit.Net``), so a request that gets past the
rules by any spelling hits it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest

from src.services.egress.policy import AllowList, Limits, Policy
from src.services.egress.proxy import EgressProxy
from tests.engines.egress.kit import OTHER_PUBLIC, PUBLIC, Net, Server, ask, reason_of, reply, running, status_of

HOSTS = [
    *("127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.255.255.255", "0x7f.0.0.1", "0x7f000001", "0X7F.1"),
    *("0177.0.0.1", "0177.1", "017700000001", "2130706433", "127.0.0.01", "127.000.000.001", "0x7f.1", "127.0.0.1."),
    *("0", "0.0.0.0", "0x0", "10.1.2.3", "172.20.0.1", "192.168.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166"),
    *(
        "100.64.0.1",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
    ),
    *("metadata.google.internal", "router.local", "db", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]"),
    *("[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fc00::1]", "[fec0::1]", "[ff02::1]"),
    *("[::ffff:0:127.0.0.1]", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1"),
    *("public.example@127.0.0.1", "127.0.0.1#public.example", "127.0.0.1/public.example", "127.0.0.1\\.public.example"),
    *("public.example\t127.0.0.1", "127.0.0.1\x00.public.example", "loopback.example", "both.example", "six.example"),
]
BAD_ANSWERS = [
    *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
    *("240.0.0.1", "::1", "::", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::"),
    *("2001:0:7f00:1::", "fe80::1", "fe80::1%lo", "fd00::1", "fec0::1", "ff02::1", "not an address", "2130706433"),
]


@pytest.fixture
def canary() -> Iterator[Server]:
    with running(lambda *_: reply(b"the crown jewels")) as server:
        yield server
        assert server.hits == 0


@pytest.fixture
def net(canary: Server) -> Net:
    names = {
        "loopback.example": ["127.0.0.1"],
        "both.example": [PUBLIC, "127.0.0.1"],
        "six.example": ["::1"],
        "public.example": [PUBLIC],
    }
    return Net(canary.port, {name: [answers] for name, answers in names.items()})


@pytest.fixture
def proxy(net: Net) -> Iterator[EgressProxy]:
    egress = EgressProxy(Policy(), resolver=net.resolve, connector=net.connect)
    yield egress
    egress.close()


@pytest.mark.parametrize("form", ["tunnel", "plain"])
@pytest.mark.parametrize("host", HOSTS, ids=ascii)
def test_a_host_in_any_spelling_is_not_reached(proxy: EgressProxy, net: Net, host: str, form: str) -> None:
    text = host.encode("utf-8").decode("latin-1")
    with proxy.session() as way:
        line = f"CONNECT {text}:443 HTTP/1.1" if form == "tunnel" else f"GET http://{text}/ HTTP/1.1"
        answer = ask(way.proxy_url, f"{line}\r\nHost: public.example")
    assert status_of(answer) in (400, 403), answer
    assert reason_of(answer) and b"jewels" not in answer
    assert net.dialled == []


@pytest.mark.parametrize("bad", BAD_ANSWERS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_address_among_good_ones_refuses_the_name(proxy: EgressProxy, net: Net, bad: str, place: int) -> None:
    answers = [PUBLIC, OTHER_PUBLIC]
    answers.insert(place, bad)
    net.names["mixed.example"] = [answers]
    with proxy.session() as way:
        answer = ask(way.proxy_url, "CONNECT mixed.example:443 HTTP/1.1")
        assert way.report.refused[0].target == "mixed.example:443"
    assert status_of(answer) == 403
    assert net.dialled == []


@pytest.mark.parametrize("port", [1, 22, 25, 81, 3306, 5000, 6379, 8080, 27017, 65535])
def test_only_ports_of_the_web_are_reached(proxy: EgressProxy, net: Net, port: int) -> None:
    with proxy.session() as way:
        for host in ("public.example", PUBLIC):
            assert reason_of(ask(way.proxy_url, f"CONNECT {host}:{port} HTTP/1.1")) == "port"
            assert reason_of(ask(way.proxy_url, f"GET http://{host}:{port}/ HTTP/1.1")) == "port"
    assert net.dialled == []


@pytest.mark.parametrize(
    "line",
    [
        "GET file:///etc/passwd HTTP/1.1",
        "GET gopher://public.example/ HTTP/1.1",
        "GET / HTTP/1.1",
        "GET http:/// HTTP/1.1",
        "GET https://127.0.0.1/ HTTP/1.1",
        "CONNECT public.example HTTP/1.1",
        "CONNECT public.example:443/ HTTP/1.1",
        "CONNECT public.example:0443x HTTP/1.1",
        "CONNECT :443 HTTP/1.1",
        "TRACE http://public.example/ HTTP/1.1",
        "DELETE http://public.example/ HTTP/1.1",
        "GET http://public.example/ HTTP/1.1 x",
        "GET  http://a/ HTTP/1.1",
        "get http://public.example/ HTTP/1.1",
        "GET http://public.example/ HTTP/2",
        "GET //127.0.0.1/ HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
def test_a_request_that_is_no_proxy_request_goes_nowhere(proxy: EgressProxy, net: Net, line: str) -> None:
    with proxy.session() as way:
        assert status_of(ask(way.proxy_url, line)) in (400, 403)
    assert net.dialled == []


def test_what_was_checked_is_what_is_dialled(proxy: EgressProxy, net: Net) -> None:
    """A name that answers differently the second time (rebinding) is never asked a second time."""
    with running(lambda *_: reply(b"public")) as origin:
        net.places[PUBLIC] = origin.port
        net.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        with proxy.session() as way:
            assert ask(way.proxy_url, "GET http://rebinding.example/ HTTP/1.1").endswith(b"public")
            assert net.asked == ["rebinding.example"] and net.dialled == [(PUBLIC, 80)]
            assert status_of(ask(way.proxy_url, "GET http://rebinding.example/ HTTP/1.1")) == 403


def test_only_the_exact_exception_is_reached(net: Net) -> None:
    with running(lambda *_: reply(b"provider")) as provider:
        egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{provider.port}")))
        with egress.session() as way:
            assert ask(way.proxy_url, f"GET http://127.0.0.1:{provider.port}/ HTTP/1.1").endswith(b"provider")
            for host in (f"127.0.0.1:{net.canary}", f"127.0.0.2:{provider.port}", f"localhost:{provider.port}"):
                assert status_of(ask(way.proxy_url, f"GET http://{host}/ HTTP/1.1")) == 403
        egress.close()
        assert provider.hits == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://loopback.example/",
        "http://[::1]/",
        "http://both.example/",
        "http://169.254.169.254/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://public.example:6379/",
        "//127.0.0.1/",
        "https://127.0.0.1/",
    ],
)
@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
def test_a_redirect_inside_is_not_followed(proxy: EgressProxy, net: Net, location: str, status: str) -> None:
    with running(lambda *_: reply(b"", status, f"Location: {location}")) as origin, proxy.session() as way:
        net.places[PUBLIC] = origin.port
        client = httpx.Client(proxy=way.proxy_url, follow_redirects=True, trust_env=False, verify=False, timeout=60)  # noqa: S501
        with client, contextlib.suppress(httpx.ProxyError):  # of CONNECT
            assert client.get("http://public.example/").status_code == 403
        assert way.report.refusals == 1
    assert net.dialled == [(PUBLIC, 80)]


PLAYLISTS = {
    "segment": "#EXTINF:2,\nhttp://127.0.0.1/segment.ts",
    "segment by name": "#EXTINF:2,\nhttp://loopback.example/segment.ts",
    "segment without a scheme": "#EXTINF:2,\n//127.0.0.1/segment.ts",
    "segment of another port": "#EXTINF:2,\nhttp://public.example:6379/segment.ts",
    "segment over TLS": "#EXTINF:2,\nhttps://127.0.0.1/segment.ts",
    "segment that redirects": "#EXTINF:2,\nhttp://public.example/redirect.ts",
    "key": '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1/key"\n#EXTINF:2,\nhttp://public.example/s.ts',
    "key over TLS": '#EXT-X-KEY:METHOD=AES-128,URI="https://[::1]/key"\n#EXTINF:2,\nhttp://public.example/s.ts',
    "map": '#EXT-X-MAP:URI="http://127.0.0.1/init.mp4"\n#EXTINF:2,\nhttp://public.example/s.mp4',
    "crypto": "#EXTINF:2,\ncrypto+http://127.0.0.1/segment.ts",
    "file": "#EXTINF:2,\nfile:///etc/passwd",
    "gopher": "#EXTINF:2,\ngopher://127.0.0.1/x",
    "tcp": "#EXTINF:2,\ntcp://127.0.0.1:80",
    "concat": "#EXTINF:2,\nconcat:http://127.0.0.1/a.ts|http://127.0.0.1/b.ts",
    "playlist": "#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1/inner.m3u8",
    "rendition": '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="http://127.0.0.1/a.m3u8"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nhttp://127.0.0.1/inner.m3u8',
}


@pytest.mark.parametrize("what", PLAYLISTS)
def test_ffmpeg_with_a_playlist_that_points_inside(proxy: EgressProxy, net: Net, what: str, tmp_path: Path) -> None:
    """FFmpeg with nothing but the proxy: no other guard of the service is in the way here."""
    playlist = f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n{PLAYLISTS[what]}\n"
    playlist += "" if "STREAM-INF" in playlist else "#EXT-X-ENDLIST\n"

    def answer(request: bytes, _: socket.socket) -> bytes:
        if b"redirect.ts" in request.split(b"\r\n")[0]:
            return reply(b"", "302 Found", "Location: http://127.0.0.1/segment.ts")
        return reply(playlist.encode(), "200 OK", "Content-Type: application/vnd.apple.mpegurl")

    with running(answer) as origin, proxy.session(Limits(requests=50)) as way:
        net.places[PUBLIC] = origin.port
        done = subprocess.run(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                "-v",
                "error",
                "-nostdin",
                "-http_proxy",
                way.proxy_url,
                "-protocol_whitelist",
                "http,https,tcp,tls,httpproxy,crypto,data",
                "-allowed_extensions",
                "ALL",
                "-extension_picky",
                "0",
                "-max_reload",
                "1",
                "-i",
                "http://public.example/list.m3u8",
                "-t",
                "1",
                "-f",
                "null",
                "-",
            ],
            capture_output=True,
            timeout=30,
            env={"PATH": "/usr/bin"},
            check=False,
        )
        assert origin.hits >= 1, done.stderr
    assert done.returncode != 0
    assert {address for address, _ in net.dialled} == {PUBLIC}


def test_ytdlp_itself_is_held_back(proxy: EgressProxy, net: Net) -> None:
    from yt_dlp import YoutubeDL
    from yt_dlp.networking.exceptions import RequestError

    with proxy.session() as way, YoutubeDL({"proxy": way.proxy_url, "quiet": True}) as downloader:
        for url in ("http://127.0.0.1/", "https://127.0.0.1/", "http://loopback.example/", "http://[::1]/"):
            with pytest.raises(RequestError):
                downloader.urlopen(url)
        assert way.report.refusals == 4
    assert net.dialled == []
