"""Manages accounts: registration, login, logout, password changes, and the owners of tokens."""

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
    LoginNotFound,
    TokenExpired,
    TokenInvalid,
    UserUnknown,
)
from src.models.session import Identity, Session
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
    """The result of a successful login. The token is not stored and cannot be read again."""

    user: User
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublicToken:
    """A token that can only save clips, and its lifetime in seconds."""

    token: str = field(repr=False)
    expires_in_seconds: int


class AccountService:
    """Manages accounts. Every method may raise ``StoreUnavailable``; methods that take a password also ``Busy``."""

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
        """Set the parts. ``admins``: who may see all jobs; without it no administrator is configured."""
        self._admins = admins
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._hasher = hasher
        self._limiter = limiter
        self._clock = clock

    def register(self, email: str, password: str) -> User:
        """Create an account.

        A taken address is reported only after a hash is computed, so finding one costs as much as a login attempt.
        """
        normalised = normalise_email(email)
        check_password(password)
        return self._users.insert(normalised, self._hasher.hash(password), self._clock.now())

    def login(self, email: str, password: str, *, address: str, client: str | None = None) -> Login:
        """Log in from a network address. ``client``: what the program calls itself, for the list of logins.

        An unknown e-mail address and a wrong password give the same answer after the same work.
        """
        account = _account_name(email)
        attempt = self._limiter.begin(account, address)
        user = self._users.find_by_email(account)
        if not self._hasher.verify(password, user.password_hash if user else None) or user is None or user.disabled:
            raise CredentialsInvalid()
        token, session = self._sessions.open(user, client)
        # The password may have been changed during the check. A login that was stored after that change ended all
        # others must not stay valid.
        current = self._users.find(user.id)
        if current is None or current.disabled or current.password_hash != user.password_hash:
            self._sessions.end(session.token_hash)
            raise CredentialsInvalid()
        self._limiter.succeeded(attempt)
        return Login(user, token)

    def logout(self, identity: Identity) -> None:
        """End this login: its token is not accepted any more."""
        self._sessions.end(identity.token_hash)

    def logins(self, identity: Identity) -> list[Session]:
        """Return the valid logins of this user, newest first."""
        return self._sessions.of_user(identity.user_id)

    def end_login(self, identity: Identity, login_id: str) -> None:
        """End one of the user's logins: its token is not accepted any more.

        Raises:
            LoginNotFound: the user has no such login.
        """
        if not self._sessions.end_one(identity.user_id, login_id):
            raise LoginNotFound()

    def change_password(self, identity: Identity, current: str, new: str, *, address: str) -> None:
        """Set a new password and end every login of the user, including this one."""
        check_password(new)
        attempt = self._limiter.begin(identity.email, address)
        user = self._users.find(identity.user_id)
        if not self._hasher.verify(current, user.password_hash if user else None) or user is None:
            raise CurrentPasswordWrong()
        self._limiter.succeeded(attempt)
        new_hash = self._hasher.hash(new)
        # End the logins first, so that a crash in between cannot leave an attacker logged in under the new password;
        # then end the logins that were opened with the old password until it was replaced.
        self._sessions.end_all(user.id)
        if not self._users.replace_password(user, new_hash, self._clock.now()):
            raise CurrentPasswordWrong()  # another request has just changed it
        self._sessions.end_all(user.id)

    def identify(self, token: str) -> Identity:
        """Return the owner of a private token."""
        identity = self._sessions.find(token)
        # Logins of a deleted or disabled account may still be in Redis, or return with a restored backup.
        if identity is None or not self._users.is_active(identity.user_id):
            raise TokenInvalid("This login has ended; please sign in again.")
        return identity

    def is_signed_in(self, token: str) -> bool:
        """Whether the login of this private token is valid."""
        try:
            self.identify(token)
        except (TokenInvalid, TokenExpired):
            return False
        return True

    def switch(self, email: str, *, active: bool) -> User:
        """Disable an account, its tokens and the links to its files, or enable it again.

        Raises:
            EmailInvalid, UserUnknown: no account has this address.
        """
        user = self._users.find_by_email(normalise_email(email))
        if user is None:
            raise UserUnknown(f"There is no account {email}.")
        self._users.set_disabled(user.id, not active, self._clock.now())
        if not active:
            self._sessions.end_all(user.id)
        return user

    def require_admin(self, identity: Identity, *, unless_unnamed: bool = False) -> None:
        """Require an administrator. ``unless_unnamed``: accept any account while no administrator is configured.

        Raises:
            AdminOnly: this account is not an administrator.
        """
        if self._admins is not None and self._admins.is_admin(identity):
            return
        if not unless_unnamed or (self._admins is not None and self._admins.are_named()):
            raise AdminOnly()

    def issue_public_token(self) -> PublicToken:
        """Issue a token for bots and web pages; it is available to every client."""
        token = self._tokens.issue_public(self._clock.now())
        return PublicToken(token, int(self._tokens.public_life.total_seconds()))

    def verify_public_token(self, token: str) -> PublicClaims:
        """Return the claims of a public token."""
        return self._tokens.read_public(token, self._clock.now())


def build_accounts(
    settings: Settings,
    users: UserData,
    sessions: SessionData,
    cache: CacheService,
    clock: Clock,
    admins: AdminAccounts | None = None,
) -> AccountService:
    """Build the account service of one process from the settings."""
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
    """Return the key of an account. Invalid addresses get a key without account, so that they cost the same work."""
    try:
        return normalise_email(email)
    except EmailInvalid:
        return "no address"
