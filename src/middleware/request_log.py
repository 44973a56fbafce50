"""Gives every request an id, for its log lines and its reply, and logs one line when it is answered."""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from src.utils.logs import context_id

log = logging.getLogger("src.requests")

_TOKENS = re.compile(r"^(/(?:c|s)/|/api/video/save/stream/)[^/]+")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _shown_path() -> str:
    """Return the path without a token."""
    token = (request.view_args or {}).get("token")
    if token:
        return request.path.replace(token, "<token>")
    return _TOKENS.sub(r"\1<token>", request.path)  # for addresses without a route


def request_age() -> float:
    """Return how many seconds ago the current request arrived."""
    return time.monotonic() - float(g.started)


def install(app: Flask) -> None:
    """Use the caller's ``X-Request-ID`` if it is harmless, otherwise generate one."""

    def start() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex[:16]
        g.started = time.monotonic()
        context_id.set(g.request_id)

    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "-")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if request.path != "/api/health/simple":
            milliseconds = (time.monotonic() - g.get("started", time.monotonic())) * 1000
            log.info("%s %s %d %.0f ms", request.method, _shown_path(), response.status_code, milliseconds)
        return response

    app.before_request(start)
    app.after_request(end)
