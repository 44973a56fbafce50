"""Connections that are open before the first large request: they carry it, and a bad one harms nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src.errors import UrlForbidden
from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.progress import SilentMonitor
from src.services.fetch.fetcher import Fetcher
from src.services.fetch.resource import Resource
from src.services.fetch.spool import Spool
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import Film, cached_film, first_last
from tests.tools.offline_youtube.certificate import make_certificate
from tests.tools.offline_youtube.http import Reply, Request
from tests.tools.offline_youtube.server import ProxyServer
from tests.tools.waiting import eventually

HOST = "far.googlevideo.com"
URL = f"https://{HOST}/film"
CONNECTIONS = 4
PIECE = 1 << 20


class _Counting(ProxyServer):
    """A proxy that counts its connections, and closes the first ``rejected`` of them at once."""

    accepted = 0
    rejected = 0

    def verify_request(self, request: Any, client_address: object) -> bool:
        self.accepted += 1
        return self.accepted > self.rejected


@dataclass
class Far:
    """A server of one file behind a proxy."""

    server: _Counting
    network: NetworkSettings
    ranges: list[tuple[int, int | None]] = field(default_factory=list)


@contextmanager
def far(content: bytes, folder: Path, *, rejected: int = 0) -> Iterator[Far]:
    """Serve it to clients that trust every certificate."""
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        assert request.range is not None
        first, last = request.range
        found.ranges.append(request.range)
        body = content[first : None if last is None else last + 1]
        headers = {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(content)}"}
        return Reply(206, body, "video/mp4", headers)

    context, _ = make_certificate(folder)
    server = _Counting(
        0,
        context,
        answer=answer,
        record=requests.append,
        stray=lambda host: None,
        bytes_per_second=None,
        round_trip_seconds=0,
    )
    server.rejected = rejected
    proxy = f"http://user:secret@127.0.0.1:{server.server_address[1]}"
    found = Far(server, NetworkSettings(proxy=proxy, verify_tls=False, connections=CONNECTIONS))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def fetching(network: NetworkSettings, folder: Path) -> Iterator[Fetcher]:
    """A fetcher with a spool."""
    spool = Spool(folder / "spool")
    fetcher = Fetcher(spool, network, lambda: None)
    try:
        yield fetcher
    finally:
        fetcher.close()
        spool.close()


def read_all(fetcher: Fetcher, size: int) -> bytes:
    """Everything, over all connections."""
    resource, data = Resource(URL, {}), b""
    fetcher.want(resource, 0, size)
    while len(data) < size:
        data += fetcher.read(resource, len(data), size)
    return data


def test_all_requests_use_connections_that_were_open_before(tmp_path: Path) -> None:
    content = bytes(range(256)) * (CONNECTIONS * PIECE // 256)
    with far(content, tmp_path) as site, fetching(site.network, tmp_path) as fetcher:
        fetcher.open_early(URL)
        eventually(lambda: site.server.accepted == CONNECTIONS)
        assert not site.ranges, "a connection is opened without a request"
        assert read_all(fetcher, len(content)) == content
        assert site.server.accepted == CONNECTIONS
        assert len(site.ranges) == CONNECTIONS


def test_connections_that_could_not_be_opened_are_opened_again(tmp_path: Path) -> None:
    content = bytes(range(256)) * (CONNECTIONS * PIECE // 256)
    with far(content, tmp_path, rejected=CONNECTIONS) as site, fetching(site.network, tmp_path) as fetcher:
        fetcher.open_early(URL)
        eventually(lambda: site.server.accepted == CONNECTIONS)
        assert read_all(fetcher, len(content)) == content
        assert site.server.accepted == 2 * CONNECTIONS


@pytest.mark.parametrize("size", [None, 10 * 2**20])
def test_a_clip_opens_its_connections_with_the_first_one(tmp_path: Path, size: int | None) -> None:
    """A small film is fetched with fewer requests than there are connections; of one whose site says that it is large,
    a twentieth is wanted."""
    film = cached_film(Film(audio=None))
    with far(film.read_bytes(), tmp_path) as site:
        track = Track(URL, has_audio=False, size_bytes=size)
        wanted = TimeRange(Fraction(1), Fraction(2))
        network = replace(site.network, connections=16)
        output = tmp_path / "clip.mp4"
        make_clip(ClipSource((track,), 20), wanted, output, monitor=SilentMonitor(), network=network, work_dir=tmp_path)
        assert first_last(output) == (25, 49)
        assert len(site.ranges) <= 3
        assert site.server.accepted == (16 if size is None else 3)


def test_a_host_that_the_guard_refuses_is_not_connected_to(tmp_path: Path) -> None:
    def guard(url: str) -> None:
        raise UrlForbidden(url)

    with far(b"", tmp_path) as site, fetching(replace(site.network, guard=guard), tmp_path) as fetcher:
        with pytest.raises(UrlForbidden):
            fetcher.open_early(URL)
        assert site.server.accepted == 0
