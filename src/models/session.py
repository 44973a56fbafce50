"""Defines logins, their revocation, and the identity of a valid private token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A login. The token is not stored: only its SHA-256, from which it cannot be recovered."""

    id: str
    user_id: str
    token_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime
    client: str | None = None
    """What the program of the login called itself (``User-Agent``); other people's text."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Logins that were ended early, recorded until every cache has received them."""

    id: str
    token_hashes: tuple[str, ...] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """The account and the login of a private token."""

    user_id: str
    email: str
    session_id: str
    token_hash: str = field(repr=False)
