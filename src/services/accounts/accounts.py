"""Accounts: register, sign in and out, change the password, and tell who a token belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from src.config import Settings
from src.data.session_data import SessionData
from src.data.user_data import UserData
from src.errors import (
    AdminOnly,
    CredentialsInvalid,
    CurrentPasswordWrong,
    EmailInvalid,
    TokenExpired,
    TokenInvalid,
    UserUnknown,
)
from src.models.session import Identity
from src.models.user import User
from src.services.accounts.administrators import AdminAccounts
from src.services.accounts.login_cache import SessionCache
from src.services.accounts.logins import SessionService
from src.services.accounts.password_attempts import AttemptLimiter
from src.services.cache_service import CacheService
from src.services.window_counters import WindowCounters
from src.utils.clock import Clock
from src.utils.email import normalise_email
from src.utils.passwords import PasswordHasher, check_password
from src.utils.token import PublicClaims, Tokens


@dataclass(frozen=True, slots=True)
class Login:
    """What a successful sign-in gives. The token is not stored and cannot be had again."""

    user: User
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublicToken:
    """A token that only saves clips, and for how many seconds it counts."""

    token: str = field(repr=False)
    expires_in_seconds: int


class AccountService:
    """Every method may raise ``StoreUnavailable``; those that take a password also ``Busy``."""

    def __init__(
        self,
        *,
        users: UserData,
        sessions: SessionService,
        tokens: Tokens,
        hasher: PasswordHasher,
        limiter: AttemptLimiter,
        clock: Clock,
        admins: AdminAccounts | None = None,
    ) -> None:
        """``admins``: who may see everybody's jobs; without it nobody is named."""
        self._admins = admins
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._hasher = hasher
        self._limiter = limiter
        self._clock = clock

    def register(self, email: str, password: str) -> User:
        """A new account.

        That an address is taken is told only after the work of a hash, so finding out costs as much as a try to
        sign in.

        Raises:
            EmailInvalid, PasswordInvalid, EmailTaken.
        """
        normalised = normalise_email(email)
        check_password(password)
        return self._users.insert(normalised, self._hasher.hash(password), self._clock.now())

    def login(self, email: str, password: str, *, address: str) -> Login:
        """Sign in from a network address.

        An unknown e-mail address and a wrong password give the same answer after the same work.

        Raises:
            CredentialsInvalid, TooManyAttempts.
        """
        account = _account_name(email)
        attempt = self._limiter.begin(account, address)
        user = self._users.find_by_email(account)
        if not self._hasher.verify(password, user.password_hash if user else None) or user is None or user.disabled:
            raise CredentialsInvalid()
        token, session = self._sessions.open(user)
        # The password may have been changed while this one was being checked; a login that was stored after the
        # change had ended all others must not outlive it.
        current = self._users.find(user.id)
        if current is None or current.disabled or current.password_hash != user.password_hash:
            self._sessions.end(session.token_hash)
            raise CredentialsInvalid()
        self._limiter.succeeded(attempt)
        return Login(user, token)

    def logout(self, identity: Identity) -> None:
        """End this login: its token is accepted nowhere from now on."""
        self._sessions.end(identity.token_hash)

    def change_password(self, identity: Identity, current: str, new: str, *, address: str) -> None:
        """Set a new password and end every login of the user, this one too.

        Raises:
            PasswordInvalid, CurrentPasswordWrong, TooManyAttempts.
        """
        check_password(new)
        attempt = self._limiter.begin(identity.email, address)
        user = self._users.find(identity.user_id)
        if not self._hasher.verify(current, user.password_hash if user else None) or user is None:
            raise CurrentPasswordWrong()
        self._limiter.succeeded(attempt)
        new_hash = self._hasher.hash(new)
        # First the logins, so that a crash between the two cannot leave a thief signed in under a new password;
        # then those that were opened with the old password until it was replaced.
        self._sessions.end_all(user.id)
        if not self._users.replace_password(user, new_hash, self._clock.now()):
            raise CurrentPasswordWrong()  # somebody else has just changed it
        self._sessions.end_all(user.id)

    def identify(self, token: str) -> Identity:
        """Who a private token belongs to.

        Raises:
            TokenInvalid, TokenExpired.
        """
        identity = self._sessions.find(token)
        # The logins of an account that was deleted or disabled may still stand in Redis, or in a backup that came back.
        if identity is None or not self._users.is_active(identity.user_id):
            raise TokenInvalid("This login has ended; please sign in again.")
        return identity

    def is_signed_in(self, token: str) -> bool:
        """Whether the login of this private token goes on."""
        try:
            self.identify(token)
        except (TokenInvalid, TokenExpired):
            return False
        return True

    def switch(self, email: str, *, active: bool) -> User:
        """Disable an account, so that no token of it and no link to its files counts, or enable it again.

        Raises:
            EmailInvalid, UserUnknown: there is no such account.
        """
        user = self._users.find_by_email(normalise_email(email))
        if user is None:
            raise UserUnknown(f"There is no account {email}.")
        self._users.set_disabled(user.id, not active, self._clock.now())
        if not active:
            self._sessions.end_all(user.id)
        return user

    def require_admin(self, identity: Identity, *, unless_unnamed: bool = False) -> None:
        """``unless_unnamed``: anybody who is signed in may, while nobody is named.

        Raises:
            AdminOnly: this is the account of somebody else.
        """
        if self._admins is not None and self._admins.is_admin(identity):
            return
        if not unless_unnamed or (self._admins is not None and self._admins.are_named()):
            raise AdminOnly()

    def issue_public_token(self) -> PublicToken:
        """A token for bots and web pages; anyone may have one."""
        token = self._tokens.issue_public(self._clock.now())
        return PublicToken(token, int(self._tokens.public_life.total_seconds()))

    def verify_public_token(self, token: str) -> PublicClaims:
        """What a public token says.

        Raises:
            TokenInvalid, TokenExpired.
        """
        return self._tokens.read_public(token, self._clock.now())


def build_accounts(
    settings: Settings,
    users: UserData,
    sessions: SessionData,
    cache: CacheService,
    clock: Clock,
    admins: AdminAccounts | None = None,
) -> AccountService:
    """The accounts of one process, put together from the settings."""
    tokens = Tokens(
        public_secret=settings.jwt_public_secret,
        private_secret=settings.jwt_private_secret,
        public_life=timedelta(hours=settings.jwt_public_hours),
        private_life=timedelta(days=settings.jwt_private_days),
    )
    return AccountService(
        users=users,
        sessions=SessionService(tokens=tokens, sessions=sessions, users=users, cache=SessionCache(cache), clock=clock),
        tokens=tokens,
        hasher=PasswordHasher(cost=settings.password_hash_cost),
        limiter=AttemptLimiter(WindowCounters(cache, clock), enabled=settings.rate_limit_enabled),
        clock=clock,
        admins=admins,
    )


def _account_name(email: str) -> str:
    """What to look an account up by. Text that is no address belongs to nobody, at the usual price."""
    try:
        return normalise_email(email)
    except EmailInvalid:
        return "no address"
