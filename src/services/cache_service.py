"""Redis as a cache: JSON with a lifetime, and a Redis that is away is a miss, never an error and never a long wait.

What may be forgotten lives here; the truth is in MongoDB. A Redis that does not answer is left alone for
``pause_seconds`` (a circuit breaker), so that not every request waits for a time-out; then one caller tries
again while the others still go without.
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

# How long a request may be held up by a Redis that hangs instead of refusing.
TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 3.0

Result = TypeVar("Result")


class CacheUnavailable(Exception):
    """Redis does not answer. Stays inside the services: callers go on without it."""


def connect_redis(uri: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.Redis:
    """A client for ``redis://``, ``rediss://`` or ``unix://`` addresses; connects at the first use, answers ``str``.

    A connection that broke while it was idle is opened anew once; a time-out is not tried twice. The health
    check finds half-open connections.

    Raises:
        SettingsError: the address cannot be understood.
    """
    of_tcp = {} if uri.startswith("unix:") else {"socket_connect_timeout": timeout_seconds, "socket_keepalive": True}
    try:
        return redis.Redis.from_url(
            uri,
            decode_responses=True,
            socket_timeout=timeout_seconds,
            health_check_interval=10,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            **of_tcp,
        )
    except ValueError as error:
        raise SettingsError(f"REDIS_URI cannot be used: {error}") from None


class CacheService:
    """A cache on Redis that fails soft. ``client`` is the bare client, for subscriptions and pipelines of others."""

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
        """Whether Redis answered the last time it was asked. Asks nothing itself."""
        return self._next_try is None

    def get(self, key: str) -> Any | None:
        """The value under this key; ``None`` when it is not there, not JSON, or Redis is away."""
        try:
            text = self.attempt(lambda client: client.get(key))
            return None if text is None else json.loads(text)
        except (CacheUnavailable, ValueError):
            return None

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Keep a JSON value for so long; whether Redis took it."""
        milliseconds = round(ttl_seconds * 1000)
        if milliseconds <= 0:
            return False
        text = json.dumps(value)
        try:
            self.attempt(lambda client: client.set(key, text, px=milliseconds))
        except CacheUnavailable:
            return False
        return True

    def delete(self, *keys: str) -> bool:
        """Forget these keys; whether Redis was told."""
        try:
            self.attempt(lambda client: client.delete(*keys))
        except CacheUnavailable:
            return False
        return True

    def ping(self) -> bool:
        """Whether Redis answers now (or, within the pause after a failure, did not)."""
        try:
            self.attempt(lambda client: client.ping())
        except CacheUnavailable:
            return False
        return True

    def add_to_hash(self, key: str, counts: Mapping[str, int], sums: Mapping[str, float]) -> None:
        """Add whole numbers and fractions to fields of a hash; all arrive, or the connection failed between two.

        Raises:
            CacheUnavailable: Redis is away.
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
        """Do something with the bare client, through the breaker.

        Raises:
            CacheUnavailable: Redis is away, or was a moment ago.
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
            # This caller tries; the others go without until it knows.
            self._next_try = now + self._pause_seconds

    def _failed(self, error: RedisError) -> None:
        with self._lock:
            first = self.available
            self._next_try = self._clock.monotonic() + self._pause_seconds
        if first:
            log.warning("Redis does not answer (%s); going on without it", type(error).__name__)

    def _answered(self) -> None:
        if self.available:
            return
        with self._lock:
            was_away, self._next_try = not self.available, None
        if was_away:
            log.info("Redis answers again")
