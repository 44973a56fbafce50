"""What one job may do on the network: its limits, the operator's exceptions, the proxies behind, and what it did."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from src.config import Settings, SettingsError
from src.services.egress.addresses import HostInvalid, read_address, read_host

WEB_PORTS = frozenset({80, 443})


class Refused(Exception):
    """A rule forbids this request; ``reason`` is the word that the answer names."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProxyRefused(Refused):
    """A rule forbids the proxy behind ours that this request would have to go through."""


class Unreachable(Exception):
    """The network failed; ``reason`` is the word that the answer names, ``timeout`` whether it was silence."""

    def __init__(self, reason: str, *, timeout: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.timeout = reason, timeout


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session may use; None is unlimited.

    ``requests`` and ``bytes`` (both directions together) in all, ``seconds`` from its beginning, ``connections`` at
    once, ``idle_seconds`` without a byte on one connection.
    """

    requests: int | None = 20_000
    bytes: int | None = None
    seconds: float | None = None
    connections: int = 64
    idle_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request: host and port as they were asked for, why, and whether a proxy behind ours was the cause."""

    target: str
    reason: str
    of_proxy: bool = False


@dataclass(slots=True)
class Report:
    """What a session did. ``bytes_received`` came from outside, ``bytes_sent`` went there.

    ``refused`` holds the first hundred refusals, ``refusals`` counts all; ``trouble`` is the last failure of the
    network, ``ended`` the limit that was reached.
    """

    requests: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    refusals: int = 0
    refused: list[Refusal] = field(default_factory=list)
    trouble: Unreachable | None = None
    ended: str | None = None

    @property
    def bytes(self) -> int:
        """Both directions together."""
        return self.bytes_received + self.bytes_sent


@dataclass(frozen=True, slots=True)
class AllowList:
    """Exact ``host:port`` pairs that are reached whatever their addresses are. Hosts as they are asked for."""

    pairs: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Of ``ALLOW_PRIVATE_NETWORKS``: ``host:port, [v6]:port, ...``.

        Raises:
            SettingsError: an entry is not exactly one host and one port.
        """
        return cls(frozenset(_pair(entry.strip()) for entry in text.split(",") if entry.strip()))

    def holds(self, host: str, port: int) -> bool:
        """Whether exactly this host and port are excepted."""
        return (_bare(host), port) in self.pairs

    def without(self, host: str, port: int) -> AllowList:
        """The same list less this pair."""
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
        if str(error) != "local-name":  # the name of a neighbouring container is what this setting is for
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
    """An HTTP proxy behind ours.

    ``chosen_by_operator``: its address may be private. ``setting`` is the variable that names it, None for one that a
    request names.
    """

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    chosen_by_operator: bool = True
    setting: str | None = None

    @classmethod
    def parse(cls, url: str, *, chosen_by_operator: bool = True, setting: str | None = None) -> Upstream:
        """Of ``http://user:password@host:port``.

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


def _proxy_of(url: str, setting: str) -> Upstream | None:
    try:
        return Upstream.parse(url, setting=setting) if url else None
    except SettingsError as error:
        raise SettingsError(f"{setting}: {error}") from None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of all sessions of a process.

    ``source_address`` is the one of our own addresses that connections come from; it also chooses between IPv4 and
    IPv6 (``0.0.0.0``, ``::``). ``trusted_domains``: names below these belong to the video sites. Only for them a proxy
    behind ours resolves the name; every other name is resolved and checked here, and the checked address is what that
    proxy is asked for. ``stream_proxy`` serves the streams whose request names no proxy.
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
        """The part of the settings that matters here.

        Raises:
            SettingsError: ALLOW_PRIVATE_NETWORKS, a proxy or the source address cannot be used.
        """
        allowed = AllowList.parse(settings.allow_private_networks)
        upstream = _proxy_of(settings.ytdlp_proxy, "YTDLP_PROXY")
        stream_proxy = _proxy_of(settings.stream_proxy, "STREAM_PROXY")
        if stream_proxy is not None:
            listed = allowed.holds(stream_proxy.host, stream_proxy.port)
            stream_proxy = replace(stream_proxy, chosen_by_operator=listed)
            # Listed as a proxy, not as a place to fetch from: a request that names its address is refused as before.
            allowed = allowed.without(stream_proxy.host, stream_proxy.port)
        source = settings.ytdlp_options.get("source_address")  # yt-dlp's own option, kept here for all clients
        try:
            source_address = str(read_address(str(source))) if source else None
        except HostInvalid:
            raise SettingsError("YTDLP_OPTIONS: source_address is not an address") from None
        return cls(allowed, upstream, stream_proxy, source_address)

    def trusts(self, name: str) -> bool:
        """Whether a name belongs to the video sites."""
        return any(name == domain or name.endswith(f".{domain}") for domain in self.trusted_domains)
