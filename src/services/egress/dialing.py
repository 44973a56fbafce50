"""Connects to hosts: resolves a name once, checks every address, and connects to a checked address."""

from __future__ import annotations

import contextlib
import functools
import itertools
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address

from src.services.egress.addresses import Address, HostInvalid, read_address, read_host, why_not_public
from src.services.egress.heads import HeadInvalid, read_head, write_head
from src.services.egress.policy import WEB_PORTS, Policy, ProxyRefused, Refused, Unreachable, Upstream

CONNECT_SECONDS = 10.0
_MOST_ADDRESSES = 4  # tried per name
_FIRST_UNPRIVILEGED_PORT = 1024

Resolver = Callable[[str], Sequence[str]]
Connector = Callable[[str, int, float], socket.socket]


def resolve(name: str) -> list[str]:
    """Return all addresses of a name from the system resolver. Raises OSError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(address: str, port: int, seconds: float, source_address: str | None = None) -> socket.socket:
    """Connect to a literal address, optionally from a given source address; nothing is resolved. Raises OSError."""
    family = _family(address)
    if source_address is not None and _family(source_address) is not family:
        raise OSError("not from this source address")
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        if source_address is not None:
            connection.bind((source_address, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(seconds)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_own(address: Address) -> bool:
    """Whether this address belongs to this machine. Sends nothing: the system only selects a route."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((str(address), 9))
        return str(probe.getsockname()[0]) == str(address)
    return False


@dataclass(frozen=True, slots=True)
class Route:
    """An open connection and how to use it.

    ``target``: the name of the host in a plain request to an upstream proxy; ``proxy``: that proxy. Both are ``None``
    for a direct connection. ``early``: bytes that arrived after a proxy's response.
    """

    connection: socket.socket
    target: str | None = None
    proxy: Upstream | None = None
    early: bytes = b""


class Dialer:
    """Opens the connections that the policy allows. Every method raises ``Refused`` or ``Unreachable``."""

    def __init__(self, policy: Policy, *, resolver: Resolver = resolve, connector: Connector | None = None) -> None:
        self.policy, self._resolve = policy, resolver
        self._connect = connector or functools.partial(connect, source_address=policy.source_address)

    def open(self, host: str, port: int, proxies: Sequence[Upstream], *, tunnel: bool) -> Route:
        """Connect to ``host:port`` (an IPv6 host in brackets) through these proxies, the first one nearest.

        ``tunnel``: the connection carries bytes to the host; otherwise the last proxy receives a request with a URL.
        """
        addresses = self.targets(host, port, chained=bool(proxies))
        if not proxies:
            return Route(self._dial(addresses, port))
        # The first address is used, because only the proxy can find out which of them answer.
        target = f"{addresses[0]}:{port}"
        connection = self._dial(self._addresses_of(proxies[0]), proxies[0].port)
        early = b""
        try:
            for proxy, following in itertools.pairwise(proxies):
                early = _open_tunnel(connection, proxy, f"{self._addresses_of(following)[0]}:{following.port}")
            if tunnel:
                early = _open_tunnel(connection, proxies[-1], target)
                return Route(connection, early=early)
        except BaseException:
            connection.close()
            raise
        return Route(connection, target=target, proxy=proxies[-1], early=early)

    def targets(self, host: str, port: int, *, chained: bool) -> list[str]:
        """Return the targets for ``host:port``: checked addresses, or the name itself if an upstream proxy must
        resolve a name of the video sites."""
        found = self.require_possible(host, port)
        if found is None:
            return self._excepted(host)
        if not isinstance(found, str):
            return [_literal(found)]
        if chained and self.policy.trusts(found):
            return [found]
        return self._public_addresses(found)

    def require_possible(self, host: str, port: int) -> Address | str | None:
        """Parse ``host`` and refuse what no resolver answer could permit; ``None`` for a pair that the operator allows.
        Sends no query.

        Raises:
            Refused: this address can never be reached.
        """
        if self.policy.allowed.holds(host, port):
            return None
        if port not in WEB_PORTS:
            raise Refused("port")
        try:
            found = read_host(host)
        except HostInvalid as error:
            raise Refused(str(error)) from None
        return found if isinstance(found, str) else self._checked(found)

    def _public_addresses(self, name: str) -> list[str]:
        try:
            answers = [read_address(text) for text in self._resolve(name)]
        except (OSError, UnicodeError):
            raise Unreachable("dns") from None
        except HostInvalid:
            raise Refused("spelling") from None
        if not answers:
            raise Unreachable("dns")
        # A private address among public ones is suspicious: the whole name is refused.
        return [_literal(self._checked(address)) for address in answers]

    def _checked(self, address: Address) -> Address:
        reason = why_not_public(address) or ("own-address" if is_own(address) else None)
        if reason is not None:
            raise Refused(reason)
        return address

    def _addresses_of(self, proxy: Upstream) -> list[str]:
        if proxy.chosen_by_operator:
            return self._excepted(proxy.host)
        if proxy.port not in WEB_PORTS and proxy.port < _FIRST_UNPRIVILEGED_PORT:
            raise ProxyRefused("port")  # other services, such as mail, are not proxies
        try:
            found = read_host(proxy.host)
            return self._public_addresses(found) if isinstance(found, str) else [_literal(self._checked(found))]
        except (HostInvalid, Refused) as error:
            raise ProxyRefused(str(error)) from None

    def _excepted(self, host: str) -> list[str]:
        """Return the addresses of a host that the operator allows, unchecked."""
        try:
            return [_literal(read_address(host.removeprefix("[").removesuffix("]")))]
        except HostInvalid:
            pass
        try:
            found = list(self._resolve(host))
        except (OSError, UnicodeError):
            raise Unreachable("dns") from None
        if not found:
            raise Unreachable("dns")
        return [_literal(read_address(text)) for text in found]

    def _dial(self, addresses: Sequence[str], port: int) -> socket.socket:
        failure = Unreachable("connect")
        source = self.policy.source_address
        usable = [address for address in addresses if source is None or _family(address) is _family(source)]
        for address in usable[:_MOST_ADDRESSES]:
            try:
                return self._connect(address.removeprefix("[").removesuffix("]"), port, CONNECT_SECONDS)
            except TimeoutError:
                failure = Unreachable("connect-timeout", timeout=True)
            except OSError:
                failure = Unreachable("connect")
        raise failure


def _literal(address: Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _open_tunnel(connection: socket.socket, proxy: Upstream, target: str) -> bytes:
    """Request a tunnel from this proxy; return the bytes after its response. Raises Unreachable."""
    fields = [(b"Host", target.encode())]
    if proxy.authorization:
        fields.append((b"Proxy-Authorization", proxy.authorization.encode()))
    try:
        connection.sendall(write_head(b"CONNECT " + target.encode() + b" HTTP/1.1", fields))
        answer = read_head(connection, seconds=3 * CONNECT_SECONDS)
    except TimeoutError:
        raise Unreachable("upstream-timeout", timeout=True) from None
    except (OSError, HeadInvalid):
        raise Unreachable("upstream") from None
    if answer is None:
        raise Unreachable("upstream")
    if answer.status != 200:
        raise Unreachable(f"upstream-{answer.status}")
    return answer.rest
