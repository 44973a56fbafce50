"""Handles what all requests that create jobs have in common: ``Idempotency-Key`` and ``webhook_url``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from src.data.idempotency_data import StoredReply
from src.middleware.auth import SESSION_HEADER, Caller
from src.middleware.login_cookie import cookie_name
from src.middleware.services_of_request import services
from src.utils.addresses import network_of

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_STORED_HEADERS = ("Location", "Retry-After")


def creating(
    id_field: str, path: Mapping[str, Any], sent: Any, caller: Caller, answer: Callable[[], Response]
) -> Response:
    """Answer a request that creates a job; its id is the field ``id_field`` of the reply or path.

    Raises:
        IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInProgress, WebhookInvalid.
    """
    sent = sent if isinstance(sent, dict) else {}
    webhook, secret = sent.get("webhook_url"), sent.get("webhook_secret")
    if webhook is not None:
        services().webhooks.require_valid(webhook, secret)

    def create() -> Response:
        response = answer()
        job_id = _job_id(id_field, path, response)
        if webhook is not None and job_id:
            network = network_of(caller.address)
            services().webhooks.register(job_id, webhook, secret, asked_by=caller.owner, network=network)
        return response

    key = request.headers.get(KEY_HEADER)
    return create() if key is None else _once(key, sent, create)


def _once(key: str, sent: dict[str, Any], create: Callable[[], Response]) -> Response:
    keys = services().idempotency
    name, stored = keys.start(_scope(), key, _fingerprint(sent))
    if stored is not None:
        replayed = Response(stored.body, stored.status, mimetype="application/json")
        replayed.headers.update({**stored.headers, REPLAYED_HEADER: "true"})
        return replayed
    try:
        response = create()
    except BaseException:
        keys.release(name)
        raise
    if response.is_json and response.status_code < 300:
        headers = {each: response.headers[each] for each in _STORED_HEADERS if each in response.headers}
        keys.finish(name, StoredReply(response.status_code, response.get_data(as_text=True), headers))
    else:  # a file is not stored with the key
        keys.release(name)
    return response


def _scope() -> str:
    """Return the caller and the endpoint: a hash of the caller's secret, if any, otherwise of its address."""
    login = request.headers.get("Authorization") or request.cookies.get(cookie_name())
    who = login or request.headers.get(SESSION_HEADER) or request.remote_addr or ""
    return f"{hashlib.sha256(who.encode()).hexdigest()} {request.method} {request.path}"


def _fingerprint(sent: dict[str, Any]) -> str:
    content = json.dumps([sent, request.query_string.decode("latin-1")], sort_keys=True)
    if request.mimetype == "multipart/form-data":  # only the size of an upload: its bytes are not read twice
        content += f" {request.content_length}"
    return hashlib.sha256(content.encode()).hexdigest()


def _job_id(id_field: str, path: Mapping[str, Any], response: Response) -> str | None:
    body = response.get_json(silent=True) if response.is_json else None
    found = None
    if isinstance(body, dict):
        inner = body.get("data")
        found = body.get(id_field) or (inner.get(id_field) if isinstance(inner, dict) else None)
    found = found or path.get(id_field)
    return str(found).partition("-")[0] if found else None
