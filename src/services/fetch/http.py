"""Creates the fetcher's HTTP client with the operator's proxy and TLS settings, and translates failures of HTTP."""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio  # noqa: F401 (httpcore imports it late, and the first clip would wait)
import httpcore
import httpx

from src.errors import (
    AppError,
    MediaForbidden,
    MediaGone,
    Network,
    NetworkTimeout,
    ProxyError,
    RateLimited,
    TlsError,
    UrlForbidden,
)
from src.models.media_source import NetworkSettings
from src.services.fetch.early_connections import EarlyConnections
from src.services.fetch.limits import coding_of

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_UNSATISFIED_RANGE = re.compile(r"bytes \*/(\d{1,18})")
_MOST_RETRY_AFTER_SECONDS = 10.0
_MOST_VALIDATOR_CHARACTERS = 256


class Interrupted(Exception):
    """A request failed in a way that may pass; ``error`` is raised if it does not."""

    def __init__(self, error: AppError, wait_seconds: float | None = None) -> None:
        super().__init__(error.message)
        self.error, self.wait_seconds = error, wait_seconds


class LinkRefused(Exception):
    """403: the link may have expired; a fresh one may work."""


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The part of a resource that an answer holds: its first byte and, if known, the size of the resource."""

    first: int
    total: int | None


@functools.cache
def certificates() -> ssl.SSLContext:
    """Return the system's certificates. Loading them takes as long as a short clip: one context serves all clients."""
    return httpx.create_ssl_context()


class SecureTransport(httpx.AsyncBaseTransport):
    """Sends requests to TLS hosts. What it needs is created at the first one: it takes as long as a short clip."""

    def __init__(self, network: NetworkSettings, limits: httpx.Limits) -> None:
        self._network, self._limits = network, limits
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._early: EarlyConnections | None = None

    def open_early(self, url: str, count: int) -> None:
        """Open so many connections to the host of a URL, for requests that follow. In the thread of the loop."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname is None:
            return
        self._create()
        if self._early is not None:
            self._early.open(parts.hostname, parts.port or 443, count)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        return await self._create().handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._early is not None:
            await self._early.aclose()
        if self._transport is not None:
            await self._transport.aclose()

    def _create(self) -> httpx.AsyncHTTPTransport:
        if self._transport is None:
            network = self._network
            context = certificates() if network.verify_tls else httpx.create_ssl_context(verify=False)
            proxy = httpx.Proxy(network.proxy) if network.proxy else None
            self._transport = httpx.AsyncHTTPTransport(context, limits=self._limits, proxy=proxy, trust_env=False)
            if proxy is not None and proxy.url.scheme != "http":
                return self._transport
            self._early = EarlyConnections(proxy, context, network.connect_seconds)
            # httpx has no argument for what opens its connections.
            self._transport._pool = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=self._limits.max_connections,
                max_keepalive_connections=self._limits.max_keepalive_connections,
                keepalive_expiry=self._limits.keepalive_expiry,
                network_backend=self._early,
            )
        return self._transport


def make_client(network: NetworkSettings) -> tuple[httpx.AsyncClient, SecureTransport]:
    """Create a client with keep-alive and as many connections as needed, and what it uses for TLS hosts.

    HTTP/1.1 on purpose: content networks throttle each connection, so streams inside one gain nothing.
    """
    known_hosts: set[str] = set()

    async def ask_guard(request: httpx.Request) -> None:
        address = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if network.guard is not None and address not in known_hosts:
            await asyncio.to_thread(network.guard, str(request.url))
            known_hosts.add(address)

    seconds = network.connect_seconds
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=network.connections + 4)
    secure = SecureTransport(network, limits)
    client = httpx.AsyncClient(
        proxy=network.proxy or None,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # trusts no certificate: https goes through the mount
        mounts={"https://": secure},
        limits=limits,
        trust_env=False,
        follow_redirects=True,
        timeout=httpx.Timeout(connect=seconds, read=network.stall_seconds, write=seconds, pool=None),
        event_hooks={"request": [ask_guard]},
    )
    return client, secure


def check_status(response: httpx.Response) -> None:
    """Accept 200 and 206.

    Raises:
        LinkRefused: 401 or 403. Interrupted: 408, 425, 429 and 5xx. MediaGone: everything else.
    """
    status = response.status_code
    if status in (200, 206):
        return
    if status in (401, 403):
        raise LinkRefused()
    if status == 429:
        raise Interrupted(RateLimited("The media server limits our requests for now."), _retry_after(response))
    if status in (408, 425) or status >= 500:
        raise Interrupted(Network(f"The media server answered {status}."), _retry_after(response))
    if status == 451:
        raise MediaForbidden(f"The media server answered {status}.")
    raise MediaGone(f"The media server answered {status}.")


def content_range(response: httpx.Response) -> ContentRange:
    """Return where the body of a 206 belongs.

    Raises:
        Interrupted: the header is missing or malformed.
    """
    found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    if found is None:
        raise Interrupted(Network("The media server sent a range without its position."))
    return ContentRange(int(found[1]), None if found[3] == "*" else int(found[3]))


def is_past_end(response: httpx.Response, position: int) -> bool:
    """Return whether the answer says that the resource ends at ``position`` or before (RFC 9110, section 15.5.17).

    Without a size in it, a refused position other than the first counts as past the end.
    """
    if response.status_code != 416:
        return False
    found = _UNSATISFIED_RANGE.match(response.headers.get("content-range", ""))
    return 0 < (int(found[1]) if found else position) <= position


def content_length(response: httpx.Response) -> int | None:
    """Return the announced length of the body in bytes."""
    text = response.headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def validator_of(response: httpx.Response) -> str | None:
    """Return how the server names this state of the resource, None if it does not; weak ETags are no identity."""
    tag: str = response.headers.get("etag", "")
    name: str = tag if tag.startswith('"') else response.headers.get("last-modified", "")
    return name if 0 < len(name) <= _MOST_VALIDATOR_CHARACTERS else None


def compression(response: httpx.Response) -> str | None:
    """Return how the body is compressed, None if it is not. Raises StreamUnreadable."""
    return coding_of(response.headers.get("content-encoding", ""))


def translate(error: httpx.HTTPError | httpx.InvalidURL, network: NetworkSettings) -> Interrupted | AppError:
    """Return what a failure of the client means: an ``Interrupted`` to be retried, or a final error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return TlsError()
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError) and "Refused by egress rules" in str(error):
        return UrlForbidden()  # from our own proxy (egress/exchange.py): a retry changes nothing
    if isinstance(error, httpx.ProxyError):
        return Interrupted(ProxyError(f"The configured proxy does not work: {error}"))
    if isinstance(error, httpx.ConnectError) and network.proxy:
        return Interrupted(ProxyError("The configured proxy could not be reached."))
    if isinstance(error, httpx.TimeoutException):
        return Interrupted(NetworkTimeout("The media server did not answer in time."))
    if isinstance(error, httpx.TransportError):
        return Interrupted(Network(f"The connection to the media server failed: {error or type(error).__name__}"))
    return Network(f"The request to the media server failed: {error}")


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), _MOST_RETRY_AFTER_SECONDS) if text.isdecimal() else None
