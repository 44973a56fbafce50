"""Idempotency keys: a request that is sent again with its key has no second effect, and gets the same answer."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

from src.data.idempotency_data import IdempotencyData, StoredReply
from src.errors import IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInProgress
from src.utils.clock import Clock

_KEEP = timedelta(hours=24)
_STALE = timedelta(minutes=10)  # the process that answered has died
_KEY = re.compile(r"[!-~]{1,200}")


class IdempotencyService:
    """Keys of one caller and one address are apart from all others."""

    def __init__(self, data: IdempotencyData, clock: Clock) -> None:
        self._data, self._clock = data, clock

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
        if self._data.begin(name, fingerprint, self._clock.now(), keep=_KEEP, stale=_STALE):
            return name, None
        found = self._data.find(name)
        if found is not None and found.fingerprint != fingerprint:
            raise IdempotencyKeyReused()
        if found is None or found.reply is None:
            raise RequestInProgress(retry_after_seconds=1)
        return name, found.reply

    def finish(self, name: str, reply: StoredReply) -> None:
        """Keep the answer for a day."""
        self._data.finish(name, reply)

    def release(self, name: str) -> None:
        """Let the request be sent again: it failed, or its answer cannot be kept."""
        self._data.release(name)
