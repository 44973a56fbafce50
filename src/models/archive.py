"""Defines what an archive holds: stored videos, and plans of downloads that are still to be done."""

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
    """A video in a user's archive.

    ``file_path`` is a name that is shown to callers, not a location on this server. The file itself belongs to the job
    ``job_id``, or is the uploaded ``file``, or is stored where only the caller can find it.
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
    """When the stored file was produced or uploaded."""
    relevance: float | None = None
    """How well the video matches the search text; only in search results."""


@dataclass(frozen=True, slots=True)
class ArchiveTotals:
    """The totals of an archive. Sizes are bytes, of files and of metadata as JSON."""

    videos: int = 0
    file_bytes: int = 0
    metadata_bytes: int = 0
    duration_seconds: float = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None

    @property
    def bytes(self) -> int:
        """The bytes of files and metadata together."""
        return self.file_bytes + self.metadata_bytes

    @property
    def breakdown(self) -> dict[str, dict[str, int]]:
        """Number and bytes of each type of content. Thumbnails are not stored."""
        return {
            "videos": {"count": self.videos, "size": self.file_bytes},
            "metadata": {"count": self.videos, "size": self.metadata_bytes},
            "thumbnails": {"count": 0, "size": 0},
        }


class PlanStatus(StrEnum):
    """The state of a plan, from the jobs of its last attempt."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """Videos to be downloaded, why they are still missing, and the jobs of the last attempt."""

    id: str
    video_ids: tuple[str, ...]
    reason: str
    created_at: datetime
    retry_count: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    job_ids: tuple[str, ...] = ()
    status: PlanStatus = PlanStatus.PENDING
