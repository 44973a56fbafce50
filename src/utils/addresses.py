"""Network addresses as limits count them."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """The address itself; of IPv6 its /64, which is what one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a unix socket, or a test client
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
