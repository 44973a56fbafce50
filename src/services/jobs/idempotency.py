"""Gives requests that are repeated with an idempotency key the same answer and no second effect."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from datetime import datetime, timedelta

from src.data.idempotency_data import IdempotencyData, StoredReply
from src.errors import IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInProgress, StoreUnavailable
from src.utils.clock import Clock

log = logging.getLogger(__name__)

_KEEP = timedelta(hours=24)
_STALE = timedelta(minutes=10)  # then the process that answered must have died
_KEY = re.compile(r"[!-~]{1,200}")
_MOST_OWED = 1000


class IdempotencyService:
    """Stores the answers to requests by caller, address and key."""

    def __init__(self, data: IdempotencyData, clock: Clock) -> None:
        self._data, self._clock = data, clock
        self._lock = threading.Lock()
        self._owed: dict[str, tuple[StoredReply | None, datetime]] = {}
        """Ends of requests that could not be written yet, with the time of each."""

    def start(self, scope: str, key: str, fingerprint: str) -> tuple[str, StoredReply | None]:
        """Return (name of the request, its earlier answer). Without an answer, ``finish`` or ``release`` it later.

        Raises:
            IdempotencyKeyInvalid: the key is malformed.
            IdempotencyKeyReused: the key was used for another request.
            RequestInProgress: the same request is being answered now.
        """
        if not _KEY.fullmatch(key):
            raise IdempotencyKeyInvalid()
        name = hashlib.sha256(f"{scope}\n{key}".encode()).hexdigest()
        self._write_owed()
        if self._data.start(name, fingerprint, self._clock.now(), keep=_KEEP, stale=_STALE):
            return name, None
        found = self._data.find(name)
        if found is not None and found.fingerprint != fingerprint:
            raise IdempotencyKeyReused()
        if found is None or found.reply is None:
            raise RequestInProgress(retry_after_seconds=1)
        return name, found.reply

    def finish(self, name: str, reply: StoredReply) -> None:
        """Store the answer for a day; in memory while the database is unavailable."""
        self._end(name, reply, self._clock.now())

    def release(self, name: str) -> None:
        """Allow the request to be sent again: it failed, or its answer cannot be stored."""
        self._end(name, None, self._clock.now())

    def _end(self, name: str, reply: StoredReply | None, ended_at: datetime) -> None:
        try:
            self._write(name, reply)
        except StoreUnavailable:
            log.warning("the end of a request with an idempotency key cannot be written yet")
            with self._lock:
                if len(self._owed) < _MOST_OWED:  # beyond the limit, keys become free when they are stale
                    self._owed[name] = reply, ended_at

    def _write_owed(self) -> None:
        with self._lock:
            owed, self._owed = self._owed, {}
        for name, (reply, ended_at) in owed.items():
            if self._clock.now() - ended_at < _STALE / 2:  # later the key may belong to another request
                self._end(name, reply, ended_at)

    def _write(self, name: str, reply: StoredReply | None) -> None:
        if reply is None:
            self._data.release(name)
        else:
            self._data.finish(name, reply)
