"""Logins in Redis: who a token belongs to, and for how long what is found there may be believed.

``session:{token hash}``  ``{"user_id", "email"}`` for the rest of the session's life, or ``{"revoked": true}``:
                          this session is over, never write it here again.
``session-trust``         when (Redis's own clock, in ms) all revocations known to MongoDB had been written here.

An entry counts only while the trust is younger than ``TRUST_SECONDS``; ``session_service.py`` says why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from src.models.session import Revocation, Session
from src.services.cache_service import CacheService, CacheUnavailable

TRUST_SECONDS = 2.0
_TRUST_KEY = "session-trust"
# The trust is judged by its value; the key's own lifetime only tidies up.
_TRUST_KEY_SECONDS = 60
_REVOKED = json.dumps({"revoked": True})


def key_of(token_hash: str) -> str:
    """The key of a session."""
    return f"session:{token_hash}"


@dataclass(frozen=True, slots=True)
class CachedSession:
    """What is kept of a session: enough to know the caller."""

    user_id: str
    email: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What Redis said at one moment of its own clock (``read_at_ms``)."""

    entry: CachedSession | None
    trusted: bool
    read_at_ms: int


class SessionCache:
    """Sessions in Redis. Nothing here raises: a Redis that is away is ``None`` or ``False``."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache

    def read(self, token_hash: str) -> Reading | None:
        """Entry, trust and time, read as one transaction; ``None`` when Redis is away."""
        pipeline = self._cache.client.pipeline(transaction=True)
        pipeline.mget(_TRUST_KEY, key_of(token_hash))
        pipeline.time()
        try:
            (trusted_since, entry), (seconds, microseconds) = self._cache.attempt(lambda _: pipeline.execute())
        except CacheUnavailable:
            return None
        now = seconds * 1000 + microseconds // 1000
        return Reading(_parse(entry), _is_fresh(trusted_since, now), now)

    def fill(self, session: Session, email: str, now: datetime) -> None:
        """Keep a session that MongoDB has just confirmed, unless it was revoked in the meantime."""
        left = round((session.expires_at - now).total_seconds() * 1000)
        if left <= 0:
            return
        entry = json.dumps({"user_id": session.user_id, "email": email})
        try:
            self._cache.attempt(lambda client: client.set(key_of(session.token_hash), entry, px=left, nx=True))
        except CacheUnavailable:
            return

    def revoke(self, revocation: Revocation, now: datetime) -> bool:
        """Write over the entries of these sessions, so that none is believed or written again; whether Redis did."""
        return self._write([revocation], now, trusted_since_ms=None)

    def renew_trust(self, reading: Reading, revocations: Sequence[Revocation], now: datetime) -> bool:
        """Write all these revocations and, in the same transaction, believe entries for ``TRUST_SECONDS`` from the
        moment of ``reading``; whether Redis did. They must have been read from MongoDB after that moment."""
        return self._write(revocations, now, trusted_since_ms=reading.read_at_ms)

    def _write(self, revocations: Sequence[Revocation], now: datetime, *, trusted_since_ms: int | None) -> bool:
        pipeline = self._cache.client.pipeline(transaction=True)
        for revocation in revocations:
            left = max(1, round((revocation.expires_at - now).total_seconds() * 1000))
            for token_hash in revocation.token_hashes:
                pipeline.set(key_of(token_hash), _REVOKED, px=left)
        if trusted_since_ms is not None:
            pipeline.set(_TRUST_KEY, str(trusted_since_ms), ex=_TRUST_KEY_SECONDS)
        try:
            self._cache.attempt(lambda _: pipeline.execute())
        except CacheUnavailable:
            return False
        return True


def _is_fresh(trusted_since: str | None, now_ms: int) -> bool:
    if trusted_since is None or not trusted_since.isdecimal():
        return False
    # A time in the future is no trust either: Redis's clock was set back.
    return 0 <= now_ms - int(trusted_since) < TRUST_SECONDS * 1000


def _parse(text: str | None) -> CachedSession | None:
    if text is None or text == _REVOKED:
        return None
    try:
        value: Any = json.loads(text)
        return CachedSession(str(value["user_id"]), str(value["email"]))
    except (ValueError, KeyError, TypeError):
        return None
