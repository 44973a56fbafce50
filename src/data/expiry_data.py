"""Finds what is due for deletion, and which records the files on disk belong to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pymongo.database import Database

from src.data.archive_data import ArchiveData
from src.data.installation_data import InstallationData
from src.data.job_documents import Document, by_id, to_job
from src.data.path_data import PathData
from src.data.repair_data import REPAIR_WAITS
from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import object_id, translated
from src.data.video_data import VideoData
from src.models.params import JobParams
from src.models.video import Status, VideoJob

_T = TypeVar("_T")

# Far below the 16 MB limit of one message, with names of some hundred bytes.
_ASKED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class KnownJobs:
    """The ids among those given that are jobs of this database, with the fences of their last attempts.

    ``at_work`` has the fences of the attempts that are running now.
    """

    fences: dict[str, int]
    at_work: dict[str, int]

    def knows(self, job_id: str, fence: int = 0) -> bool:
        """Return whether this job exists in this database and has had this attempt.

        A later attempt than the recorded one shows that the database is a backup, older than that attempt's files.
        """
        return job_id in self.fences and fence <= self.fences[job_id]


class ExpiryData:
    """The ``videos`` collection, as the cleanup sees it."""

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        self._videos = database[VideoData.COLLECTION]
        self._archive = database[ArchiveData.COLLECTION]
        self._paths, self.names = paths, PathData(database, paths)
        self.installation = InstallationData(database)

    def expired_files(self, now: datetime, limit: int = 500) -> list[VideoJob]:
        """Return up to ``limit`` expired jobs that are not running and still have files."""
        due = {
            "expires_at": {"$lte": now},
            "status": {"$ne": Status.PROCESSING.value},
            "$or": [{"file_path": {"$ne": None}}, {"input_file_path": {"$ne": None}}],
        }
        with translated():
            found = list(self._videos.find(due).limit(limit))
        return [to_job(document, self._paths) for document in found]

    def forget_files(self, job_id: str, now: datetime) -> bool:
        """Record that a job's files are deleted; ``False`` when the job was started again in the meantime."""
        with translated():
            done = self._videos.update_one(
                {**by_id(job_id), "expires_at": {"$lte": now}, "status": {"$ne": Status.PROCESSING.value}},
                {"$set": {"file_path": None, "input_file_path": None}},
            )
        return done.matched_count == 1

    def delete_records(self, now: datetime, *, ended_before: datetime, saved_before: datetime) -> int:
        """Delete records without files that expired long ago, saves that were never requested, anonymous saves that
        have expired, and previews without files; return how many."""
        old = [
            {
                "expires_at": {"$lte": ended_before},
                "file_path": None,
                "status": {"$ne": Status.PROCESSING.value},
                "$nor": [REPAIR_WAITS],
            },
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
            {
                "kind": {"$in": [kind for kind in JobParams.kinds() if kind not in JobParams.listed_kinds()]},
                "expires_at": {"$lte": now},
                "file_path": None,
                "status": {"$ne": Status.PROCESSING.value},
            },
        ]
        with translated():
            return self._videos.delete_many({"$or": old}).deleted_count

    def unnamed(self, paths: Collection[Path]) -> set[Path]:
        """Return those of these files that no record names.

        Names are compared in the form in which records hold them, relative to the folders. Absolute paths of older
        versions are compared by the file that they resolve to now.
        """
        left = set(paths)
        for field in self.names.fields if left else ():
            # Absolute ones first: one that is rewritten in between is then found under its new name.
            left -= {place for place in self.names.absolute(field) if place in left}
            texts = {field.root.stored(path): path for path in left if _can_be_stored(path)}
            for some in _batches(texts):
                with translated():
                    named = field.records.distinct(field.name, {field.name: {"$in": some}})
                left -= {texts[text] for text in named}
        return left

    def known_jobs(self, job_ids: Iterable[str]) -> KnownJobs:
        """Return which of these ids are jobs of this database. Only the running attempt can end a job or a repair."""
        ids = [found for text in set(job_ids) if (found := object_id(text)) is not None]
        fences, at_work = dict[str, int](), dict[str, int]()
        for some in _batches(ids):
            with translated():
                for each in self._videos.find({"_id": {"$in": some}}, {"fence": True, "status": True, "worker": True}):
                    fences[str(each["_id"])] = each.get("fence") or 0
                    repairs = each["status"] == Status.COMPLETED.value and each.get("worker") is not None
                    if repairs or each["status"] == Status.PROCESSING.value:
                        at_work[str(each["_id"])] = fences[str(each["_id"])]
        return KnownJobs(fences, at_work)

    def needing_retained(self, job_ids: Iterable[str], *, with_repairs: bool = True) -> set[str]:
        """Return those of these jobs whose retained sources are still needed.

        These are running and queued jobs, whose next attempt may continue from them, completed jobs with a file that
        will expire, because the source stays as long as the file, and (``with_repairs``) jobs whose file may still be
        repaired.
        """
        ids = [found for text in job_ids if (found := object_id(text)) is not None]
        with translated():
            waiting = {"status": Status.PENDING.value, "queued_at": {"$ne": None}}
            with_file = {"status": Status.COMPLETED.value, "file_path": {"$ne": None}, "expires_at": {"$ne": None}}
            states = [{"status": Status.PROCESSING.value}, waiting, with_file]
            states += [REPAIR_WAITS] if with_repairs else []
            held = self._videos.distinct("_id", {"_id": {"$in": ids}, "$or": states})
        return {str(job_id) for job_id in held}


def _can_be_stored(path: Path) -> bool:
    """Return whether a record can name this file: unlike file systems, the database accepts only UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(items)
    while some := list(islice(rest, _ASKED_AT_ONCE)):
        yield some
