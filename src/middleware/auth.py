"""Identifies the caller of a request from its ``Authorization`` header, a token in its path, or the login cookie of the
web page.

A public token only shows that its bearer fetched a token here. A private token is accepted in place of a public one, so
that a web page with a login needs only one, but never the other way round. A path may contain only public tokens and
channel tokens, because paths are shown in browsers and in commands of bots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from flask import request

from src.errors import RateLimitExceeded, SessionMissing, TokenExpired, TokenInvalid, TokenMissing
from src.middleware.login_cookie import token_in_cookie
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
    """What an endpoint requires of its caller."""

    NONE = "none"
    PUBLIC = "public"  # a public or a private token
    PRIVATE = "private"
    ADMIN = "admin"  # a private token of an account of ADMIN_EMAILS
    OPERATOR = "operator"  # the same; while ADMIN_EMAILS is empty, any private token
    SESSION = "session"  # the id of a guest session, or a private token
    GUEST = "guest"  # anyone; a guest session if its id is sent
    NETWORK = "network"  # a private token, or none from an allowed network
    ANY = "any"  # a guest session, a private token, or none from an allowed network
    VISITOR = "visitor"  # anyone; a login or a guest session if sent
    PATH_TOKEN = "path"  # noqa: S105 (where the token is, not a token); a public or a channel token
    CHANNEL = "channel"  # a channel token in the path


# All callers of the archive without a token have the same rights to all of it, so they share one owner.
ARCHIVE = Owner(OwnerKind.ADDRESS, ARCHIVE_ID)
SESSION_HEADER = "X-Session-ID"
CHANNEL_HEADER = "X-Channel-Token"
IN_HEADER = "-"  # in a path: the channel token is in the header, so that no log and no history has it
SOCKET_PROTOCOLS = ("bearer", "session")  # offered together with a private token or the id of a guest session
BY_COOKIE = (Auth.PUBLIC, Auth.PRIVATE, Auth.ADMIN, Auth.OPERATOR)
"""Where the login cookie will do; never where callers need no token, such as chats, the archive and guests."""
_SIGNED_IN = (Auth.PRIVATE, Auth.ADMIN, Auth.OPERATOR)
_CHANNEL_TOKENS = "yt-downloader.channel_tokens"


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. ``identity`` is set with a private token only.

    ``session`` is the guest session and ``session_key`` its secret. ``channel`` is the channel token.
    ``still_counts`` checks whether the login is still valid, for long-lasting replies.
    """

    address: str
    identity: Identity | None = None
    session: GuestSession | None = None
    session_key: str | None = field(default=None, repr=False)
    channel: ChannelToken | None = None
    still_counts: Callable[[], bool] = field(default=lambda: True, repr=False)

    @property
    def owner(self) -> Owner:
        """The owner of the caller's jobs. Callers without a token share one archive, that of the network."""
        if self.session is not None:
            return Owner(OwnerKind.SESSION, self.session.id)
        return ARCHIVE if self.identity is None else Owner.user(self.user_id)

    @property
    def clip_owner(self) -> Owner:
        """The owner of the caller's clips: the account or, with ``GUEST_CLIPS``, the guest session; others get
        ``TokenMissing``."""
        return Owner.user(self.user_id) if self.session is None else self.owner

    @property
    def visitor(self) -> Owner:
        """The owner of what everyone may request: the account, the guest session, or the network of the address."""
        if self.session is None and self.identity is None:
            return Owner(OwnerKind.ADDRESS, network_of(self.address))
        return self.owner

    @property
    def holder(self) -> Holder:
        """Whose limits a long-lasting reply counts against; for the shared archive, only those of the address."""
        owner = self.owner
        return Holder(None if owner is ARCHIVE else f"{owner.kind.value}:{owner.id}", network_of(self.address))

    @property
    def user_id(self) -> str:
        """The user's id, for endpoints with ``Auth.PRIVATE`` only; others get ``TokenMissing``."""
        return self.signed_in.user_id

    @property
    def signed_in(self) -> Identity:
        """The user and the login, for endpoints with ``Auth.PRIVATE`` only; others get ``TokenMissing``."""
        if self.identity is None:
            raise TokenMissing()
        return self.identity


