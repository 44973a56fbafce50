"""Refuses webhook addresses that the egress proxy could never reach."""

from __future__ import annotations

import httpx

from src.errors import WebhookInvalid
from src.services.egress.proxy import EgressProxy
from src.services.events.chat_replies import DISCORD_HOSTS, is_discord_address

_MOST_CHARACTERS = 1000
_PORTS = {"http": 80, "https": 443}
# No public name has these endings: RFC 2606 and 6761 (test, example, invalid, localhost), 7686 (onion), 9476 (alt).
# Names that only the local network resolves are refused by the egress rules.
_RESERVED = (".test", ".example", ".invalid", ".localhost", ".onion", ".alt")


def require_reachable(url: object, egress: EgressProxy) -> None:
    """Require an address that could be reached. Names are not resolved: a host that is unavailable now may answer
    later.

    Raises:
        WebhookInvalid: not an HTTP link, a Discord link that is not a webhook, or an address that the rules block.
    """
    try:
        found = httpx.URL(url) if isinstance(url, str) and len(url) <= _MOST_CHARACTERS and url.isascii() else None
    except httpx.InvalidURL:
        found = None
    if found is None or found.scheme not in _PORTS or not found.host:
        raise WebhookInvalid("A webhook must be a link that begins with https:// or http://")
    if found.host in DISCORD_HOSTS and not is_discord_address(str(url)):
        raise WebhookInvalid("This is not the address of a Discord webhook.")
    host = f"[{found.host}]" if ":" in found.host else found.host
    port = _PORTS[found.scheme] if found.port is None else found.port
    reason = egress.permanent_refusal(host, port)
    if reason is None and f".{host.rstrip('.')}".endswith(_RESERVED):
        reason = "reserved-name"
    if reason is not None:
        raise WebhookInvalid(f"This service can never reach the address of this webhook ({reason}).", reason=reason)
