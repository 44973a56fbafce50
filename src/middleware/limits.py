"""Limits requests per caller by classes of endpoints, counted in Redis or, while it is unreachable, in this process.

The class of an endpoint is part of its contract. Callers are network addresses (for IPv6 the /64 of one customer).
Callers with a valid token in the path are counted by the token, because chat bots call for thousands of channels from a
few addresses. Counting comes before anything else, also before a token in a header is checked.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter, RequestLimit
from flask_limiter import RateLimitExceeded as Exceeded

from src.errors import RateLimitExceeded, StoreUnavailable, TokenExpired, TokenInvalid
from src.middleware.auth import Auth, channel_of
from src.middleware.contract import Limit, contract_of
from src.middleware.services_of_request import services
from src.services.chat.channel_tokens import has_token_prefix
from src.utils.addresses import network_of

# Requests of one caller to all endpoints of a class together. People click seldom; a page polls each second; an office
# shares one address.
RATES: dict[Limit, str] = {
    Limit.READ: "3000/minute",
    Limit.WRITE: "300/minute",
    Limit.SAVE: "120/minute;1500/hour",
    Limit.START: "60/minute",
    Limit.LOOK_UP: "30/minute",
    Limit.PREVIEW: "480/minute",  # of one owner 120: see clips/preview_requests.py
    Limit.IMAGE: "300/minute",
    Limit.SIGN_IN: "30/minute",
    Limit.TOKEN: "60/minute",
}


def install(app: Flask) -> None:
    """Limit the requests to all endpoints with a contract. Call this after all blueprints are registered."""
    store, settings = services_of(app)
    limiter = Limiter(
        caller,
        app=app,
        storage_uri="redis://",
        storage_options={"connection_pool": store},
        strategy="fixed-window",
        key_prefix="rates",
        in_memory_fallback_enabled=True,  # otherwise every request would fail while Redis is unreachable
        swallow_errors=True,  # for requests that are using Redis when another one finds it unreachable
        enabled=settings.rate_limit_enabled,
    )
    for name, view in list(app.view_functions.items()):
        contract = contract_of(view)
        if contract is None or contract.limit is Limit.NONE:
            continue
        app.view_functions[name] = _limited(limiter, view, contract.limit)

    def refuse(error: Exceeded) -> Response:
        hit = limiter.current_limit
        left = max(1, int(hit.reset_at - time.time())) if hit else 60
        answer: Response = app.handle_user_exception(RateLimitExceeded(retry_after_seconds=left))  # type: ignore[assignment]
        return answer

    def add_headers(response: Response) -> Response:
        """Set ``RateLimit`` and ``RateLimit-Policy`` as in the IETF draft."""
        known: list[RequestLimit] = limiter.current_limits if settings.rate_limit_enabled else []
        if known:
            tightest = min(known, key=lambda each: each.remaining / max(each.limit.amount, 1))
            seconds = max(0, int(tightest.reset_at - time.time()))
            response.headers["RateLimit-Policy"] = ", ".join(
                f'"{_name(each)}";q={each.limit.amount};w={each.limit.get_expiry()}' for each in known
            )
            response.headers["RateLimit"] = f'"{_name(tightest)}";r={max(0, tightest.remaining)};t={seconds}'
        return response

    app.register_error_handler(Exceeded, refuse)
    app.after_request(add_headers)


def services_of(app: Flask) -> tuple[Any, Any]:
    """Return the Redis connection pool and the settings of an app."""
    with app.app_context():
        return services().cache.client.connection_pool, services().settings


def _limited(limiter: Limiter, view: Callable[..., Any], limit: Limit) -> Callable[..., Any]:
    if limit is not Limit.BY_METHOD:
        return limiter.shared_limit(RATES[limit], scope=limit.value)(view)
    for methods, each in ((["GET", "HEAD"], Limit.READ), (["POST", "PUT", "PATCH", "DELETE"], Limit.WRITE)):
        view = limiter.shared_limit(RATES[each], scope=each.value, methods=methods)(view)
    return view


def _name(limit: RequestLimit) -> str:
    return f"{limit.limit.amount} per {limit.limit.GRANULARITY.name}"


def caller() -> str:
    """Return who is counted: a valid token in the path, otherwise the address.

    Invalid tokens are counted by address: otherwise each of them would create counters in Redis, without limit. The
    result is cached for the request.
    """
    if "counted_caller" not in g:
        token = str((request.view_args or {}).get("token") or "")
        ours = bool(token) and _is_issued_here(token)
        hashed = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        g.counted_caller = f"token:{hashed}" if ours else network_of(request.remote_addr or "unknown")
    return str(g.counted_caller)


def _is_issued_here(token: str) -> bool:
    contract = contract_of(current_app.view_functions[str(request.endpoint)])
    try:
        if contract is None or contract.auth not in (Auth.PATH_TOKEN, Auth.CHANNEL):
            return services().shares.is_signed(token)
        if has_token_prefix(token):
            channel_of(token)
        elif contract.auth is Auth.PATH_TOKEN:
            services().accounts.verify_public_token(token)
        else:
            return False
    except (TokenInvalid, TokenExpired, StoreUnavailable):
        return False
    return True
