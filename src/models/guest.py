"""Defines guest sessions, for clients without an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class GuestSession:
    """A guest. ``id`` is public. The guest's secret is not stored; the id is the beginning of its SHA-256."""

    id: str
    created_at: datetime
    last_activity_at: datetime
    expires_at: datetime
