"""Who may call the archive services without a token: this machine, and the networks that the operator names.

Three things could make a stranger look like a neighbour, and each has its answer here. A reverse proxy on this
machine sends everybody's requests from loopback: a request that was forwarded is believed only when TRUSTED_PROXIES
says that the proxy's header was read. A web page that a person on this machine has open may send requests to
loopback: browsers name the page's origin, and a foreign one is not let in. And such a page may have a name of its own
that leads here: so this host is called by a name that no stranger can register, or that the operator tells.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from src.config import SettingsError
from src.middleware.services_of_request import services

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# RFC 6761, 6762 and 8375, and what ICANN keeps for private use; "lan" and "home" are not given to anybody either.
_PRIVATE_DOMAINS = (".localhost", ".local", ".home.arpa", ".internal", ".lan", ".home")
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def read_networks(text: str) -> list[Network]:
    """Return the networks of ``10.0.0.0/8, 192.168.1.7``.

    Raises:
        SettingsError: one of them is none.
    """
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise SettingsError(f"ARCHIVE_ALLOWED_NETWORKS: {error}") from None


def from_allowed_network() -> bool:
    """Return whether the current request comes from where no token is asked for."""
    settings = services().settings
    address = _address(request.remote_addr)
    if address is None or _from_foreign_page():
        return False
    if not settings.trusted_proxies and any(name in request.headers for name in _FORWARDED):
        return False
    if not _is_name_of_ours(request.host, settings.archive_allowed_hosts):
        return False
    return address.is_loopback or any(
        address in network for network in read_networks(settings.archive_allowed_networks)
    )


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


def _is_name_of_ours(host: str, told: str) -> bool:
    """An address, a name without a dot (of a container), below a domain that no stranger can have, or a told one.

    Nothing at all stands for a name that Werkzeug does not read, ``a_b.example.com`` among them, and that can be one.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # brackets that hold no address
        return False
    if not name:
        return False
    if name in {each.strip().lower() for each in told.split(",")}:
        return True
    return "." not in name or name.endswith(_PRIVATE_DOMAINS) or _address(name) is not None
