"""Session: one login, and Identity: who a valid private token belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One login. The token itself is kept nowhere: only its SHA-256, from which it cannot be made again."""

    id: str
    user_id: str
    token_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Revocation:
    """Logins that were ended before their time, noted until every cache has surely been told."""

    id: str
    token_hashes: tuple[str, ...] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a private token belongs to, and which login it is."""

    user_id: str
    email: str
    session_id: str
    token_hash: str = field(repr=False)
