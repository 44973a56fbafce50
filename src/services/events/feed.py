"""The readings of all jobs as they happen: one subscription per process."""

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


class ProgressFeed:
    """Subscribes when it is first wanted, in a thread of its own. Without Redis nothing comes, and nothing fails."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    def follow(self, hear: Callable[[str, Fields], None], tick: Callable[[], None], missed: Callable[[], None]) -> None:
        """Have every message told to ``hear`` (the job's id, what was said) and ``tick`` called about once a second.

        ``missed`` is called when the feed goes on after messages may have been lost.

        Only the first call counts. All are called on the feed's thread, one at a time, with Redis or without. What
        happens after this has returned is not missed while Redis answers.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(hear, tick, missed), name="progress-feed", daemon=True
                )
                self._thread.start()
        self._ready.wait(_READY_SECONDS)

    def _run(self, hear: Callable[[str, Fields], None], tick: Callable[[], None], missed: Callable[[], None]) -> None:
        beginnings = 0

        def begun() -> None:
            """A subscription counts; the driver makes a new one by itself when its connection was lost."""
            nonlocal beginnings
            beginnings += 1
            if beginnings > 1:
                missed()
            self._ready.set()

        while True:
            try:
                self._subscribe(hear, tick, begun)
            except redis.RedisError as error:
                log.debug("no feed: %s", error)
            except Exception:
                log.exception("the feed failed")
            self._ready.clear()
            time.sleep(_PAUSE_SECONDS)
            try:
                tick()
            except Exception:
                log.exception("a look at the records failed")

    def _subscribe(
        self, hear: Callable[[str, Fields], None], tick: Callable[[], None], begun: Callable[[], None]
    ) -> None:
        with self._cache.client.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.psubscribe(PATTERN)
            next_tick = time.monotonic() + 1.0
            while True:
                message = channel.get_message(timeout=1.0)
                if message is not None and message["type"] == "psubscribe":
                    begun()
                elif message is not None and message["type"] == "pmessage":
                    hear(message["channel"].partition(":")[2], json.loads(message["data"]))
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + 1.0
                    tick()
