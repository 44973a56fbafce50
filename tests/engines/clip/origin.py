"""A web server for media on loopback: throttled per connection, delayed, and with the faults of real ones."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_RANGE = re.compile(r"range: bytes=(\d+)-(\d*)", re.IGNORECASE)
_BLOCK = 64 << 10


@dataclass
class Faults:
    """What the server does wrong; everything off by default. Counts are of media requests since the start."""

    no_range: bool = False
    no_content_range: bool = False
    no_length: bool = False
    cut_every_bytes: int | None = None
    """Close the connection after so many bytes of each answer."""
    cut_requests: int = 10**9
    """How many answers are cut."""
    stall_after_bytes: int | None = None
    stall_requests: int = 1
    """How many answers fall silent."""
    forbid_after: int | None = None
    """403 for every request after so many, unless the link has a higher ``?version=``."""
    statuses: list[int] = field(default_factory=list)
    """Answers of the first requests, instead of the media; 0 is the media."""
    always: int | None = None
    """Answers every request so."""
    length_surplus: int = 0
    """Added to Content-Length."""
    other_range: bool = False
    """Answers another range than the one asked for."""
    redirect: bool = False
    slow_above_bytes: int | None = None
    """A request for more than this comes at a crawl, as some content networks do."""


class Origin:
    """Serves ``files`` (name -> path or bytes) at ``url(name)`` while it is entered."""

    def __init__(
        self,
        files: dict[str, Path | bytes],
        *,
        bytes_per_second: float | None = None,
        round_trip_seconds: float = 0.0,
        faults: Faults | None = None,
        port: int = 0,
    ) -> None:
        self.files, self.faults = dict(files), faults or Faults()
        self.rate, self.round_trip = bytes_per_second, round_trip_seconds
        self.requests = self.bytes_sent = self.open_connections = self.most_connections = 0
        self.log: list[str] = []
        self.redirect_to: str | None = None
        self.etag: str | None = None
        self.on_request: Callable[[int], None] | None = None
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def url(self, name: str, version: int = 0) -> str:
        """Where ``name`` is served."""
        return f"http://127.0.0.1:{self._port}/{name}" + (f"?version={version}" if version else "")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", self._port))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)
        try:
            while await self._answer((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer(self, request: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        faults = self.faults
        target = request.split(" ", 2)[1]
        name, _, query = target.lstrip("/").partition("?")
        self.requests += 1
        number = self.requests
        asked = _RANGE.search(request)
        self.log.append(f"{target} {asked[0] if asked else ''}")
        if self.on_request is not None:
            self.on_request(number)
        if self.round_trip:
            await asyncio.sleep(self.round_trip)
        status = faults.always or (faults.statuses.pop(0) if faults.statuses else 0)
        if faults.forbid_after is not None and number > faults.forbid_after and "version=" not in query:
            status = 403
        if not status and (self.redirect_to or (faults.redirect and not name.startswith("moved/"))):
            location = self.redirect_to or f"/moved/{name}"
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return True
        name = name.removeprefix("moved/")
        if not status and name not in self.files:
            status = 404
        if status:
            writer.write(f"HTTP/1.1 {status} Fault\r\nContent-Length: 5\r\n\r\nfault".encode())
            await writer.drain()
            return True
        return await self._media(name, request, writer)

    async def _media(self, name: str, request: str, writer: asyncio.StreamWriter) -> bool:
        faults, content = self.faults, self.files[name]
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        asked = None if faults.no_range else _RANGE.search(request)
        first, last = 0, size - 1
        if asked is not None:
            first = int(asked[1])
            last = min(int(asked[2]) if asked[2] else last, last)
            if first >= size:
                writer.write(
                    f"HTTP/1.1 416 Range\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n".encode()
                )
                await writer.drain()
                return True
            if faults.other_range:
                first += 1
        length = last - first + 1
        head = "HTTP/1.1 206 Partial Content\r\n" if asked is not None else "HTTP/1.1 200 OK\r\n"
        if asked is not None and not faults.no_content_range:
            head += f"Content-Range: bytes {first}-{last}/{size}\r\n"
        if self.etag is not None:
            head += f"ETag: {self.etag}\r\n"
        if not faults.no_length:
            head += f"Content-Length: {length + faults.length_surplus}\r\n"
        writer.write((head + "\r\n").encode())
        crawl = faults.slow_above_bytes is not None and length > faults.slow_above_bytes
        whole = await self._body(content, first, length, writer, 60_000 if crawl else self.rate)
        return whole and not faults.no_length and not faults.length_surplus

    async def _body(
        self, content: Path | bytes, first: int, length: int, writer: asyncio.StreamWriter, rate: float | None
    ) -> bool:
        faults, sent, began = self.faults, 0, time.monotonic()
        cut = faults.cut_every_bytes if faults.cut_requests > 0 else None
        faults.cut_requests -= 1
        file = None if isinstance(content, bytes) else content.open("rb")
        block = _BLOCK if rate is None else max(min(_BLOCK, int(rate / 50)), 1024)
        try:
            while sent < length:
                size = min(block, length - sent)
                if cut is not None:
                    size = min(size, cut - sent)
                if faults.stall_after_bytes is not None and faults.stall_requests:
                    size = max(min(size, faults.stall_after_bytes - sent), 1)
                if size <= 0:
                    return False
                if faults.stall_after_bytes is not None and sent >= faults.stall_after_bytes and faults.stall_requests:
                    faults.stall_requests -= 1
                    await asyncio.Event().wait()
                if file is not None:
                    file.seek(first + sent)
                    data = file.read(size)
                else:
                    assert isinstance(content, bytes)
                    data = content[first + sent : first + sent + size]
                writer.write(data)
                await writer.drain()
                sent += len(data)
                self.bytes_sent += len(data)
                if rate is not None:
                    await asyncio.sleep(max(began + sent / rate - time.monotonic(), 0))
            return True
        finally:
            if file is not None:
                file.close()
