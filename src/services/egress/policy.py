"""Defines the network rules of a job: limits, exceptions of the operator, upstream proxies, and the report."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from src.config import Settings, SettingsError
from src.services.egress.addresses import HostInvalid, read_address, read_host

WEB_PORTS = frozenset({80, 443})


class Refused(Exception):
    """A rule forbids this request; ``reason`` is the code in the response."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProxyRefused(Refused):
    """A rule forbids the upstream proxy of this request."""


class Unreachable(Exception):
    """The network failed; ``reason`` is the code in the response, ``timeout`` whether no answer came."""

    def __init__(self, reason: str, *, timeout: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.timeout = reason, timeout


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one session; ``None`` is unlimited.

    ``requests`` and ``bytes`` (both directions) in total, ``seconds`` since its start, ``connections`` at the same
    time, ``idle_seconds`` without a byte on one connection.
    """

    requests: int | None = 20_000
    bytes: int | None = None
    seconds: float | None = None
    connections: int = 64
    idle_seconds: float = 120.0

    @classmethod
    def of_job(cls, settings: Settings) -> Limits:
        """What one job may fetch."""
        return cls(bytes=settings.job_max_fetch_mb * 1_000_000, seconds=settings.job_hard_limit_seconds)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request: its host and port, the reason, and whether an upstream proxy was refused."""

    target: str
    reason: str
    of_proxy: bool = False


@dataclass(slots=True)
class Report:
    """The activity of a session. ``bytes_received`` came from the network, ``bytes_sent`` went there.

    ``refused``: the first hundred refusals; ``refusals``: the number of all. ``failure``: the last network failure;
    ``ended``: the limit that was reached.
    """

    requests: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    refusals: int = 0
    refused: list[Refusal] = field(default_factory=list)
    failure: Unreachable | None = None
    ended: str | None = None

    @property
    def bytes(self) -> int:
        """The bytes of both directions."""
        return self.bytes_received + self.bytes_sent


@dataclass(frozen=True, slots=True)
class AllowList:
    """Exact ``host:port`` pairs that may be reached at any address."""

    pairs: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Parse ``ALLOW_PRIVATE_NETWORKS``: ``host:port, [v6]:port, ...``.

        Raises:
            SettingsError: an entry is not exactly one host and one port.
        """
        return cls(frozenset(_pair(entry.strip()) for entry in text.split(",") if entry.strip()))

    def holds(self, host: str, port: int) -> bool:
        """Whether exactly this host and port are allowed."""
        return (_bare(host), port) in self.pairs

    def without(self, host: str, port: int) -> AllowList:
        """Return the list without this pair."""
        return AllowList(self.pairs - {(_bare(host), port)})


def _pair(entry: str) -> tuple[str, int]:
    wrong = SettingsError(
        f"ALLOW_PRIVATE_NETWORKS: {entry!r} is not exactly one host and one port, such as 127.0.0.1:8080"
    )
    host, colon, port = entry.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise wrong
    try:
        read_host(host)
    except HostInvalid as error:
        if str(error) != "local-name":  # this setting is meant for names of other containers
            raise wrong from None
    return _bare(host), int(port)


def _bare(host: str) -> str:
    text = host.lower().removesuffix(".")
    try:
        return str(read_address(text.removeprefix("[").removesuffix("]")))
    except HostInvalid:
        return text


@dataclass(frozen=True, slots=True)
class Upstream:
    """An upstream HTTP proxy.

    ``chosen_by_operator``: its address may be private. ``setting``: the setting that names it, ``None`` for a proxy of
    a request.
    """

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    chosen_by_operator: bool = True
    setting: str | None = None

    @classmethod
    def parse(cls, url: str, *, chosen_by_operator: bool = True, setting: str | None = None) -> Upstream:
        """Parse ``http://user:password@host:port``.

        Raises:
            SettingsError: another scheme, or no host.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            host, port, parts = None, 0, urlsplit("")
        if parts.scheme != "http" or not host:
            raise SettingsError("The proxy must be an HTTP proxy: http://host:port or http://user:password@host:port")
        credentials = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = "Basic " + base64.b64encode(pair.encode()).decode()
        return cls(f"[{host}]" if ":" in host else host, port, credentials, chosen_by_operator, setting)


def proxy_of(url: str, setting: str) -> Upstream | None:
    """Parse the proxy that a setting names; an empty text names none.

    Raises:
        SettingsError: as ``Upstream.parse``.
    """
    try:
        return Upstream.parse(url, setting=setting) if url else None
    except SettingsError as error:
        raise SettingsError(f"{setting}: {error}") from None


def source_address_of(settings: Settings) -> str | None:
    """Return the local address of connections, an option of yt-dlp that is applied to all clients.

    Raises:
        SettingsError: it is not an address.
    """
    source = settings.ytdlp_options.get("source_address")
    try:
        return str(read_address(str(source))) if source else None
    except HostInvalid:
        raise SettingsError("YTDLP_OPTIONS: source_address is not an address") from None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of all sessions of a process.

    ``source_address``: the local address of connections; it also selects IPv4 or IPv6 (``0.0.0.0``, ``::``).
    ``trusted_domains``: names below these belong to the video sites. An upstream proxy resolves only these names; all
    other names are resolved and checked here, and the proxy receives the checked address. ``stream_proxy`` serves
    streams whose request names no proxy.
    """

    allowed: AllowList = AllowList()
    upstream: Upstream | None = None
    stream_proxy: Upstream | None = None
    source_address: str | None = None
    trusted_domains: tuple[str, ...] = (
        "youtube.com",
        "youtube-nocookie.com",
        "youtubekids.com",
        "youtu.be",
        "googlevideo.com",
        "ytimg.com",
        "ggpht.com",
    )

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Read the policy from the settings.

        Raises:
            SettingsError: ALLOW_PRIVATE_NETWORKS, a proxy or the source address is invalid.
        """
        allowed = AllowList.parse(settings.allow_private_networks)
        upstream = proxy_of(settings.ytdlp_proxy, "YTDLP_PROXY")
        stream_proxy = proxy_of(settings.stream_proxy, "STREAM_PROXY")
        if stream_proxy is not None:
            listed = allowed.holds(stream_proxy.host, stream_proxy.port)
            stream_proxy = replace(stream_proxy, chosen_by_operator=listed)
            # Its pair allows the proxy only: a request for the address itself is still refused.
            allowed = allowed.without(stream_proxy.host, stream_proxy.port)
        return cls(allowed, upstream, stream_proxy, source_address_of(settings))

    def trusts(self, name: str) -> bool:
        """Whether a name belongs to the video sites."""
        return any(name == domain or name.endswith(f".{domain}") for domain in self.trusted_domains)
