"""Subscribes each process once to the progress readings of all jobs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from src.services.cache_service import CacheService

log = logging.getLogger(__name__)

PATTERN = "progress:*"
_PAUSE_SECONDS = 1.0
_READY_SECONDS = 2.0

Fields = dict[str, Any]
OnMessage = Callable[[str, Fields], None]
Action = Callable[[], None]


class ProgressFeed:
    """Subscribes at first use, in a separate thread. Without Redis no message arrives, but no error occurs."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    def follow(self, on_message: OnMessage, on_tick: Action, on_gap: Action) -> None:
        """Call ``on_message`` (job id, fields) for every message and ``on_tick`` about once a second.

        ``on_gap`` is called when the feed continues after messages may have been lost.

        Only the first call has an effect. All functions are called on the feed's thread, one at a time, with or without
        Redis. While Redis answers, nothing that happens after this method returns is missed.
        """
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, args=(on_message, on_tick, on_gap), name="progress-feed", daemon=True
                )
                thread.start()
                self._thread = thread
        self._ready.wait(_READY_SECONDS)

    def _run(self, on_message: OnMessage, on_tick: Action, on_gap: Action) -> None:
        subscriptions = 0

        def on_subscribed() -> None:
            """Count subscriptions: the driver subscribes again after it lost the connection."""
            nonlocal subscriptions
            subscriptions += 1
            if subscriptions > 1:
                on_gap()
            self._ready.set()

        while True:
            try:
                self._subscribe(on_message, on_tick, on_subscribed)
            except redis.RedisError as error:
                log.debug("no feed: %s", error)
            except Exception:
                log.exception("the feed failed")
            self._ready.clear()
            time.sleep(_PAUSE_SECONDS)
            try:
                on_tick()
            except Exception:
                log.exception("reading the records failed")

    def _subscribe(self, on_message: OnMessage, on_tick: Action, on_subscribed: Action) -> None:
        with self._cache.client.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.psubscribe(PATTERN)
            next_tick = time.monotonic() + 1.0
            while True:
                message = channel.get_message(timeout=1.0)
                if message is not None and message["type"] == "psubscribe":
                    on_subscribed()
                elif message is not None and message["type"] == "pmessage":
                    on_message(message["channel"].partition(":")[2], json.loads(message["data"]))
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + 1.0
                    on_tick()
