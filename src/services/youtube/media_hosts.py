"""Defines YouTube's hosts for media and for images, the only ones that are fetched, even if an answer or a redirect
names others.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from src.errors import UrlForbidden

_MEDIA = (".googlevideo.com", ".youtube.com")
_IMAGES = (".ytimg.com",)


def require_media_host(url: str) -> None:
    """Require an address of the site's media servers.

    Raises:
        UrlForbidden: it is another address.
    """
    if not _is_of(url, _MEDIA):
        raise UrlForbidden("The video site sent an address that does not belong to it")


def require_image_host(url: str) -> None:
    """Require an address of the site's servers for images.

    Raises:
        UrlForbidden: it is another address.
    """
    if not is_image_address(url):
        raise UrlForbidden("The video site sent an address that does not belong to it")


def is_image_address(url: str) -> bool:
    """Whether this is an address of the site's servers for images."""
    return _is_of(url, _IMAGES)


def _is_of(url: str, domains: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and port in (None, 443) and parts.username is None and host.endswith(domains)
