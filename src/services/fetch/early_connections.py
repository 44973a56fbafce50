"""Opens connections before there is a request for them, through the operator's proxy or directly.

A new connection to a distant server costs two round trips, and one more if a proxy is on the way, before the request
that needs it can be sent. An index takes that long to arrive too, so connections that open meanwhile cost no time.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore
import httpx

_MOST_HEAD_BYTES = 16 << 10
_READ_BYTES = 4096


class _Open(httpcore.AsyncNetworkStream):
    """A connection whose TLS is set up already: to start TLS on it returns at once."""

    def __init__(self, secured: httpcore.AsyncNetworkStream) -> None:
        self._secured = secured

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection; its context and host are those with which it was opened."""
        return self._secured

    async def aclose(self) -> None:
        """Close it."""
        await self._secured.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection tells about itself."""
        return self._secured.get_extra_info(info)


class EarlyConnections(httpcore.AsyncNetworkBackend):
    """What the client's pool asks for connections to TLS hosts. All methods are for the thread of its loop."""

    def __init__(self, proxy: httpx.Proxy | None, context: ssl.SSLContext, seconds: float) -> None:
        """``proxy`` must be one of HTTP. ``seconds``: how long a connection may take to open."""
        self._proxy, self._context, self._seconds = proxy, context, seconds
        self._backend = httpcore.AnyIOBackend()
        self._early: dict[tuple[str, int], list[asyncio.Task[_Open | None]]] = {}

    def open(self, host: str, port: int, count: int) -> None:
        """Open so many connections to a host; those that fail are opened again when they are needed."""
        tasks = [asyncio.get_running_loop().create_task(self._ahead(host, port)) for _ in range(count)]
        self._early.setdefault((host, port), []).extend(tasks)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection that was opened early, or a new one, on which TLS is still to be started.

        Raises:
            ConnectError, ConnectTimeout, ProxyError, RemoteProtocolError: those of httpcore.
        """
        waiting = self._early.get((host, port), [])
        while waiting:
            ready = next((task for task in waiting if task.done()), waiting[0])
            waiting.remove(ready)
            found = await ready
            if found is not None:
                return found
        return await self._connect(host, port, timeout)

    async def aclose(self) -> None:
        """Close the connections that nobody needed."""
        tasks = [task for waiting in self._early.values() for task in waiting]
        self._early.clear()
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(found, _Open):
                await found.aclose()

    async def _ahead(self, host: str, port: int) -> _Open | None:
        stream: httpcore.AsyncNetworkStream | None = None
        try:
            stream = await self._connect(host, port, self._seconds)
            secured = await stream.start_tls(self._context, host, self._seconds)
        except BaseException as error:
            if stream is not None:
                with suppress(Exception):
                    await stream.aclose()
            if isinstance(error, Exception):
                return None
            raise
        return _Open(secured)

    async def _connect(self, host: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        if self._proxy is None:
            return await self._backend.connect_tcp(host, port, timeout)
        url = self._proxy.url
        stream = await self._backend.connect_tcp(url.host, url.port or 80, timeout)
        try:
            await stream.write(self._request(host, port), timeout)
            await _read_consent(stream, timeout)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    def _request(self, host: str, port: int) -> bytes:
        assert self._proxy is not None
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1".encode(), b"Host: " + target.encode(), b"Accept: */*"]
        if self._proxy.raw_auth is not None:
            lines.append(b"Proxy-Authorization: Basic " + base64.b64encode(b":".join(self._proxy.raw_auth)))
        return b"\r\n".join([*lines, b"", b""])


async def _read_consent(stream: httpcore.AsyncNetworkStream, timeout: float | None) -> None:
    """Read the proxy's answer. Raises ProxyError: it refused; RemoteProtocolError: it did not answer."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.read(_READ_BYTES, timeout)
        head += data
        if not data or len(head) > _MOST_HEAD_BYTES:
            raise httpcore.RemoteProtocolError("the proxy did not answer")
    version, _, status = head.partition(b"\r\n")[0].decode("ascii", "replace").partition(" ")
    if not version.startswith("HTTP/1.") or not status.startswith("2"):
        raise httpcore.ProxyError(status)
