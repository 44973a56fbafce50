"""Defines the administrators as accounts instead of addresses, because anyone can register an address that a setting
names."""

from __future__ import annotations

import logging
from datetime import datetime

from src.data.admin_data import AdminData
from src.data.user_data import UserData
from src.errors import UserUnknown
from src.models.session import Identity
from src.models.user import User
from src.utils.cli_command import cli_command
from src.utils.clock import Clock
from src.utils.email import normalise_email

log = logging.getLogger(__name__)

MAKE_ADMIN = "make-admin --email ADDRESS"


class AdminAccounts:
    """An address of ``ADMIN_EMAILS`` applies only to the account that had it when the setting was first read with it.

    Addresses are not confirmed and registration is open, so otherwise the first client to register a named address
    would become administrator. All other administrators are appointed with a command. Every method may raise
    ``StoreUnavailable``.
    """

    def __init__(self, admins: AdminData, users: UserData, clock: Clock, named: frozenset[str] = frozenset()) -> None:
        """Set the addresses. ``named``: the normalized addresses of ``ADMIN_EMAILS``."""
        self._admins, self._users, self._clock, self._named = admins, users, clock, named

    def note_named(self, since: datetime) -> None:
        """Record which accounts the new addresses of the setting belonged to at ``since``, and log the addresses
        without effect. Called when a process starts."""
        for email in sorted(self._named - set(self._admins.of(self._named))):
            user = self._users.find_by_email(email)
            self._admins.note(email, user.id if user and user.created_at <= since else None, self._clock.now())
        for email in self.without_effect():
            log.warning(
                "ADMIN_EMAILS names %s, which has no effect: no account had this address when it was first named "
                "there. If its account is yours, run: %s",
                email,
                cli_command(MAKE_ADMIN.replace("ADDRESS", email)),
            )

    def is_admin(self, identity: Identity) -> bool:
        """Whether this account is an administrator now."""
        admin = self._admins.find(identity.email)
        if admin is None or admin.user_id != identity.user_id:
            return False
        return admin.granted or identity.email in self._named

    def are_named(self) -> bool:
        """Whether the setting or a command names any administrator."""
        return bool(self._named) or self._admins.any_granted()

    def without_effect(self) -> list[str]:
        """Return the addresses of the setting that have no effect."""
        known, idle = self._admins.of(self._named), []
        for email in sorted(self._named):
            admin, user = known.get(email), self._users.find_by_email(email)
            if admin is None or user is None or admin.user_id != user.id:
                idle.append(email)
        return idle

    def grant(self, email: str) -> User:
        """Make the account of this address an administrator.

        Raises:
            EmailInvalid, UserUnknown: no account has this address.
        """
        user = self._user(email)
        self._admins.grant(user.email, user.id, self._clock.now())
        return user

    def withdraw(self, email: str) -> User:
        """Remove the administrator role from the account of this address. Raises as ``grant``."""
        user = self._user(email)
        self._admins.withdraw(user.email, self._clock.now())
        return user

    def _user(self, email: str) -> User:
        user = self._users.find_by_email(normalise_email(email))
        if user is None:
            raise UserUnknown(f"There is no account {email}.")
        return user
