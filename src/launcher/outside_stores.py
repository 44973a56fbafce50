"""The stores that the settings name: whether they answer, asked before anything is started for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from src.config import Settings
from src.launcher.problems import StoreUnreachable
from src.utils.logs import redact

# Long enough for a busy server, short enough for somebody who mistyped.
_SECONDS = 5


def require_answers(settings: Settings) -> None:
    """Ask each server that MONGODB_URI and REDIS_URI name.

    Raises:
        StoreUnreachable: one of them does not answer within five seconds, or not as it should; the message names the
            setting and the server's own words.
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
    except Exception as error:  # two drivers with a dozen of kinds each; all mean the same to who started this
        words = str(error).partition(" (configured timeouts")[0].partition(", Timeout:")[0]
        raise StoreUnreachable(
            f"{name} is {redact(uri)}, and no usable server answers there: {redact(words)}\n"
            f"Start that server or correct {name}; without {name} the service brings its own."
        ) from None


# The drivers are only loaded where they are needed: the launcher lives as long as the service, and stays small.
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
