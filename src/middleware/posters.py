"""Finds the still images of finished files."""

from __future__ import annotations

from src.middleware.services_of_request import services
from src.models.video import VideoJob


def poster_address(job: VideoJob) -> str | None:
    """Return the path of a still image of a job's file; ``None`` without a file, and for files without a picture."""
    if job.artifact is None or not job.artifact.mime.startswith("video/"):
        return None
    link = services().file_links.shown(job, poster=True)
    return None if link is None else link.address
