"""Reduces network addresses to the units that limits count."""

from __future__ import annotations

import ipaddress
import re

from src.config import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# A proxy may append the port to an address that it forwards: 203.0.113.9:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([^\]]{2,60})\])(?::\d{1,5})?", re.ASCII)
UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """Return the address itself; for IPv6 its /64, which is what one customer has.

    All text that is not an address counts as one caller, ``unknown``: a forwarded header may contain any text, and
    each would otherwise count as a new caller.
    """
    found = _WITH_PORT.fullmatch(address.strip())
    text = (found[1] or found[2]) if found else address.strip()
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def read_networks(text: str) -> list[Network]:
    """Return the networks of ``10.0.0.0/8, 192.168.1.7``.

    Raises:
        SettingsError: one of them is not a network.
    """
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise SettingsError(f"ARCHIVE_ALLOWED_NETWORKS: {error}") from None
