"""GuestSession: someone who uses the service without an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class GuestSession:
    """A guest. ``id`` may be seen by anyone; the secret that the guest shows is kept nowhere, only its SHA-256 is:
    the id is the beginning of that."""

    id: str
    created_at: datetime
    last_activity_at: datetime
    expires_at: datetime
