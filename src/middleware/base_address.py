"""Builds every address of this service in replies, also where a proxy serves it below a path of another site.

A trusted proxy names that path in ``X-Forwarded-Prefix``, if ``FORWARDED_PREFIX`` is on; it may remove the path from
the requests or not. The setting is off by default: a proxy that was set up before passes on what a client claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from src.middleware.services_of_request import services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def base_address() -> str:
    """Return scheme, host and path, without a slash at the end: ``PUBLIC_URL``, otherwise those of the request."""
    return (services().settings.public_url or request.url_root).rstrip("/")


def address(path: str) -> str:
    """Return a path of this service as a URL, for links that leave it: in messages, on other sites."""
    return base_address() + path


def local_address(path: str) -> str:
    """Return a path of this service as the sender of this request sees it, for ``Location`` and links in pages."""
    prefix = request.script_root or urlsplit(services().settings.public_url).path
    return prefix.rstrip("/") + path


class Below:
    """Serves an app below the path that a trusted proxy has named; an invalid one counts as none."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request, after ``ProxyFix``."""
        prefix = str(environ.get("SCRIPT_NAME") or "").rstrip("/")
        if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
            prefix = ""
        environ["SCRIPT_NAME"] = prefix
        path = str(environ.get("PATH_INFO") or "")
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        return self._app(environ, start_response)
