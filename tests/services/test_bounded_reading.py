"""Answers that expand, or simply continue, beyond what is read of them end with an error and never fill the memory."""

from __future__ import annotations

import gzip
import io
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import brotli  # type: ignore[import-untyped]
import pytest

from src.config import Settings
from src.data.webhook_data import Delivery
from src.errors import AppError, SegmentMissing, StreamUnreadable
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange, Track
from src.models.progress import SilentMonitor
from src.models.video import Status
from src.services.audio import download as audio_download
from src.services.egress.proxy import EgressProxy
from src.services.events.webhooks import WebhookService
from src.services.fetch.bounded import read_text
from src.services.hls.playlist import ByteRange, Key, Piece
from src.services.live.download import SegmentSource
from src.services.youtube import captions
from src.services.youtube.options import SiteOptions
from src.utils.clock import SystemClock
from tests.engines.stream.taking import take
from tests.tools.engine_calls import make_clip
from tests.tools.factories import make_clip as clip_job

pytestmark = pytest.mark.slow

EXPANDED_BYTES = 256 << 20
MOST_PEAK_BYTES = 200 << 20  # the largest limit, twice, and the objects around it
NETWORK = NetworkSettings(connections=2, retries=0, segment_retries=0)
TEXT = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n"


def _zeros(compress: Callable[[bytes], bytes], finish: Callable[[], bytes]) -> bytes:
    block = bytes(1 << 20)
    return b"".join(compress(block) for _ in range(EXPANDED_BYTES >> 20)) + finish()


