"""Finds the jobs that an older version of this service cannot read, before it is started again on the same records."""

from __future__ import annotations

from pathlib import Path

from pymongo.database import Database

from src.data.job_documents import Document
from src.data.stored_paths import StoredPaths
from src.data.translated import translated
from src.data.video_data import VideoData
from src.models.params import PreviewParams, RecordingParams


class OlderRelease:
    """The ``videos`` collection as a version without whole streams and previews sees it: it fails at their kinds."""

    def __init__(self, database: Database[Document], paths: StoredPaths) -> None:
        self._videos, self._paths = database[VideoData.COLLECTION], paths

    def recordings(self) -> int:
        """Return how many jobs record a whole stream."""
        with translated():
            return self._videos.count_documents({"kind": RecordingParams.kind})

    def drop_previews(self) -> list[Path]:
        """Delete the records of all previews, which last for minutes anyway; return their files."""
        wanted = {"kind": PreviewParams.kind}
        with translated():
            names = [each.get("file_path") for each in self._videos.find(wanted, {"file_path": True})]
            self._videos.delete_many(wanted)
        return [self._paths.downloads.located(name) for name in names if name]
