"""Who may call the archive services without a token: this machine, and the networks that the operator names.

Three things could make a stranger look like a neighbour, and each has its answer here. A reverse proxy on this
machine sends everybody's requests from loopback: a request that was forwarded is believed only when TRUSTED_PROXIES
says that the proxy's header was read. A web page that a person on this machine has open may send requests to
loopback: browsers name the page's origin, and a foreign one is not let in. And such a page may have a name of its own
that leads to loopback: so loopback is called by a name that only it has.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from src.config import SettingsError
from src.middleware.wiring import services

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def read_networks(text: str) -> list[Network]:
    """The networks of ``10.0.0.0/8, 192.168.1.7``.

    Raises:
        SettingsError: one of them is none.
    """
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise SettingsError(f"ARCHIVE_ALLOWED_NETWORKS: {error}") from None


def from_allowed_network() -> bool:
    """Whether the current request comes from where no token is asked for."""
    settings = services().settings
    address = _address(request.remote_addr)
    if address is None or _from_foreign_page():
        return False
    if not settings.trusted_proxies and any(name in request.headers for name in _FORWARDED):
        return False
    if address.is_loopback:
        return _is_name_of_loopback(request.host)
    return any(address in network for network in read_networks(settings.archive_allowed_networks))


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _from_foreign_page() -> bool:
    origin = request.headers.get("Origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()
    except ValueError:  # brackets that hold no address: no page is there
        foreign = True
    return foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _is_name_of_loopback(host: str) -> bool:
    """``localhost``, an address, or a name without a dot (of a container): no name that a stranger can register.

    Nothing at all stands for a name that Werkzeug does not read, ``a_b.example.com`` among them, and that can be one.
    """
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:  # brackets that hold no address
        return False
    if name is None:
        return False
    return "." not in name or name.endswith(".localhost") or _address(name) is not None
