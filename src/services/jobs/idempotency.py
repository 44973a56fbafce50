"""Idempotency keys: a request that is sent again with its key has no second effect, and gets the same answer."""

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
_STALE = timedelta(minutes=10)  # the process that answered has died
_KEY = re.compile(r"[!-~]{1,200}")
_MOST_OWED = 1000


class IdempotencyService:
    """Keys of one caller and one address are apart from all others."""

    def __init__(self, data: IdempotencyData, clock: Clock) -> None:
        self._data, self._clock = data, clock
        self._lock = threading.Lock()
        self._owed: dict[str, tuple[StoredReply | None, datetime]] = {}
        """How requests have ended whose end could not be written, and when that was."""

    def begin(self, scope: str, key: str, fingerprint: str) -> tuple[str, StoredReply | None]:
        """(name of the request, its answer if it was given before). Without an answer: ``finish`` or ``release`` it.

        Raises:
            IdempotencyKeyInvalid: no key.
            IdempotencyKeyReused: the key came with another request before.
            RequestInProgress: the same request is being answered.
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
        """Keep the answer for a day. While the store is away it is kept here, for what was done is to be told."""
        self._end(name, reply)

    def release(self, name: str) -> None:
        """Let the request be sent again: it failed, or its answer cannot be kept."""
        self._end(name, None)

    def _end(self, name: str, reply: StoredReply | None) -> None:
        try:
            self._write(name, reply)
        except StoreUnavailable:
            log.warning("the end of a request with a key could not be written yet")
            with self._lock:
                if len(self._owed) < _MOST_OWED:  # the others are free when they are stale
                    self._owed[name] = reply, self._clock.now()

    def _write_owed(self) -> None:
        with self._lock:
            owed, self._owed = self._owed, {}
        for name, (reply, since) in owed.items():
            if self._clock.now() - since < _STALE / 2:  # later somebody else may have taken the key
                self._end(name, reply)

    def _write(self, name: str, reply: StoredReply | None) -> None:
        if reply is None:
            self._data.release(name)
        else:
            self._data.finish(name, reply)
