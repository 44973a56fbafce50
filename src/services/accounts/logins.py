"""Logins in MongoDB (the truth) and Redis (fast), so that one that has ended is dead everywhere at once.

The promise: when ``end`` or ``end_all`` returns, no process accepts the token any more. Redis may lose its memory,
go away, or come back with what it knew before; the promise holds, because

1. Ending writes to MongoDB first: a note in ``revocations``, then the session is deleted.
2. Then Redis is told: the entry is written over by "revoked". A reader who saw the session in MongoDB a moment
   before cannot bring it back, since it writes only where nothing is (``SET NX``).
3. Redis is believed only for ``TRUST_SECONDS`` at a time. Whoever finds the trust too old reads ``revocations``,
   writes all of them into Redis, and renews it as of the moment *before* it read them. So if Redis could not be
   told in step 2, ``end`` waits that long: after that, nobody can believe an entry without having seen the note.
4. A note stays for ``KEEP_NOTES`` after Redis was first told, and is told again with each renewal: a Redis that was
   killed forgets its last second (``appendfsync everysec``), a replica that takes over a little more. (The one gap:
   killed in the very second after being told, and back before the last trust has run out, it may believe the
   entry for the rest of those two seconds.)
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

KEEP_NOTES = timedelta(seconds=60)
# Clocks of two machines do not tick quite alike.
_WAIT_SECONDS = TRUST_SECONDS * 1.05


class SessionService:
    """All logins of all users. Every method may raise ``StoreUnavailable`` (MongoDB); Redis being away never shows."""

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

    def open(self, user: User) -> tuple[str, Session]:
        """A new login of this user: its token, which is told only once, and its record."""
        now = self._clock.now()
        session_id = self._sessions.new_id()
        token = self._tokens.issue_private(user.id, session_id, now)
        session = Session(session_id, user.id, token_hash(token), now, now + self._tokens.private_life)
        self._sessions.insert(session)
        self._cache.fill(session, user.email, now)
        return token, session

    def find(self, token: str) -> Identity | None:
        """Who this private token belongs to; ``None`` when its login has ended.

        Raises:
            TokenInvalid, TokenExpired: the token itself is not good.
        """
        now = self._clock.now()
        claims = self._tokens.read_private(token, now)
        hashed = token_hash(token)
        reading = self._believable(hashed)
        if reading and reading.entry and reading.entry.user_id == claims.user_id:
            return Identity(claims.user_id, reading.entry.email, claims.session_id, hashed)
        return self._find_stored(hashed, claims, now)

    def end(self, session_token_hash: str) -> None:
        """End one login. When this returns, its token is accepted nowhere."""
        session = self._sessions.find(session_token_hash, self._clock.now())
        if session:
            self._end([session])

    def end_all(self, user_id: str) -> None:
        """End every login that this user has now. When this returns, their tokens are accepted nowhere."""
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

    def _believable(self, hashed: str) -> Reading | None:
        reading = self._cache.read(hashed)
        if reading is None or reading.trusted:
            return reading
        if not self._renewing.acquire(blocking=False):
            return None  # another thread is at it; MongoDB answers this one
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
            self._revocations.mark_sent(noted, self._clock.now(), keep=KEEP_NOTES)
        return renewed
