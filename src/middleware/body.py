"""Reads untrusted JSON bodies: limited, strict, and never answered with 500."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from src.errors import BodyTooLarge, RequestInvalid, RequestTooSlow
from src.utils.sending import came_too_slowly

MAX_JSON_BYTES = 64 * 1024
MAX_JSON_DEPTH = 32


def read_json(*, required: bool) -> Any:
    """Return the body as JSON, regardless of its content type; ``None`` when it is empty and not required.

    Clients such as bots and shells often send JSON with the content type of a form.

    Raises:
        BodyTooLarge: more than 64 kB.
        RequestTooSlow: it came too slowly.
        RequestInvalid: not UTF-8, not JSON, NaN or Infinity, nested more than 32 levels deep, or not an object.
    """
    request.max_content_length = MAX_JSON_BYTES
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge(max_bytes=MAX_JSON_BYTES) from None
    except ClientDisconnected:
        if came_too_slowly(request.environ):
            raise RequestTooSlow() from None
        raise RequestInvalid("The body ended too early.") from None
    if not raw.strip():
        if required:
            raise RequestInvalid("A JSON body is required.")
        return None
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RequestInvalid("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise RequestInvalid("The body must be a JSON object.")
    if _depth(value) > MAX_JSON_DEPTH:
        raise RequestInvalid("The body is nested too deeply.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(value: Any) -> int:
    deepest, pending = 0, [(value, 1)]
    while pending:
        item, depth = pending.pop()
        deepest = max(deepest, depth)
        children = _children(item)
        pending.extend((child, depth + 1) for child in children)
    return deepest


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
