"""An id for every request, in each log line and in the reply, and one line when it was answered."""

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
    """Return the path without the token that it may hold."""
    token = (request.view_args or {}).get("token")
    if token:
        return request.path.replace(token, "<token>")
    return _TOKENS.sub(r"\1<token>", request.path)  # of an address that no route answers


def install(app: Flask) -> None:
    """Take ``X-Request-ID`` from the caller when it is harmless, otherwise make one."""

    def begin() -> None:
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

    app.before_request(begin)
    app.after_request(end)
