"""A resumable upload: what was announced; how much has arrived is the size of its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from src.models.video import Owner


@dataclass(frozen=True, slots=True)
class ResumableUpload:
    """One upload. ``id`` becomes the id of the encode request; ``length`` is in bytes."""

    id: str
    owner: Owner
    filename: str
    length: int
    created_at: datetime
    expires_at: datetime
