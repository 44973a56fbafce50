"""Where the finished file of a job lies below ``DOWNLOADS_DIR``: decided here for every kind and owner."""

from __future__ import annotations

from pathlib import PurePath

from src.models.video import OwnerKind, VideoJob

MEDIA_FOLDERS = {"audio": "audio", "transcript": "transcripts"}
VIDEO_FOLDER = "video"


def base_folder_of(job: VideoJob) -> PurePath:
    """The folder of a job, relative to ``DOWNLOADS_DIR``: ``<session>/<job>`` for guests, the folder itself for others.

    Both ids are our own; nothing that a stranger chose becomes a part of a path.
    """
    return PurePath(job.owner.id, job.id) if job.owner.kind is OwnerKind.SESSION else PurePath()


def folder_of(job: VideoJob) -> PurePath:
    """The folder of the finished file: in a guest's, one for each medium."""
    base = base_folder_of(job)
    return base / MEDIA_FOLDERS.get(job.kind, VIDEO_FOLDER) if base.parts else base
