"""Defines accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``email`` is normalised and unique; the hash never appears in a log or a ``repr``.

    ``accepts_anonymous_saves``: whether anyone with a public token may save clips for this user.
    """

    id: str
    email: str
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    accepts_anonymous_saves: bool = True
    disabled: bool = False
    """Disabled by the operator: no credentials of the account are accepted."""
