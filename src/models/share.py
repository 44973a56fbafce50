"""Defines links with which anyone can watch one clip, until they expire or are revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Share:
    """A link. Its address contains the id and a signature."""

    id: str
    job_id: str
    user_id: str
    created_at: datetime
    expires_at: datetime
