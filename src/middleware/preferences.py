"""Reads a caller's preferences: how long to wait for a job (RFC 7240, ``Prefer``), and JSON or text (``Accept``)."""

from __future__ import annotations

import re

from flask import request

from src.middleware.services_of_request import services

LONGEST_WAIT_SECONDS = 60.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)


def wait_seconds() -> float:
    """Return ``Prefer: wait=N`` (at most 60), 0 for ``Prefer: respond-async``, otherwise ``SYNC_WAIT_SECONDS``."""
    asked = ", ".join(request.headers.getlist("Prefer"))
    wait = _WAIT.search(asked)
    if wait:
        return min(float(wait.group(1)), LONGEST_WAIT_SECONDS)
    if _RESPOND_ASYNC.search(asked):
        return 0.0
    return services().settings.sync_wait_seconds


def wants_plain_text() -> bool:
    """Return whether ``Accept`` prefers ``text/plain`` to JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain"


def wants_page() -> bool:
    """Return whether ``Accept`` prefers ``text/html`` to JSON, as browsers do."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
