"""Defines YouTube's media hosts, the only ones that are fetched, even if an answer or a redirect names others."""

from __future__ import annotations

from urllib.parse import urlsplit

from src.errors import UrlForbidden

_DOMAINS = (".googlevideo.com", ".youtube.com")


def require_media_host(url: str) -> None:
    """Require an address of the site's media servers.

    Raises:
        UrlForbidden: it is another address.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise UrlForbidden from None
    if parts.scheme != "https" or port not in (None, 443) or parts.username is not None or not host.endswith(_DOMAINS):
        raise UrlForbidden("The video site sent an address that does not belong to it")
