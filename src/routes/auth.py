"""Serves ``/api/auth/*``: accounts, logins and tokens."""

from __future__ import annotations

from flask import Blueprint

from src.errors import (
    Busy,
    CredentialsInvalid,
    CurrentPasswordWrong,
    EmailInvalid,
    EmailTaken,
    LoginNotFound,
    OriginRefused,
    PasswordInvalid,
    TooManyAttempts,
)
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.login_cookie import clearing_header, client_name, cookie_header, is_page
from src.middleware.services_of_request import services
from src.routes.schemas.auth import (
    ChangePassword,
    Credentials,
    LoggedIn,
    LoggedOut,
    Logins,
    Me,
    PasswordChanged,
    Preferences,
    PublicTokenIssued,
    Registered,
)

bp = Blueprint("auth", __name__, url_prefix="/api/auth")


@bp.post("/register")
@endpoint(
    auth=Auth.NONE,
    limit=Limit.SIGN_IN,
    replies={201: Registered},
    errors=(EmailInvalid, PasswordInvalid, EmailTaken, OriginRefused, Busy),
)
def register(body: Credentials, caller: Caller) -> Reply:
    """Create an account. With the header of the web page, also sign in: the reply sets the login cookie."""
    from_page = is_page()
    user = services().accounts.register(body.email, body.password)
    if not from_page:
        return Registered(user_id=user.id), 201
    opened = services().accounts.login(body.email, body.password, address=caller.address, client=client_name())
    return Registered(user_id=user.id), 201, cookie_header(opened.token)


@bp.post("/login")
@endpoint(
    auth=Auth.NONE,
    limit=Limit.SIGN_IN,
    replies={200: LoggedIn},
    errors=(CredentialsInvalid, TooManyAttempts, OriginRefused, Busy),
)
def login(body: Credentials, caller: Caller) -> Reply:
    """Sign in and get a private token.

    Failed attempts are limited per network address, per account and in total; see ``Retry-After``. With the header
    ``X-Requested-With: yt-downloader`` the token is not in the reply but in a cookie that no script can read.
    """
    from_page = is_page()
    opened = services().accounts.login(body.email, body.password, address=caller.address, client=client_name())
    if from_page:
        return LoggedIn.of(opened.user, None), 200, cookie_header(opened.token)
    return LoggedIn.of(opened.user, opened.token), 200


@bp.post("/logout")
@endpoint(auth=Auth.PRIVATE, replies={200: LoggedOut})
def logout(caller: Caller) -> Reply:
    """End this login; its token is invalid from now on."""
    services().accounts.logout(caller.signed_in)
    return LoggedOut(), 200, clearing_header()


@bp.get("/logins")
@endpoint(auth=Auth.PRIVATE, replies={200: Logins})
def logins(caller: Caller) -> Reply:
    """List the valid logins of the account, newest first."""
    identity = caller.signed_in
    return Logins.of(services().accounts.logins(identity), identity), 200


@bp.delete("/logins/<login_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: LoggedOut}, errors=(LoginNotFound,))
def end_login(login_id: str, caller: Caller) -> Reply:
    """End one login of the account; its token is invalid from now on."""
    services().accounts.end_login(caller.signed_in, login_id)
    return LoggedOut(), 200


@bp.post("/change-password")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.SIGN_IN,
    replies={200: PasswordChanged},
    errors=(PasswordInvalid, CurrentPasswordWrong, TooManyAttempts, Busy),
)
def change_password(body: ChangePassword, caller: Caller) -> Reply:
    """Set a new password and end all logins of the user, including this one."""
    services().accounts.change_password(
        caller.signed_in, body.current_password, body.new_password, address=caller.address
    )
    return PasswordChanged(), 200, clearing_header()


@bp.get("/token/public")
@endpoint(auth=Auth.NONE, limit=Limit.TOKEN, replies={200: PublicTokenIssued})
def public_token() -> Reply:
    """Get a public token, with which bots and web pages can save clips."""
    issued = services().accounts.issue_public_token()
    return PublicTokenIssued(token=issued.token, expires_in=issued.expires_in_seconds), 200


@bp.patch("/me")
@endpoint(auth=Auth.PRIVATE, replies={200: Preferences})
def change_preferences(body: Preferences, caller: Caller) -> Reply:
    """Allow or refuse clips that others save for you with a public token."""
    services().anonymous_saves.switch(caller.user_id, body.accept_anonymous_saves)
    return body, 200


@bp.get("/me")
@endpoint(auth=Auth.PRIVATE, replies={200: Me})
def me(caller: Caller) -> Reply:
    """Return the signed-in user, and the used and available space of the account."""
    return Me.of(caller.signed_in, services().space.usage(caller.owner)), 200