def _zlib(bits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return _zeros(packer.compress, packer.flush)


def _brotli() -> bytes:
    packer = brotli.Compressor(quality=1)
    return _zeros(packer.process, packer.finish)


@cache
def bomb_of(coding: str) -> bytes:
    """Little that expands to much."""
    return {"gzip": lambda: _zlib(31), "deflate": lambda: _zlib(15), "br": _brotli}[coding]()


class Server:
    """Answers every request with one body: compressed, with or without a length, or plain and without an end."""

    def __init__(self) -> None:
        self.coding: str | None = None
        self.chunked = False
        self.body = b""
        self.texts: dict[str, bytes] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(self.headers.get("Accept-Encoding"))
                self.send_response(200)
                text = outer.texts.get(self.path)
                if text is not None:
                    self._whole(text)
                    return
                if outer.coding:
                    self.send_header("Content-Encoding", outer.coding)
                if outer.chunked:
                    self._chunks()
                else:
                    self._whole(outer.body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def _whole(self, body: bytes) -> None:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _chunks(self) -> None:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                view = io.BytesIO(outer.body)
                while part := view.read(1 << 16):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.asked: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(params=["gzip", "deflate", "br", "gzip chunked", "plain chunked"])
def bomb(request: pytest.FixtureRequest) -> Iterator[Server]:
    coding, _, how = request.param.partition(" ")
    server = Server()
    server.chunked = bool(how)
    if coding == "plain":
        server.body = bytes(96 << 20)
    else:
        server.coding, server.body = coding, bomb_of(coding)
    yield server
    server.close()


@pytest.fixture
def plain_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fail when more memory is in use in between than the largest limit explains."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_PEAK_BYTES, f"{peak >> 20} MiB"


def test_a_segment_a_key_and_a_playlist_of_a_running_stream(bomb: Server) -> None:
    with bounded_memory(), SegmentSource(NETWORK, SystemClock()) as source:
        url = bomb.url("film")
        with pytest.raises(StreamUnreadable):
            source.content(Piece(url), 1, {})
        with pytest.raises(AppError):
            source.text(url, {})
        bomb.texts["/segment"] = bytes(32)
        with pytest.raises(StreamUnreadable):
            source.content(Piece(bomb.url("segment"), key=Key(url, None)), 1, {})
    assert set(bomb.asked) == {"identity"}


def test_a_playlist_behind_fresh_links(bomb: Server) -> None:
    with bounded_memory(), pytest.raises(AppError):
        read_text(bomb.url("film.m3u8"), {}, NETWORK)


@pytest.mark.parametrize("part", ["playlist", "segment", "key", "init"])
def test_a_clip(bomb: Server, part: str, tmp_path: Path) -> None:
    texts = {
        "segment": TEXT.format(url="bomb"),
        "key": TEXT.format(url="segment").replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="bomb"\n#EXTINF'),
        "init": TEXT.format(url="segment").replace("#EXTINF", '#EXT-X-MAP:URI="bomb"\n#EXTINF'),
    }
    bomb.texts["/segment"] = bytes(188 * 10)
    if part in texts:
        bomb.texts["/film.m3u8"] = texts[part].encode()
    source = ClipSource((Track(bomb.url("film.m3u8"), protocol="hls"),))
    wanted, clip = TimeRange(Fraction(0), Fraction(1)), tmp_path / "clip.mp4"
    with bounded_memory(), pytest.raises((AppError, SourceUnreadable)):
        make_clip(source, wanted, clip, work_dir=tmp_path, network=NETWORK, monitor=SilentMonitor())


@pytest.mark.parametrize("part", ["playlist", "segment", "key"])
def test_a_recording(bomb: Server, part: str, tmp_path: Path) -> None:
    texts = {
        "segment": TEXT.format(url="bomb"),
        "key": TEXT.format(url="segment").replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="bomb"\n#EXTINF'),
    }
    bomb.texts["/segment"] = bytes(188 * 10)
    if part in texts:
        bomb.texts["/film.m3u8"] = texts[part].encode()
    with bounded_memory(), pytest.raises(AppError):
        take(cast(Any, bomb), "film.m3u8", tmp_path, kind="hls", retries=0)


def test_a_cover(bomb: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_download, "_COVER_HOSTS", ("127.0.0.1",))
    with bounded_memory():
        assert audio_download._fetch_cover(bomb.url("cover.jpg"), tmp_path / "cover", NETWORK) is None
    assert not list(tmp_path.iterdir()), "a song is complete without a cover"


def test_captions(bomb: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "require_media_host", lambda _: None)
    raw = {"id": "x", "subtitles": {"en": [{"ext": "vtt", "url": bomb.url("en.vtt")}]}}
    monkeypatch.setattr("yt_dlp.YoutubeDL.extract_info", lambda *_, **__: raw)
    with bounded_memory(), pytest.raises(AppError):
        captions.fetch_captions("https://www.youtube.com/watch?v=x", SiteOptions())
    assert set(bomb.asked) == {"identity"}


def test_the_answer_to_a_webhook(bomb: Server) -> None:
    """The status is all that counts: a receiver that answered 200 was notified, whatever it sends then."""
    host = bomb.url("").removeprefix("http://").rstrip("/")
    egress = EgressProxy.of(Settings.load({"ALLOW_PRIVATE_NETWORKS": host}, dotenv=None))
    deleted: list[str] = []
    data = SimpleNamespace(delete=lambda delivery: deleted.append(delivery.id))
    service = WebhookService(
        cast(Any, data), cast(Any, None), egress, cast(Any, None), SystemClock(), attempts=2, timeout=10.0
    )
    delivery = Delivery("d", "job", bomb.url("hook"), "s" * 16, 0, "user:1")
    with bounded_memory():
        assert service._deliver(delivery, clip_job(status=Status.CANCELLED))
    assert deleted == ["d"]


def test_a_playlist_that_is_compressed_without_saying_so_is_limited_too(plain_server: Server, tmp_path: Path) -> None:
    plain_server.body = bomb_of("gzip")
    with bounded_memory():
        with pytest.raises(SourceUnreadable):
            read_text(plain_server.url("film.m3u8"), {}, NETWORK)
        with pytest.raises(StreamUnreadable):
            take(cast(Any, plain_server), "film.m3u8", tmp_path, kind="hls", retries=0)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_compressed_though_nobody_asked_is_read(plain_server: Server, coding: str, labelled: bool) -> None:
    content = TEXT.format(url="segment").encode()
    plain_server.body = gzip.compress(content) if coding == "gzip" else zlib.compress(content)
    plain_server.coding = coding if labelled else None
    if coding == "deflate" and not labelled:
        pytest.skip("nothing tells it apart from other bytes")
    with SegmentSource(NETWORK, SystemClock()) as source:
        assert source.text(plain_server.url("film.m3u8"), {})[1].encode() == content
    assert read_text(plain_server.url("film.m3u8"), {}, NETWORK)[1].encode() == content


def test_plain_bytes_that_are_labelled_as_compressed_are_read(plain_server: Server) -> None:
    plain_server.coding, plain_server.body = "gzip", b"#EXTM3U"
    assert read_text(plain_server.url("film.m3u8"), {}, NETWORK)[1] == "#EXTM3U"


def test_a_part_of_a_file_whose_server_ignores_ranges(plain_server: Server) -> None:
    plain_server.body = bytes(range(256)) * 1000
    with SegmentSource(NETWORK, SystemClock()) as source:
        piece = Piece(plain_server.url("film"), ByteRange(70_000, 500))
        assert source.content(piece, 1, {}) == plain_server.body[70_000:70_500]
        with bounded_memory(), pytest.raises(StreamUnreadable):
            source.content(Piece(plain_server.url("film"), ByteRange(0, 1 << 40)), 1, {})


def test_a_clip_of_a_segment_that_expands_says_that_it_is_missing(plain_server: Server, tmp_path: Path) -> None:
    plain_server.texts["/film.m3u8"] = TEXT.format(url="bomb").encode()
    plain_server.coding, plain_server.body = "gzip", bomb_of("gzip")
    source = ClipSource((Track(plain_server.url("film.m3u8"), protocol="hls"),))
    wanted, clip = TimeRange(Fraction(0), Fraction(1)), tmp_path / "clip.mp4"
    with bounded_memory(), pytest.raises(SegmentMissing):
        make_clip(source, wanted, clip, work_dir=tmp_path, network=NETWORK, monitor=SilentMonitor())
