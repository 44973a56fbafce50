"""Issues, strictly reads and hashes JSON Web Tokens of both tiers; sessions are checked elsewhere.

A token is accepted only in the exact spelling in which it was issued: HS256, three parts of canonical base64url.
The last letter of the signature has two unused bits, so four spellings of a token have the same signature. Sessions
are found by the hash of the token's text, so the three others must be rejected.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt

from src.errors import TokenExpired, TokenInvalid

ALGORITHM = "HS256"
# Tokens have about 170 (public) and 270 (private) characters.
MAX_TOKEN_CHARACTERS = 1024
# JSON allows integers of any size; Python has no times after the year 9999.
_LATEST = 253_402_300_799
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Tier(StrEnum):
    """What a token may be used for; the value of its ``type`` claim."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class PublicClaims:
    """The claims of a public token: nothing about its bearer, only when it was issued and when it expires."""

    token_id: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PrivateClaims:
    """The claims of a private token. They do not show whether the login still exists."""

    user_id: str
    session_id: str
    issued_at: datetime
    expires_at: datetime


def token_hash(token: str) -> str:
    """Return the SHA-256 of a token in 64 hexadecimal digits: the key under which its session is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """Issues and reads the tokens of both tiers. Each tier has a separate secret and lifetime."""

    def __init__(
        self, *, public_secret: str, private_secret: str, public_life: timedelta, private_life: timedelta
    ) -> None:
        if not public_secret or not private_secret or public_secret == private_secret:
            raise ValueError("both secrets are needed and must differ")
        self._secrets = {Tier.PUBLIC: public_secret, Tier.PRIVATE: private_secret}
        self.public_life = public_life
        self.private_life = private_life

    def issue_public(self, now: datetime) -> str:
        """Return a new public token, valid from now for ``public_life``."""
        return self._sign(Tier.PUBLIC, now, self.public_life, {"jti": secrets.token_urlsafe(12)})

    def issue_private(self, user_id: str, session_id: str, now: datetime) -> str:
        """Return the token of one login, valid for ``private_life``."""
        return self._sign(Tier.PRIVATE, now, self.private_life, {"user_id": user_id, "session_id": session_id})

    def read_public(self, token: str, now: datetime) -> PublicClaims:
        """Return the claims of a public token.

        Raises:
            TokenInvalid: not issued here, of the other tier, or not in the spelling in which it was issued.
            TokenExpired: it was valid once.
        """
        claims = self._verify(Tier.PUBLIC, token, now, "jti")
        return PublicClaims(claims["jti"], _moment(claims["iat"]), _moment(claims["exp"]))

    def read_private(self, token: str, now: datetime) -> PrivateClaims:
        """Return the claims of a private token. Raises as ``read_public``."""
        claims = self._verify(Tier.PRIVATE, token, now, "user_id", "session_id")
        return PrivateClaims(claims["user_id"], claims["session_id"], _moment(claims["iat"]), _moment(claims["exp"]))

    def _sign(self, tier: Tier, now: datetime, life: timedelta, more: dict[str, str]) -> str:
        issued_at = int(now.timestamp())
        claims = {**more, "type": tier.value, "iat": issued_at, "exp": issued_at + int(life.total_seconds())}
        return jwt.encode(claims, self._secrets[tier], ALGORITHM)

    def _verify(self, tier: Tier, token: str, now: datetime, *texts: str) -> dict[str, Any]:
        if not _is_canonical(token):
            raise TokenInvalid()
        try:
            claims = jwt.decode(
                token,
                self._secrets[tier],
                algorithms=[ALGORITHM],
                # The times are checked below with the clock that was passed in.
                options={"require": ["exp", "iat", "type", *texts], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenInvalid() from None
        if claims["type"] != tier.value or any(type(claims[name]) is not str for name in texts):
            raise TokenInvalid()
        if any(type(claims[name]) is not int or not 0 <= claims[name] <= _LATEST for name in ("iat", "exp")):
            raise TokenInvalid()
        if claims["exp"] <= now.timestamp():
            raise TokenExpired()
        return claims


def _is_canonical(token: str) -> bool:
    if len(token) > MAX_TOKEN_CHARACTERS or not _SHAPE.fullmatch(token):
        return False
    return all(_is_canonical_part(part) for part in token.split("."))


def _is_canonical_part(part: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
