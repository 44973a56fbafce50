"""Caches JSON values in Redis with a lifetime; an unavailable Redis is a cache miss, never an error or a long wait.

Only data that may be lost is stored here; MongoDB is authoritative. After a failure, Redis is not queried for
``pause_seconds`` (a circuit breaker), so that not every request waits for a timeout. Then one caller tries again while
the others still continue without Redis.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from src.config import SettingsError
from src.utils.clock import Clock, SystemClock

log = logging.getLogger(__name__)

# How long a request may wait for a Redis that hangs.
TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 3.0

Result = TypeVar("Result")


class CacheUnavailable(Exception):
    """Redis does not answer. Services catch this and continue without Redis."""


def connect_redis(uri: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.Redis:
    """Create a client for ``redis://``, ``rediss://`` or ``unix://`` addresses; it connects at the first use and
    returns ``str``.

    A connection that broke while idle is reopened once; a timeout is not retried. The health check finds half-open
    connections.

    Raises:
        SettingsError: the address is invalid.
    """
    of_tcp = {} if uri.startswith("unix:") else {"socket_connect_timeout": timeout_seconds, "socket_keepalive": True}
    try:
        return redis.Redis.from_url(
            uri,
            decode_responses=True,
            socket_timeout=timeout_seconds,
            health_check_interval=10,
            driver_info=None,  # to find the version of the driver, each process would parse its package's description
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            **of_tcp,
        )
    except ValueError as error:
        raise SettingsError(f"REDIS_URI cannot be used: {error}") from None


class CacheService:
    """A cache that tolerates failures of Redis. ``client`` is the plain client, for subscriptions and pipelines."""

    def __init__(
        self, client: redis.Redis, *, clock: Clock | None = None, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self.client = client
        self._clock = clock or SystemClock()
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._next_try: float | None = None  # monotonic; None while Redis answers

    @property
    def available(self) -> bool:
        """Whether Redis answered the last command. Sends nothing itself."""
        return self._next_try is None

    def get(self, key: str) -> Any | None:
        """Return the value of this key; ``None`` if it is missing, not JSON, or Redis is unavailable."""
        try:
            text = self.attempt(lambda client: client.get(key))
            return None if text is None else json.loads(text)
        except (CacheUnavailable, ValueError):
            return None

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Store a JSON value for ``ttl_seconds``; return whether Redis accepted it."""
        milliseconds = round(ttl_seconds * 1000)
        if milliseconds <= 0:
            return False
        text = json.dumps(value)
        try:
            self.attempt(lambda client: client.set(key, text, px=milliseconds))
        except CacheUnavailable:
            return False
        return True

    def add(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Store a JSON value unless the key has one; return whether it was stored. True while Redis is unavailable."""
        text, milliseconds = json.dumps(value), max(1, round(ttl_seconds * 1000))
        try:
            return bool(self.attempt(lambda client: client.set(key, text, px=milliseconds, nx=True)))
        except CacheUnavailable:
            return True

    def delete(self, *keys: str) -> bool:
        """Delete these keys; return whether Redis accepted it."""
        try:
            self.attempt(lambda client: client.delete(*keys))
        except CacheUnavailable:
            return False
        return True

    def ping(self) -> bool:
        """Whether Redis answers now; false within the pause after a failure."""
        try:
            self.attempt(lambda client: client.ping())
        except CacheUnavailable:
            return False
        return True

    def add_to_hash(self, key: str, counts: Mapping[str, int], sums: Mapping[str, float]) -> None:
        """Add integers and fractions to fields of a hash; a failed connection may leave only some of them added.

        Raises:
            CacheUnavailable: Redis is unavailable.
        """

        def write(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipe:
                for name, number in counts.items():
                    pipe.hincrby(key, name, number)
                for name, amount in sums.items():
                    pipe.hincrbyfloat(key, name, amount)
                pipe.execute()

        self.attempt(write)

    def attempt(self, action: Callable[[redis.Redis], Result]) -> Result:
        """Run ``action`` with the plain client through the circuit breaker.

        Raises:
            CacheUnavailable: Redis is unavailable, or was within the pause.
        """
        self._admit()
        try:
            result = action(self.client)
        except RedisError as error:
            self._failed(error)
            raise CacheUnavailable() from error
        self._answered()
        return result

    def _admit(self) -> None:
        if self.available:
            return
        with self._lock:
            now = self._clock.monotonic()
            if self._next_try is not None and now < self._next_try:
                raise CacheUnavailable()
            # This caller tries; the others continue without Redis until it has an answer.
            self._next_try = now + self._pause_seconds

    def _failed(self, error: RedisError) -> None:
        with self._lock:
            first = self.available
            self._next_try = self._clock.monotonic() + self._pause_seconds
        if first:
            log.warning("Redis does not answer (%s); continuing without it", type(error).__name__)

    def _answered(self) -> None:
        if self.available:
            return
        with self._lock:
            was_away, self._next_try = not self.available, None
        if was_away:
            log.info("Redis answers again")
