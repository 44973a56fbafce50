"""Turns every error of the app into a response: the status by its kind, the JSON form by the API that was called."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from src.errors import (
    AppError,
    BodyTooLarge,
    EndpointNotFound,
    ErrorKind,
    InternalError,
    MediaTypeUnsupported,
    MethodNotAllowed,
    RangeNotSatisfiable,
    RequestInvalid,
    TokenExpired,
    TokenInvalid,
    disk_fault,
)
from src.middleware.bots import hints
from src.middleware.chat import text
from src.middleware.login_cookie import clearing_header, is_used
from src.services.chat.chat import sentence_of
from src.utils.clock import utc_text
from src.utils.long_addresses import CHAT_PATHS

log = logging.getLogger(__name__)

STATUS = {
    ErrorKind.INVALID: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.METHOD_NOT_ALLOWED: 405,
    ErrorKind.TOO_SLOW: 408,
    ErrorKind.CONFLICT: 409,
    ErrorKind.PRECONDITION_FAILED: 412,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.URI_TOO_LONG: 414,
    ErrorKind.UNPROCESSABLE: 422,
    ErrorKind.UNSUPPORTED_TYPE: 415,
    ErrorKind.RANGE_NOT_SATISFIABLE: 416,
    ErrorKind.UPGRADE_REQUIRED: 426,
    ErrorKind.TOO_MANY: 429,
    ErrorKind.JOB_FAILED: 500,
    ErrorKind.INTERNAL: 500,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.STORAGE_FULL: 507,
}

_FROM_STATUS: dict[int, type[AppError]] = {
    404: EndpointNotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: MediaTypeUnsupported,
    416: RangeNotSatisfiable,
}

ErrorBody = Callable[[AppError], dict[str, Any]]


def flat_body(error: AppError) -> dict[str, Any]:
    """Return ``{"error", "code", "details"}``: the form of the product's own API."""
    return {"error": error.message, "code": error.code, "details": error.details}


def envelope_body(error: AppError) -> dict[str, Any]:
    """Return ``{"status", "error": {"code", "message", "details"}, "timestamp"}``: the form of the archive services."""
    return {
        "status": "error",
        "error": {"code": error.code, "message": error.message, "details": error.details},
        "timestamp": utc_text(datetime.now(UTC)),
    }


def _of_path(path: str, bodies: Sequence[tuple[str, ErrorBody]]) -> ErrorBody:
    matching = [body for prefix, body in bodies if path.startswith(prefix)]
    bare = [body for prefix, body in bodies if f"{path}/" == prefix]
    return next(iter([*matching, *bare]), flat_body)


def install(
    app: Flask, bodies: Sequence[tuple[str, ErrorBody]] = (), by_blueprint: Mapping[str, ErrorBody] | None = None
) -> None:
    """Answer every error of this app in the form of its endpoint or, for unknown endpoints, of its path.

    ``by_blueprint`` has the forms of endpoints. ``bodies`` has pairs (path prefix, form), of which the first match is
    used, otherwise ``flat_body``. A prefix that ends with a slash also matches without it.
    """
    of_endpoints = by_blueprint or {}

    def answer(error: AppError) -> Response:
        if request.path.startswith(CHAT_PATHS) and hints().bot:
            return text(sentence_of(error))
        body = of_endpoints.get(request.blueprint or "") or _of_path(request.path, bodies)
        response = jsonify(body(error))
        response.status_code = STATUS[error.kind]
        retry_after = error.details.get("retry_after_seconds")
        if isinstance(retry_after, int | float):
            response.headers["Retry-After"] = str(max(1, round(retry_after)))
        if error.kind is ErrorKind.UPGRADE_REQUIRED:  # RFC 6455, 4.4
            response.headers.update({"Sec-WebSocket-Version": "13", "Upgrade": "websocket"})
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, TokenInvalid | TokenExpired) and is_used():
            response.headers.update(clearing_header())  # a page cannot delete the cookie of a login that has ended
        return response

    def of_app(error: AppError) -> Response:
        if error.kind is ErrorKind.INTERNAL:
            log.error("%s: %s", error.code, error.message, exc_info=error)
        return answer(error)

    def of_werkzeug(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:  # a redirect of the router, to the address with or without the slash
            return Response(status=status, headers={"Location": dict(error.get_headers(request.environ))["Location"]})
        error_type = _FROM_STATUS.get(status) or (RequestInvalid if status < 500 else InternalError)
        response = answer(error_type())
        for name, value in error.get_headers():
            if name in {"Allow", "Content-Range", "Retry-After"}:
                response.headers[name] = value
        return response

    def of_anything(error: Exception) -> Response:
        fault = disk_fault(error)
        if fault is not None:
            log.warning("%s: %s", fault.code, error)
            return answer(fault)
        log.error("Unexpected error", exc_info=error)
        return answer(InternalError())

    app.register_error_handler(AppError, of_app)
    app.register_error_handler(HTTPException, of_werkzeug)
    app.register_error_handler(Exception, of_anything)
