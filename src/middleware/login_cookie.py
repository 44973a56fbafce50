"""Keeps the login of the web page in a cookie that no script can read and that no other site can use.

The cookie is set only for a request with the header ``X-Requested-With: yt-downloader``, and accepted only with it: a
form cannot send it, and a script of another site only after a CORS preflight, which never allows credentials here.
``SameSite=Strict`` keeps it away from other sites altogether. Ports and subdomains of one site share cookies, therefore
a request that names another origin is refused, and over HTTPS the name of the cookie binds it to this host.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import g, request
from werkzeug.http import dump_cookie

from src.errors import OriginRefused
from src.middleware.base_address import base_address
from src.middleware.services_of_request import services

COOKIE = "yt-downloader-login"
_OF_THIS_HOST = "__Host-"  # browsers take such a cookie from this host only: RFC 6265bis, 4.1.3.2
HEADER, VALUE = "X-Requested-With", "yt-downloader"
_MOST_CHARACTERS = 4096
_LONGEST_NAME = 300


def is_page() -> bool:
    """Whether the request comes from our own web page.

    Raises:
        OriginRefused: it has the header of our page, but comes from another site.
    """
    if request.headers.get(HEADER) != VALUE:
        return False
    # Browsers send no Sec-Fetch-Site over plain HTTP, and no Origin with GET: absence means nothing.
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (origin is not None and origin not in _own_origins()):
        raise OriginRefused()
    return True


def token_in_cookie() -> str | None:
    """Return the token of the login cookie; ``None`` if there is none or the request does not come from our page.

    Raises:
        OriginRefused: see ``is_page``.
    """
    found = request.cookies.getlist(cookie_name())
    if not found or not is_page():
        return None
    g.login_is_in_cookie = True
    # A subdomain can add a cookie of the same name: with two, nobody knows which one is ours.
    return found[0] if len(found) == 1 and len(found[0]) <= _MOST_CHARACTERS else None


def cookie_name() -> str:
    """Return the name of the cookie at this address.

    Another subdomain cannot set it where HTTPS and the whole host are ours. Over plain HTTP, or below a path of another
    site, no name prevents that.
    """
    return _OF_THIS_HOST + COOKIE if _is_secure() and not request.script_root else COOKIE


def client_name() -> str | None:
    """Return what the program of this request calls itself, for the list of logins; ``None`` if it does not."""
    return request.headers.get("User-Agent", "")[:_LONGEST_NAME] or None


def is_used() -> bool:
    """Whether the cookie decides who sends this request."""
    return bool(g.get("login_is_in_cookie"))


def cookie_header(token: str) -> dict[str, str]:
    """Return the header that stores a login in the browser for as long as the login lasts."""
    return {"Set-Cookie": _cookie(token, timedelta(days=services().settings.jwt_private_days))}


def clearing_header() -> dict[str, str]:
    """Return the header that deletes the cookie, if the request has it."""
    return {"Set-Cookie": _cookie("", timedelta())} if cookie_name() in request.cookies else {}


def _cookie(value: str, life: timedelta) -> str:
    return dump_cookie(
        cookie_name(),
        value,
        max_age=life,
        path=f"{request.script_root}/",
        secure=_is_secure(),
        httponly=True,
        samesite="Strict",
    )


def _is_secure() -> bool:
    return request.is_secure or base_address().startswith("https:")


def _own_origins() -> set[str]:
    addresses = [urlsplit(each) for each in (request.url_root, base_address())]
    return {f"{each.scheme}://{each.netloc}" for each in addresses}
