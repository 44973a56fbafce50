"""Who calls: from the ``Authorization`` header, or a token in the path, to a ``Caller``.

A public token shows that its bearer fetched a token here, and nothing more. A private token is accepted where a
public one is asked for, so that a signed-in web page need not hold two; the other way round never. In a path only
public tokens and channel tokens are accepted: paths are shown in browsers and in bots' commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from flask import request

from src.errors import RateLimitExceeded, SessionMissing, TokenExpired, TokenInvalid, TokenMissing
from src.middleware.services_of_request import services
from src.middleware.tokenless_callers import from_allowed_network
from src.models.channel_token import ChannelToken
from src.models.guest import GuestSession
from src.models.session import Identity
from src.models.video import ARCHIVE_ID, Owner, OwnerKind
from src.services.accounts.accounts import AccountService
from src.services.chat.channel_tokens import has_token_prefix
from src.services.events.slots import Holder
from src.utils.addresses import network_of


class Auth(Enum):
    """What an endpoint asks of its caller."""

    NONE = "none"
    PUBLIC = "public"  # a public or a private token
    PRIVATE = "private"
    ADMIN = "admin"  # a private token of an account of ADMIN_EMAILS
    OPERATOR = "operator"  # the same; while ADMIN_EMAILS names nobody, any private token
    SESSION = "session"  # the id of a guest session, or a private token
    GUEST = "guest"  # anyone; a guest session is known where its id is sent
    NETWORK = "network"  # a private token, or none from an allowed network
    ANY = "any"  # a guest session, a private token, or none from an allowed network
    PATH_TOKEN = "path"  # noqa: S105 (where the token is, not a token); a public or a channel token
    CHANNEL = "channel"  # a channel token in the path


# Whoever may call the archive without a token has the same right to all of it, so there is one owner for all.
ARCHIVE = Owner(OwnerKind.ADDRESS, ARCHIVE_ID)
SESSION_HEADER = "X-Session-ID"
SOCKET_PROTOCOLS = ("bearer", "session")  # offered together with a private token or the id of a guest session
_SIGNED_IN = (Auth.PRIVATE, Auth.ADMIN, Auth.OPERATOR)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``identity`` is known with a private token only.

    ``session`` is the guest session and ``session_key`` the secret that opened it. ``channel`` is the channel token.
    ``still_counts`` asks anew whether the login goes on, for a reply that lasts.
    """

    address: str
    identity: Identity | None = None
    session: GuestSession | None = None
    session_key: str | None = field(default=None, repr=False)
    channel: ChannelToken | None = None
    still_counts: Callable[[], bool] = field(default=lambda: True, repr=False)

    @property
    def owner(self) -> Owner:
        """Whose jobs the caller's are. Those who need no token share one archive: it is the network's."""
        if self.session is not None:
            return Owner(OwnerKind.SESSION, self.session.id)
        return ARCHIVE if self.identity is None else Owner.user(self.user_id)

    @property
    def holder(self) -> Holder:
        """Whose share a reply that lasts counts against. The archive is many people's: only their address counts."""
        owner = self.owner
        return Holder(None if owner is ARCHIVE else f"{owner.kind.value}:{owner.id}", network_of(self.address))

    @property
    def user_id(self) -> str:
        """The user's id. Only an endpoint with ``Auth.PRIVATE`` may ask; others get ``TokenMissing``."""
        return self.signed_in.user_id

    @property
    def signed_in(self) -> Identity:
        """The user and the login. Only an endpoint with ``Auth.PRIVATE`` may ask; others get ``TokenMissing``."""
        if self.identity is None:
            raise TokenMissing()
        return self.identity


def authenticate(auth: Auth, path_token: str | None = None) -> Caller:
    """Return who sends the current request.

    Raises:
        TokenMissing, TokenInvalid, TokenExpired, SessionMissing, SessionInvalid: the caller is not what ``auth``
            asks for.
        AdminOnly: a login of somebody who is no operator.
        RateLimitExceeded: too many requests to the archive.
        StoreUnavailable: whether a login still counts cannot be found out now.
    """
    address = request.remote_addr or "unknown"
    if auth is Auth.NONE:
        return Caller(address)
    if key := _session_key(auth):
        guests = services().guests
        session = guests.open(key)
        return Caller(address, session=session, session_key=key.lower(), still_counts=lambda: guests.is_open(key))
    if auth is Auth.GUEST:
        return Caller(address)
    if auth is Auth.SESSION and "Authorization" not in request.headers:
        raise SessionMissing()
    if auth in (Auth.NETWORK, Auth.ANY):
        return _of_network(address, _socket_word("bearer") if auth is Auth.ANY else "")
    accounts = services().accounts
    if auth is Auth.CHANNEL or (auth is Auth.PATH_TOKEN and has_token_prefix(path_token or "")):
        return Caller(address, channel=services().channel_tokens.identify(path_token or ""))
    if auth is Auth.PATH_TOKEN:
        accounts.verify_public_token(path_token or "")
        return Caller(address)
    token = _bearer_token()
    if auth is Auth.PUBLIC:
        try:
            accounts.verify_public_token(token)
            return Caller(address)
        except TokenInvalid:
            pass  # then it may be a private one
    try:
        caller = _of_login(address, token)
    except TokenInvalid:
        if auth in _SIGNED_IN and _is_public(token, accounts):
            raise TokenInvalid("This is a public token; sign in and send the token of the login.") from None
        raise
    if auth in (Auth.ADMIN, Auth.OPERATOR):
        accounts.require_admin(caller.signed_in, unless_unnamed=auth is Auth.OPERATOR)
    return caller


def _of_login(address: str, token: str) -> Caller:
    accounts = services().accounts
    identity = accounts.identify(token)
    return Caller(address, identity, still_counts=lambda: accounts.is_signed_in(token))


def _session_key(auth: Auth) -> str:
    if auth not in (Auth.SESSION, Auth.GUEST, Auth.ANY):
        return ""
    key = request.headers.get(SESSION_HEADER, "").strip()
    return key or (_socket_word("session") if auth is Auth.ANY else "")


def _socket_word(name: str) -> str:
    """What stands behind this name among the protocols that a WebSocket offers: a browser's sends no other header."""
    offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return offered[1] if len(offered) == 2 and offered[0] == name else ""


def _of_network(address: str, token: str) -> Caller:
    if "Authorization" in request.headers:
        token = _bearer_token()
    if token:
        caller = _of_login(address, token)
    elif from_allowed_network():
        caller = Caller(address)
    else:
        raise TokenMissing()
    settings = services().settings
    if settings.rate_limit_enabled:
        key = f"archive:{caller.user_id if caller.identity else address}"
        count = services().counters.add(key, 1, window_seconds=60)
        if count.number > settings.archive_requests_per_minute:
            raise RateLimitExceeded(retry_after_seconds=max(1, round(count.seconds_left)))
    return caller


def _is_public(token: str, accounts: AccountService) -> bool:
    try:
        accounts.verify_public_token(token)
    except TokenExpired:
        return True
    except TokenInvalid:
        return False
    return True


def _bearer_token() -> str:
    headers = request.headers.getlist("Authorization")
    if not headers:
        raise TokenMissing()
    # Several headers of one name arrive as one, joined by a comma, or as a list: neither is a token.
    if len(headers) != 1:
        raise TokenInvalid()
    scheme, _, token = headers[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing()
    return token.strip()
