"""Caches logins in Redis, with a limit on how long the cache may be trusted.

``session:{token hash}``: ``{"user_id", "email"}`` for the rest of the session's life, or ``{"revoked": true}``: the
session has ended and must not be written again.

``session-trust``: the time (by the Redis clock, in ms) at which all revocations known to MongoDB had been written to
Redis.

An entry is valid only while the trust is younger than ``TRUST_SECONDS``; ``logins.py`` explains why.
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
# The value decides whether the trust is valid; the key's own lifetime only cleans up.
_TRUST_KEY_SECONDS = 60
_REVOKED = json.dumps({"revoked": True})


def key_of(token_hash: str) -> str:
    """Return the key of a session."""
    return f"session:{token_hash}"


@dataclass(frozen=True, slots=True)
class CachedSession:
    """The cached part of a session: enough to identify the caller."""

    user_id: str
    email: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of Redis at the time ``read_at_ms`` of the Redis clock."""

    entry: CachedSession | None
    trusted: bool
    read_at_ms: int


class SessionCache:
    """Caches sessions in Redis. No method raises: if Redis is unavailable, they return ``None`` or ``False``."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache

    def read(self, token_hash: str) -> Reading | None:
        """Read entry, trust and time in one transaction; ``None`` if Redis is unavailable."""
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
        """Store a session that MongoDB has just confirmed, unless it was revoked meanwhile."""
        left = round((session.expires_at - now).total_seconds() * 1000)
        if left <= 0:
            return
        entry = json.dumps({"user_id": session.user_id, "email": email})
        try:
            self._cache.attempt(lambda client: client.set(key_of(session.token_hash), entry, px=left, nx=True))
        except CacheUnavailable:
            return

    def revoke(self, revocation: Revocation, now: datetime) -> bool:
        """Mark these sessions as revoked, so that they are neither accepted nor written again; return whether Redis
        did."""
        return self._write([revocation], now, trusted_since_ms=None)

    def renew_trust(self, reading: Reading, revocations: Sequence[Revocation], now: datetime) -> bool:
        """Write these revocations and, in the same transaction, trust all entries for ``TRUST_SECONDS`` from the
        moment of ``reading``; return whether Redis did. The revocations must have been read from MongoDB after that
        moment."""
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
    # A time in the future is invalid too: Redis's clock was set back.
    return 0 <= now_ms - int(trusted_since) < TRUST_SECONDS * 1000


def _parse(text: str | None) -> CachedSession | None:
    if text is None or text == _REVOKED:
        return None
    try:
        value: Any = json.loads(text)
        return CachedSession(str(value["user_id"]), str(value["email"]))
    except (ValueError, KeyError, TypeError):
        return None
