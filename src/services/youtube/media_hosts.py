"""The hosts that media of YouTube come from. Nothing else is fetched, wherever an answer or a redirect points to."""

from __future__ import annotations

from urllib.parse import urlsplit

from src.errors import UrlForbidden

_DOMAINS = (".googlevideo.com", ".youtube.com")


def require_media_host(url: str) -> None:
    """Pass addresses of the site's media servers.

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