def authenticate(auth: Auth, path_token: str | None = None, *, cookie: bool = False, guests: bool = False) -> Caller:
    """Return the sender of the current request. ``cookie``: the login cookie of the web page will do. ``guests``: so
    will a guest session, if ``GUEST_CLIPS`` is on.

    Raises:
        TokenMissing, TokenInvalid, TokenExpired, SessionMissing, SessionInvalid: the caller does not meet ``auth``.
        AdminOnly: the login is not an operator's.
        OriginRefused: the login cookie came from another site.
        RateLimitExceeded: too many requests to the archive.
        StoreUnavailable: the login cannot be checked at the moment.
    """
    address = request.remote_addr or "unknown"
    if auth is Auth.NONE:
        return Caller(address)
    if auth is Auth.VISITOR and (visitor := _signed_in_visitor(address, cookie=cookie)):
        return visitor
    if key := _session_key(auth, guests=guests):
        known = services().guests
        session = known.open(key)
        return Caller(address, session=session, session_key=key.lower(), still_counts=lambda: known.is_open(key))
    if auth in (Auth.GUEST, Auth.VISITOR):
        return Caller(address)
    by_cookie = cookie and "Authorization" not in request.headers
    token = token_in_cookie() if by_cookie else None
    if auth is Auth.SESSION and token is None and "Authorization" not in request.headers:
        raise SessionMissing()
    if auth in (Auth.NETWORK, Auth.ANY):
        return _of_network(address, _socket_credential("bearer") if auth is Auth.ANY else "")
    accounts = services().accounts
    if auth is Auth.CHANNEL and path_token == IN_HEADER:
        path_token = request.headers.get(CHANNEL_HEADER, "")
    if auth is Auth.CHANNEL or (auth is Auth.PATH_TOKEN and has_token_prefix(path_token or "")):
        return Caller(address, channel=channel_of(path_token or ""))
    if auth is Auth.PATH_TOKEN:
        accounts.verify_public_token(path_token or "")
        return Caller(address)
    token = token or _bearer_token()
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


def channel_of(secret: str) -> ChannelToken:
    """Return the channel token with this secret, looked up once for the limits and for the view of a request.

    Raises:
        TokenInvalid, StoreUnavailable.
    """
    known: dict[str, ChannelToken] = request.environ.setdefault(_CHANNEL_TOKENS, {})
    if secret not in known:
        known[secret] = services().channel_tokens.identify(secret)
    return known[secret]


def _of_login(address: str, token: str) -> Caller:
    accounts = services().accounts
    identity = accounts.identify(token)
    return Caller(address, identity, still_counts=lambda: accounts.is_signed_in(token))


def _signed_in_visitor(address: str, *, cookie: bool) -> Caller | None:
    if "Authorization" in request.headers:
        return _of_login(address, _bearer_token())
    token = token_in_cookie() if cookie else None
    try:
        return _of_login(address, token) if token else None
    except (TokenInvalid, TokenExpired):
        return None  # a page whose login has ended is that of any visitor


def _session_key(auth: Auth, *, guests: bool) -> str:
    if guests and services().settings.guest_clips and "Authorization" not in request.headers:
        return request.headers.get(SESSION_HEADER, "").strip()
    if auth not in (Auth.SESSION, Auth.GUEST, Auth.ANY, Auth.VISITOR):
        return ""
    key = request.headers.get(SESSION_HEADER, "").strip()
    return key or (_socket_credential("session") if auth is Auth.ANY else "")


def _socket_credential(name: str) -> str:
    """Return the text after this name in the offered WebSocket protocols, the only header that browsers can set."""
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
    # Several headers of one name arrive joined by a comma or as a list; neither is a token.
    if len(headers) != 1:
        raise TokenInvalid()
    scheme, _, token = headers[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing()
    return token.strip()
