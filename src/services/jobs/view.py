"""Presents a job as its owner sees it: the record, the last progress reading, and the names of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from src.models.params import AudioParams
from src.models.video import Status, VideoJob
from src.services.jobs.paths import MEDIA_FOLDERS, VIDEO_FOLDER, base_folder_of, folder_of
from src.services.progress_cache import overall_percent
from src.utils.filenames import name_after

ROOT = PurePath("downloads")  # prefix of reported paths; the real folder is never shown
DEFAULT_FOLDER = "/downloads"


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and its last reading (empty unless it is being processed), in the forms that the API reports.

    ``completes_at`` is an estimate, only on surfaces that report one.
    """

    job: VideoJob
    reading: Mapping[str, Any] = field(default_factory=dict)
    completes_at: datetime | None = None

    @property
    def percent(self) -> float:
        """The share of the whole work that is done, 0-100."""
        return 100.0 if self.job.status is Status.COMPLETED else overall_percent(self.reading)

    @property
    def percent_started(self) -> float | None:
        """The same; ``None`` before the job has started."""
        return None if self.job.status is Status.PENDING else self.percent

    @property
    def bytes_done(self) -> int:
        """The fetched bytes; for a finished job the size of its file."""
        return self.job.artifact.size_bytes if self.job.artifact else self.reading.get("bytes_done") or 0

    @property
    def bytes_total(self) -> int | None:
        """The bytes to fetch, if known."""
        return self.job.artifact.size_bytes if self.job.artifact else self.reading.get("bytes_total")

    @property
    def speed(self) -> str | None:
        """Such as ``1.2MB/s``: now, or the average of a finished job."""
        job = self.job
        if job.artifact is None or job.started_at is None or job.completed_at is None:
            return self.reading.get("speed")
        seconds = max((job.completed_at - job.started_at).total_seconds(), 0.001)
        return f"{job.artifact.size_bytes / seconds / 1e6:.1f}MB/s"

    @property
    def eta(self) -> str | None:
        """The time left, ``mm:ss``."""
        return "00:00" if self.job.status is Status.COMPLETED else self.reading.get("eta")

    @property
    def path(self) -> str | None:
        """The path of the finished file below the caller's folder, or ``None``."""
        return str(ROOT / folder_of(self.job) / self.job.artifact.path.name) if self.job.artifact else None

    @property
    def folders(self) -> dict[str, str]:
        """The folders of the job (``base``) and of each medium."""
        base = base_folder_of(self.job)
        names = ["video", *MEDIA_FOLDERS]
        media = {name: str(ROOT / base / MEDIA_FOLDERS.get(name, VIDEO_FOLDER)) for name in names}
        return {"base": str(ROOT / base), **(media if base.parts else dict.fromkeys(names, str(ROOT)))}

    @property
    def archive_path(self) -> str:
        """The name of the file in an archive, also before it exists. The caller chooses the folder."""
        job, request = self.job, self.job.facts.get("request") or {}
        if job.artifact is not None:
            name = job.artifact.download_name
        else:
            video_id = getattr(job.params, "youtube_video_id", None) or job.id
            title = job.facts.get("title") or request.get("metadata", {}).get("title") or "video"
            name = name_after(title, f" [{video_id}]{'.mp3' if isinstance(job.params, AudioParams) else '.mp4'}")
        return f"{(request.get('output_path') or DEFAULT_FOLDER).rstrip('/')}/{name}"
