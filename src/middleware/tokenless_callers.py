"""Decides who may call the archive services without a token: this machine, and networks that the operator names.

Three things could make a remote client look local. A reverse proxy on this machine sends all requests from loopback: a
forwarded request is trusted only when TRUSTED_PROXIES says that the proxy's header was read. A web page in a browser on
this machine may send requests to loopback: browsers name the page's origin, and foreign ones are refused. Such a page
may also have a domain that resolves to this host: so the request must use a host name that nobody else can register,
or one that the operator configured.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from src.middleware.services_of_request import services
from src.utils.addresses import read_networks

# RFC 6761, 6762 and 8375, and the domain that ICANN reserves for private use; "lan" and "home" are not delegated.
_PRIVATE_DOMAINS = (".localhost", ".local", ".home.arpa", ".internal", ".lan", ".home")
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def from_allowed_network() -> bool:
    """Return whether the current request needs no token."""
    settings = services().settings
    address = _address(request.remote_addr)
    if address is None or _from_foreign_page():
        return False
    if not settings.trusted_proxies and any(name in request.headers for name in _FORWARDED):
        return False
    if not _is_local_name(request.host, settings.archive_allowed_hosts):
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
    except ValueError:  # brackets without an address: not a valid origin
        foreign = True
    return foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _is_local_name(host: str, allowed: str) -> bool:
    """Return whether a host is an address, a name without a dot or in a private domain, or an allowed name.

    Werkzeug returns an empty host for names that it rejects, such as ``a_b.example.com``; these may be public names.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # brackets without an address
        return False
    if not name:
        return False
    if name in {each.strip().lower() for each in allowed.split(",")}:
        return True
    return "." not in name or name.endswith(_PRIVATE_DOMAINS) or _address(name) is not None
