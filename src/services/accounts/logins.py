"""Stores logins in MongoDB (authoritative) and Redis (fast), so that a login that ends is rejected everywhere at once.

The guarantee: when ``end`` or ``end_all`` returns, no process accepts the token any more. This holds even if Redis
loses its data, is unavailable, or returns with an older state:

1. Ending a login first writes to MongoDB: a note in ``revocations``, then the deletion of the session.

2. Then the entry in Redis is overwritten with "revoked". A reader that read the session from MongoDB just before cannot
restore the entry, because readers write only missing entries (``SET NX``).

3. Redis is trusted only for ``TRUST_SECONDS`` at a time. A reader that finds the trust too old reads ``revocations``,
writes all of them to Redis, and renews the trust as of the moment *before* it read them. If step 2 could not reach
Redis, ``end`` therefore waits that long: afterwards no reader trusts an entry without having read the note.

4. A note stays for ``NOTE_LIFE`` after it was first written to Redis, and is written again with each renewal: a Redis
that was killed loses its last second (``appendfsync everysec``), a replica that takes over slightly more. (One gap
remains: a Redis that is killed in the second after the write and returns before the last trust has expired may accept
the entry for the rest of those two seconds.)
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from src.data.session_data import SessionData
from src.data.user_data import UserData
from src.models.session import Identity, Session
from src.models.user import User
from src.services.accounts.login_cache import TRUST_SECONDS, Reading, SessionCache
from src.utils.clock import Clock
from src.utils.token import PrivateClaims, Tokens, token_hash

NOTE_LIFE = timedelta(seconds=60)
# The clocks of two machines run at slightly different speeds.
_WAIT_SECONDS = TRUST_SECONDS * 1.05


class SessionService:
    """Manages the logins of all users. Every method may raise ``StoreUnavailable`` (MongoDB); a Redis failure has no
    effect."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: SessionData,
        users: UserData,
        cache: SessionCache,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._revocations = sessions.revocations
        self._users = users
        self._cache = cache
        self._clock = clock
        self._renewing = threading.Lock()

    def open(self, user: User, client: str | None = None) -> tuple[str, Session]:
        """Create a login of this user; return its token, which is not stored, and its record.

        ``client``: what the program that signs in calls itself.
        """
        now = self._clock.now()
        session_id = self._sessions.new_id()
        token = self._tokens.issue_private(user.id, session_id, now)
        session = Session(session_id, user.id, token_hash(token), now, now + self._tokens.private_life, client)
        self._sessions.insert(session)
        self._cache.fill(session, user.email, now)
        return token, session

    def find(self, token: str) -> Identity | None:
        """Return the owner of this private token; ``None`` if its login has ended.

        Raises:
            TokenInvalid, TokenExpired: the token itself is invalid.
        """
        now = self._clock.now()
        claims = self._tokens.read_private(token, now)
        hashed = token_hash(token)
        reading = self._trusted_reading(hashed)
        if reading and reading.entry and reading.entry.user_id == claims.user_id:
            return Identity(claims.user_id, reading.entry.email, claims.session_id, hashed)
        return self._find_stored(hashed, claims, now)

    def end(self, session_token_hash: str) -> None:
        """End one login. When this returns, its token is not accepted any more."""
        session = self._sessions.find(session_token_hash, self._clock.now())
        if session:
            self._end([session])

    def of_user(self, user_id: str) -> list[Session]:
        """Return the valid logins of this user, newest first."""
        now = self._clock.now()
        valid = [session for session in self._sessions.of_user(user_id) if session.expires_at > now]
        return sorted(valid, key=lambda session: session.created_at, reverse=True)

    def end_one(self, user_id: str, session_id: str) -> bool:
        """End this login of the user, as ``end``; return whether there is one."""
        found = [session for session in self._sessions.of_user(user_id) if session.id == session_id]
        if found:
            self._end(found)
        return bool(found)

    def end_all(self, user_id: str) -> None:
        """End every login of this user. When this returns, their tokens are not accepted any more."""
        sessions = self._sessions.of_user(user_id)
        if sessions:
            self._end(sessions)

    def _end(self, sessions: list[Session]) -> None:
        revocation = self._revocations.add(sessions)
        noted_at = self._clock.monotonic()
        self._sessions.delete(sessions)
        if not self._cache.revoke(revocation, self._clock.now()):
            waited = self._clock.monotonic() - noted_at
            self._clock.sleep(max(0.0, _WAIT_SECONDS - waited))

    def _find_stored(self, hashed: str, claims: PrivateClaims, now: datetime) -> Identity | None:
        session = self._sessions.find(hashed, now)
        if session is None or (session.id, session.user_id) != (claims.session_id, claims.user_id):
            return None
        user = self._users.find(session.user_id)
        if user is None:
            return None
        self._cache.fill(session, user.email, now)
        return Identity(user.id, user.email, session.id, hashed)

    def _trusted_reading(self, hashed: str) -> Reading | None:
        reading = self._cache.read(hashed)
        if reading is None or reading.trusted:
            return reading
        if not self._renewing.acquire(blocking=False):
            return None  # another thread renews the trust; MongoDB answers this request
        try:
            renewed = self._renew_trust(reading)
        finally:
            self._renewing.release()
        again = self._cache.read(hashed) if renewed else None
        return again if again and again.trusted else None

    def _renew_trust(self, reading: Reading) -> bool:
        noted = self._revocations.all()
        renewed = self._cache.renew_trust(reading, noted, self._clock.now())
        if renewed and noted:
            self._revocations.mark_sent(noted, self._clock.now(), keep=NOTE_LIFE)
        return renewed
