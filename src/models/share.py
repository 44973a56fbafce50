"""A link that lets anybody who has it watch one clip, until it expires or is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Share:
    """One link. The link itself is made from the id and signed."""

    id: str
    job_id: str
    user_id: str
    created_at: datetime
    expires_at: datetime
