"""Decides which network addresses are public, and parses untrusted host names, without any lookup.

Addresses that are not known to be public are refused. The tables follow the special-purpose registries of RFC 6890 and
its updates; an IPv6 address is public only inside 2000::/3, the one block that is allocated.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared"),  # carrier-grade NAT; some clouds use it for their metadata service
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud-metadata"),  # Azure's metadata service, among public addresses
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "relay"),  # 6to4 relays
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),  # including the broadcast address
    )
)
_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "embedded-ipv4"),
        ("::/96", "embedded-ipv4"),
        ("64:ff9b:1::/48", "private"),  # translation within one network
        ("100::/64", "reserved"),
        ("2001::/32", "tunnel"),  # Teredo
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "tunnel"),  # 6to4
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),  # site-local, deprecated but still routed in some networks
        ("ff00::/8", "multicast"),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
# The well-known prefix of NAT64: IPv6-only networks use it for public IPv4 addresses.
_NAT64 = IPv6Network("64:ff9b::/96")

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".intranet", ".corp")


class HostInvalid(ValueError):
    """The text is not a valid host."""


def why_not_public(address: Address) -> str | None:
    """Return a short reason code why nothing is fetched from this address, or ``None`` if it is public."""
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in _V4 if address in network), None)
    if address.scope_id is not None:
        return "zone"
    if address in _NAT64:
        return why_not_public(IPv4Address(int(address) & 0xFFFFFFFF))
    found = next((reason for network, reason in _V6 if address in network), None)
    return found or (None if address in _PUBLIC_V6 else "reserved")


def read_host(text: str) -> Address | str:
    """Return the address that ``text`` is, or the host name in lower case without a final dot.

    Numbers in other notations than four decimals (``0x7f.1``, ``017700000001``, ``2130706433``) are refused, because
    resolvers read them differently. Names that only a local network resolves are refused too.

    Raises:
        HostInvalid: the text is neither; the message is a short reason code.
    """
    host = text.lower()
    if host.startswith("[") and host.endswith("]"):
        return _read_v6(host[1:-1])
    if ":" in host:
        raise HostInvalid("spelling")
    host = host.removesuffix(".")
    if not host or len(host) > 253 or not _NAME.fullmatch(host):
        raise HostInvalid("spelling")
    try:
        return IPv4Address(host)
    except ValueError:
        pass
    if _NUMBER.fullmatch(host.rpartition(".")[2]) or _is_old_number(host):
        raise HostInvalid("spelling")
    if "." not in host or f".{host}".endswith(_LOCAL_NAMES):
        raise HostInvalid("local-name")
    return host


def _read_v6(text: str) -> IPv6Address:
    if "%" in text:
        raise HostInvalid("zone")
    try:
        return IPv6Address(text)
    except ValueError:
        raise HostInvalid("spelling") from None


def _is_old_number(host: str) -> bool:
    """Whether the C library would read this as an address without a query."""
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def read_address(text: str) -> Address:
    """Parse an address from a resolver, which may include a zone.

    Raises:
        HostInvalid: the text is not an address.
    """
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise HostInvalid("spelling") from None
