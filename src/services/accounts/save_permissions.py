"""Decides whether a caller may save clips for another user: the owner's switch and an hourly limit."""

from __future__ import annotations

from src.data.user_data import UserData
from src.errors import AnonymousSavesOff, RateLimitExceeded, UserUnknown
from src.models.user import User
from src.services.window_counters import WindowCounters
from src.utils.clock import Clock

_HOUR = 3600


class AnonymousSaves:
    """Controls saves with a public token: they need no login, so their owner decides about them."""

    def __init__(
        self, users: UserData, counters: WindowCounters, clock: Clock, *, per_hour: int, enabled: bool = True
    ) -> None:
        """Set the limit. ``per_hour``: saves for one owner by all callers together; ``enabled=False`` disables
        counting."""
        self._users, self._counters, self._clock = users, counters, clock
        self._per_hour, self._enabled = per_hour, enabled

    def require_permission(self, user_id: str, *, by: str | None) -> None:
        """Require permission to save for this user. ``by``: the logged-in user who saves; the owner is always
        permitted.

        Raises:
            UserUnknown: the account does not exist.
            AnonymousSavesOff: the owner does not accept saves of others.
            RateLimitExceeded: the hourly limit of the owner is reached.
        """
        if by is not None and by == user_id:
            return
        user = self._users.find(user_id)
        if user is None or user.disabled:
            raise UserUnknown()
        if not user.accepts_anonymous_saves:
            raise AnonymousSavesOff()
        self._count(user_id)

    def is_permitted(self, user: User | None) -> bool:
        """Whether a clip may be saved for this account; ``None``: no account has the given name.

        An account that refuses is answered like one that does not exist, and after the same work.
        """
        if user is None or user.disabled or not user.accepts_anonymous_saves:
            return False
        try:
            self._count(user.id)
        except RateLimitExceeded:
            return False
        return True

    def _count(self, user_id: str) -> None:
        if not self._enabled:
            return
        count = self._counters.add(f"saves:{user_id}", 1, window_seconds=_HOUR)
        if count.number > self._per_hour:
            raise RateLimitExceeded(retry_after_seconds=max(1, round(count.seconds_left)))

    def switch(self, user_id: str, accept: bool) -> None:
        """Store the owner's decision."""
        self._users.set_accepts_anonymous_saves(user_id, accept, self._clock.now())
