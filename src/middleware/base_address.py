"""Returns the address of this service for links in replies: ``PUBLIC_URL``, otherwise that of the current request."""

from __future__ import annotations

from flask import request

from src.middleware.services_of_request import services


def base_address() -> str:
    """Return scheme, host and path, without a slash at the end."""
    return (services().settings.public_url or request.url_root).rstrip("/")
