"""How many requests one caller may send: classes of endpoints, counted in Redis, in this process while Redis is away.

Which class an endpoint belongs to stands in its contract. Callers are network addresses (of IPv6 the /64 that one
customer has); whoever shows a token of ours in the path is counted by the token, because chat bots call for thousands
of channels from a few addresses. Counting comes before anything else: also before a token in a header is looked at.
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
from src.middleware.auth import Auth
from src.middleware.contract import Limit, contract_of
from src.middleware.services_of_request import services
from src.services.chat.channel_tokens import has_token_prefix
from src.utils.addresses import network_of

# Requests of one caller to all endpoints of a class together. A person clicks seldom; a page polls each second; an
# office shares one address.
RATES: dict[Limit, str] = {
    Limit.READ: "3000/minute",
    Limit.WRITE: "300/minute",
    Limit.SAVE: "120/minute;1500/hour",
    Limit.START: "60/minute",
    Limit.LOOK_UP: "30/minute",
    Limit.SIGN_IN: "30/minute",
    Limit.TOKEN: "60/minute",
}


def install(app: Flask) -> None:
    """Count the requests to every endpoint that has a contract. After all blueprints are registered."""
    store, settings = services_of(app)
    limiter = Limiter(
        caller,
        app=app,
        storage_uri="redis://",
        storage_options={"connection_pool": store},
        strategy="fixed-window",
        key_prefix="rates",
        in_memory_fallback_enabled=True,  # without it a Redis that is away would be an error of every request
        swallow_errors=True,  # and of those that were on their way to it when another request found it away
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

    def tell(response: Response) -> Response:
        """``RateLimit`` and ``RateLimit-Policy`` as in the IETF's draft."""
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
    app.after_request(tell)


def services_of(app: Flask) -> tuple[Any, Any]:
    """(the pool of connections to Redis, the settings) of an app."""
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
    """Return who is counted: whoever made the token in the path, if it is one of ours, otherwise the address.

    Text that only looks like a token counts for nobody else: each one would have counts of its own, in Redis and
    without an end. Of one request, this is found out once.
    """
    if "counted_caller" not in g:
        token = str((request.view_args or {}).get("token") or "")
        ours = bool(token) and _is_ours(token)
        hashed = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        g.counted_caller = f"token:{hashed}" if ours else network_of(request.remote_addr or "unknown")
    return str(g.counted_caller)


def _is_ours(token: str) -> bool:
    contract = contract_of(current_app.view_functions[str(request.endpoint)])
    try:
        if contract is None or contract.auth not in (Auth.PATH_TOKEN, Auth.CHANNEL):
            return services().shares.is_signed(token)
        if has_token_prefix(token):
            services().channel_tokens.identify(token)
        elif contract.auth is Auth.PATH_TOKEN:
            services().accounts.verify_public_token(token)
        else:
            return False
    except (TokenInvalid, TokenExpired, StoreUnavailable):
        return False
    return True
