"""What an archive holds: stored videos, and plans of work that is still to be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

SearchIn = Literal["title", "description", "all"]
SortBy = Literal["stored_at", "title", "duration"]


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A video in somebody's archive.

    ``file_path`` is what callers are told, a name and not a place on this server. The file itself is that of the job
    ``job_id``, or the uploaded ``file``, or somewhere that only the caller knows.
    """

    video_id: str
    title: str
    stored_at: datetime
    description: str = ""
    duration_seconds: float | None = None
    file_path: str | None = None
    file_size: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    job_id: str | None = None
    file: Path | None = None
    file_at: datetime | None = None
    """When the file that lies here was made or uploaded."""
    relevance: float | None = None
    """How well it fits the words that were looked for, where some were."""


@dataclass(frozen=True, slots=True)
class ArchiveTotals:
    """What an archive holds in all. Sizes are bytes, of files and of metadata as JSON."""

    videos: int = 0
    file_bytes: int = 0
    metadata_bytes: int = 0
    duration_seconds: float = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None

    @property
    def bytes(self) -> int:
        """Files and metadata."""
        return self.file_bytes + self.metadata_bytes

    @property
    def breakdown(self) -> dict[str, dict[str, int]]:
        """Number and bytes of each sort. Pictures stay where they are: an archive keeps none."""
        return {
            "videos": {"count": self.videos, "size": self.file_bytes},
            "metadata": {"count": self.videos, "size": self.metadata_bytes},
            "thumbnails": {"count": 0, "size": 0},
        }


class PlanStatus(StrEnum):
    """How far a plan is: what the jobs of its last try are."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """Videos that somebody wants to have, why they are not there, and the jobs of the last try."""

    id: str
    video_ids: tuple[str, ...]
    reason: str
    created_at: datetime
    retry_count: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    job_ids: tuple[str, ...] = ()
    status: PlanStatus = PlanStatus.PENDING
