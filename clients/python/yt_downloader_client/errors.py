"""What the service refused, in the words of any of its surfaces."""

from __future__ import annotations

from typing import Any

import httpx


class ServiceError(Exception):
    """The service answered with an error: its sentence, its code, and the HTTP status."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


class JobFailed(ServiceError):
    """A job ended without a file."""


_PASSING = (429, 502, 503, 504)


def passes(error: Exception) -> bool:
    """Whether the same question may well be answered a little later."""
    return isinstance(error, httpx.TransportError) or (isinstance(error, ServiceError) and error.status in _PASSING)


def check_file(reply: httpx.Response) -> httpx.Response:
    """Pass a reply that is a file; any other must have been read.

    Raises:
        ServiceError: it is an error, or the file is not ready.
    """
    if check(reply).status_code != httpx.codes.OK:
        raise ServiceError("The file is not ready", "FILE_NOT_READY", reply.status_code)
    return reply


def check(reply: httpx.Response) -> httpx.Response:
    """Pass a reply that is none.

    Raises:
        ServiceError: it is an error.
    """
    if reply.is_success:
        return reply
    try:
        body: Any = reply.json()
    except ValueError:
        body = {}
    told = body.get("error") if isinstance(body, dict) else None
    if isinstance(told, dict):
        raise ServiceError(str(told.get("message")), str(told.get("code", "")), reply.status_code)
    message = told or (body.get("detail") if isinstance(body, dict) else None) or reply.reason_phrase
    raise ServiceError(str(message), str(body.get("code", "")) if isinstance(body, dict) else "", reply.status_code)
