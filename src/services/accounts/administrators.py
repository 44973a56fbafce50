"""Who is an administrator: accounts, not addresses, for anybody may register an address that a setting names."""

from __future__ import annotations

import logging
from datetime import datetime

from src.config import SettingsError
from src.data.admin_data import AdminData
from src.data.user_data import UserData
from src.errors import EmailInvalid, UserUnknown
from src.models.session import Identity
from src.models.user import User
from src.utils.clock import Clock
from src.utils.email import normalise_email

log = logging.getLogger(__name__)

MAKE_ADMIN = "python -m src.cli make-admin --email ADDRESS"


class AdminAccounts:
    """An address of ``ADMIN_EMAILS`` counts for the account that had it when it was first seen there, and for no other.

    Addresses are not confirmed and registration is open: whoever registered a named address first was administrator
    otherwise. All other administrators are made with a command. Every method may raise ``StoreUnavailable``.
    """

    def __init__(self, admins: AdminData, users: UserData, clock: Clock, named: frozenset[str] = frozenset()) -> None:
        """``named``: the normalised addresses of ``ADMIN_EMAILS``."""
        self._admins, self._users, self._clock, self._named = admins, users, clock, named

    def note_named(self, since: datetime) -> None:
        """Remember whose the addresses of the setting were at ``since``, if they are new there, and log which of them
        have no effect. Called when a process starts."""
        for email in sorted(self._named - set(self._admins.of(self._named))):
            user = self._users.find_by_email(email)
            self._admins.note(email, user.id if user and user.created_at <= since else None, self._clock.now())
        for email in self.without_effect():
            log.warning(
                "ADMIN_EMAILS names %s, which has no effect: no account had this address when it was first named "
                "there. If its account is yours, run: %s",
                email,
                MAKE_ADMIN.replace("ADDRESS", email),
            )

    def is_admin(self, identity: Identity) -> bool:
        """Whether this account is an administrator now."""
        admin = self._admins.find(identity.email)
        if admin is None or admin.user_id != identity.user_id:
            return False
        return admin.granted or identity.email in self._named

    def are_named(self) -> bool:
        """Whether the setting or a command names anybody."""
        return bool(self._named) or self._admins.any_granted()

    def without_effect(self) -> list[str]:
        """The addresses of the setting that make nobody an administrator."""
        known, idle = self._admins.of(self._named), []
        for email in sorted(self._named):
            admin, user = known.get(email), self._users.find_by_email(email)
            if admin is None or user is None or admin.user_id != user.id:
                idle.append(email)
        return idle

    def grant(self, email: str) -> User:
        """Make the account of this address an administrator.

        Raises:
            EmailInvalid, UserUnknown: there is no such account.
        """
        user = self._user(email)
        self._admins.grant(user.email, user.id, self._clock.now())
        return user

    def withdraw(self, email: str) -> User:
        """Take that from the account of this address. Raises as ``grant``."""
        user = self._user(email)
        self._admins.withdraw(user.email, self._clock.now())
        return user

    def _user(self, email: str) -> User:
        user = self._users.find_by_email(normalise_email(email))
        if user is None:
            raise UserUnknown(f"There is no account {email}.")
        return user


def read_admins(text: str) -> frozenset[str]:
    """The addresses of ADMIN_EMAILS.

    Raises:
        SettingsError: one of them is none.
    """
    try:
        return frozenset(normalise_email(email.strip()) for email in text.split(",") if email.strip())
    except EmailInvalid:
        raise SettingsError("ADMIN_EMAILS must be e-mail addresses, separated by commas") from None
