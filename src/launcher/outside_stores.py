"""Checks that the configured stores respond, before anything is started that needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from src.config import Settings
from src.launcher.problems import StoreUnreachable
from src.utils.logs import redact

# Long enough for a busy server, short enough after a typing error.
_SECONDS = 5


def require_answers(settings: Settings) -> None:
    """Check the servers of MONGODB_URI and REDIS_URI.

    Raises:
        StoreUnreachable: a server does not respond as expected within five seconds; the message names the setting and
            quotes the server's message.
    """
    for name, uri, ask in (
        ("MONGODB_URI", settings.mongodb_uri, _ask_mongodb),
        ("REDIS_URI", settings.redis_uri, _ask_redis),
    ):
        if uri:
            _require_answer(name, uri, ask)


def _require_answer(name: str, uri: str, ask: Callable[[str], None]) -> None:
    try:
        ask(uri)
    except Exception as error:  # a dozen types of two drivers, with the same meaning for the operator
        reason = str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0]
        raise StoreUnreachable(
            f"{name} is {redact(uri)}, and no usable server answers there: {redact(reason)}\n"
            f"Start that server or correct {name}; without {name} the service starts an embedded one."
        ) from None


# Imported where needed because the launcher runs as long as the service and stays small without the drivers.
def _ask_mongodb(uri: str) -> None:
    from pymongo import MongoClient

    patience: dict[str, Any] = {"serverSelectionTimeoutMS": _SECONDS * 1000, "connectTimeoutMS": _SECONDS * 1000}
    client: MongoClient[dict[str, Any]] = MongoClient(uri, **patience)
    with client:
        client.admin.command("ping")
        client.get_default_database(default="yt_downloader").command("listCollections", nameOnly=True)


def _ask_redis(uri: str) -> None:
    import redis

    with redis.Redis.from_url(uri, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as client:
        client.ping()
