"""Defines links with which anyone can watch one clip, until they expire or are revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Share:
    """A link. Its address contains the id and a signature. ``for_chat``: it was created for replies in a chat, which
    use one link for a clip as long as it is valid."""

    id: str
    job_id: str
    user_id: str
    created_at: datetime
    expires_at: datetime
    for_chat: bool = False
