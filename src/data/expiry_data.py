"""What is due to be deleted, and what the files on disk still belong to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.job_documents import Document, by_id, to_job
from src.data.translated import object_id, translated
from src.data.video_data import VideoData
from src.models.video import Status, VideoJob


class ExpiryData:
    """The ``videos`` collection, as the cleanup sees it."""

    def __init__(self, database: Database[Document]) -> None:
        self._videos = database[VideoData.COLLECTION]
        self._archive = database[ArchiveData.COLLECTION]

    def expired_files(self, now: datetime, limit: int = 500) -> list[VideoJob]:
        """Jobs that nobody works on whose time has come and whose files are still there."""
        due = {
            "expires_at": {"$lte": now},
            "status": {"$ne": Status.PROCESSING.value},
            "$or": [{"file_path": {"$ne": None}}, {"input_file_path": {"$ne": None}}],
        }
        with translated():
            return [to_job(document) for document in self._videos.find(due).limit(limit)]

    def forget_files(self, job_id: str, now: datetime) -> bool:
        """Say in the record that its files are gone; ``False`` when the job was started again meanwhile."""
        with translated():
            done = self._videos.update_one(
                {**by_id(job_id), "expires_at": {"$lte": now}, "status": {"$ne": Status.PROCESSING.value}},
                {"$set": {"file_path": None, "input_file_path": None}},
            )
        return done.matched_count == 1

    def delete_records(self, now: datetime, *, ended_before: datetime, saved_before: datetime) -> int:
        """Delete records without files that expired long ago, saves that nobody ever asked for, and anonymous saves
        whose time is over."""
        old = [
            {"expires_at": {"$lte": ended_before}, "file_path": None, "status": {"$ne": Status.PROCESSING.value}},
            {
                "status": Status.PENDING.value,
                "queued_at": None,
                "expires_at": None,
                "created_at": {"$lte": saved_before},
            },
            {
                "anonymous": True,
                "status": Status.PENDING.value,
                "queued_at": None,
                "expires_at": {"$lte": now},
            },
        ]
        with translated():
            return self._videos.delete_many({"$or": old}).deleted_count

    def unnamed(self, paths: Iterable[Path], *, field: str) -> set[Path]:
        """Those of these files that no job names in ``field`` (``file_path``, ``input_file_path``), and no archive."""
        asked = {str(path): path for path in paths}
        with translated():
            named = set(self._videos.distinct(field, {field: {"$in": list(asked)}}))
            named |= set(self._archive.distinct("file", {"file": {"$in": list(asked)}}))
        return {path for text, path in asked.items() if text not in named}

    def attempts_now(self, job_ids: Iterable[str]) -> dict[str, int]:
        """Those of these jobs that are being worked on, and the fence of the attempt: no other can end them."""
        ids = [found for text in job_ids if (found := object_id(text)) is not None]
        wanted = {"_id": {"$in": ids}, "status": Status.PROCESSING.value}
        with translated():
            return {str(each["_id"]): each["fence"] for each in self._videos.find(wanted, {"fence": True})}

    def needing_kept(self, job_ids: Iterable[str]) -> set[str]:
        """Those of these jobs whose attempts may go on with what earlier ones left: they are worked on or wait for
        that; and those whose file will expire: what they were cut from stays as long."""
        ids = [found for text in job_ids if (found := object_id(text)) is not None]
        with translated():
            waiting = {"status": Status.PENDING.value, "queued_at": {"$ne": None}}
            there = {"status": Status.COMPLETED.value, "file_path": {"$ne": None}, "expires_at": {"$ne": None}}
            held = self._videos.distinct(
                "_id", {"_id": {"$in": ids}, "$or": [{"status": Status.PROCESSING.value}, waiting, there]}
            )
        return {str(job_id) for job_id in held}
