"""The readings of all jobs as they happen: one subscription per process, handed on to everybody who listens."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from src.services.cache_service import CacheService

log = logging.getLogger(__name__)

PATTERN = "progress:*"
_PAUSE_SECONDS = 1.0

Fields = dict[str, Any]


class Listener:
    """What has happened since somebody looked the last time: the newest of each job, so a slow reader costs nothing."""

    def __init__(self, job_id: str | None) -> None:
        """``job_id``: of one job; ``None`` of all."""
        self.job_id = job_id
        self._news: dict[str, Fields] = {}
        self._changed = threading.Condition()

    def put(self, job_id: str, fields: Fields) -> None:
        """Something happened. An end is not overwritten by what came before it and arrives later."""
        with self._changed:
            if "event" not in self._news.get(job_id, {}):
                self._news[job_id] = fields
            self._changed.notify()

    def take(self, seconds: float) -> dict[str, Fields]:
        """What has happened by job; waits up to ``seconds`` for the first, and may be empty."""
        with self._changed:
            if not self._news:
                self._changed.wait(seconds)
            news, self._news = self._news, {}
        return news


class ProgressFeed:
    """Subscribes with the first listener, in a thread of its own. Without Redis nothing comes, and nothing fails."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._of_job: dict[str, set[Listener]] = {}
        self._of_all: set[Listener] = set()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()

    @contextmanager
    def listening(self, job_id: str | None = None) -> Iterator[Listener]:
        """Listen to one job, or to all. What happens after this was entered is not missed while Redis answers."""
        listener = Listener(job_id)
        with self._lock:
            self._listeners(job_id).add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="progress-feed", daemon=True)
                self._thread.start()
        self._ready.wait(2.0)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners(job_id).discard(listener)
                if job_id is not None and not self._of_job[job_id]:
                    del self._of_job[job_id]

    def _listeners(self, job_id: str | None) -> set[Listener]:
        return self._of_all if job_id is None else self._of_job.setdefault(job_id, set())

    def _run(self) -> None:
        while True:
            try:
                self._subscribe()
            except redis.RedisError as error:
                self._ready.clear()
                log.debug("no feed: %s", error)
                time.sleep(_PAUSE_SECONDS)
            except Exception:
                log.exception("the feed failed")
                time.sleep(_PAUSE_SECONDS)

    def _subscribe(self) -> None:
        with self._cache.client.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.psubscribe(PATTERN)
            while True:
                message = channel.get_message(timeout=1.0)
                if message is None:
                    continue
                if message["type"] == "psubscribe":
                    self._ready.set()
                elif message["type"] == "pmessage":
                    self._hand_on(message["channel"].partition(":")[2], json.loads(message["data"]))

    def _hand_on(self, job_id: str, fields: Fields) -> None:
        with self._lock:
            listeners = [*self._of_job.get(job_id, ()), *self._of_all]
        for listener in listeners:
            listener.put(job_id, fields)
