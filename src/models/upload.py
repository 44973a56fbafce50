"""Defines resumable uploads as announced by their clients; the size of the file is the progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from src.models.video import Owner


@dataclass(frozen=True, slots=True)
class ResumableUpload:
    """An upload. ``id`` becomes the id of the encode request; ``length`` is in bytes."""

    id: str
    owner: Owner
    filename: str
    length: int
    created_at: datetime
    expires_at: datetime
