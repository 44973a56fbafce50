"""Writes what the worker of an attempt reports: at a job, or at the repair of a finished file.

Every write names the lease and the fence of the attempt, so a worker that has lost its lease writes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pymongo import ReturnDocument
from pymongo.database import Database

from src.data.job_documents import Document, by_id, to_job
from src.data.leases import NO_LEASE, lease_for
from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import translated
from src.data.video_data import VideoData
from src.models.video import Failure, Finished, Lease, VideoJob, WaitsFor


def taken_by(worker: str, lease_seconds: float) -> Document:
    """Return the changes of a record that a worker claims: its lease, the next fence, and that it is its turn."""
    return {
        "worker": worker,
        "fence": {"$add": [{"$ifNull": ["$fence", 0]}, 1]},
        **lease_for(lease_seconds),
        "declined_at": None,
    }


class AttemptData(ABC):
    """The ``videos`` collection, as the worker of an attempt sees it. Every method may raise ``StoreUnavailable``."""

    IN_PROGRESS: ClassVar[Document]
    """The filter for the records whose lease is the one of such an attempt."""

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        self._paths = paths
        self._videos = database[VideoData.COLLECTION]

    def renew(self, job_id: str, lease: Lease, *, lease_seconds: float) -> VideoJob | None:
        """Extend the lease; ``None`` when it is lost, also because the job was deleted or started again."""
        return self._update(self._held(job_id, lease), lease_for(lease_seconds))

    @abstractmethod
    def complete(self, job_id: str, lease: Lease, finished: Finished, *, keep_seconds: float) -> VideoJob | None:
        """Store the file; ``None`` when the lease is lost or the job was cancelled: the caller deletes the file."""

    @abstractmethod
    def fail(self, job_id: str, lease: Lease, failure: Failure, *, keep_seconds: float) -> VideoJob | None:
        """Record why there is no file, or no better one; ``None`` when the lease is lost."""

    @abstractmethod
    def hand_back(
        self,
        job_id: str,
        lease: Lease,
        *,
        delay_seconds: float,
        count_attempt: bool,
        follows: str | None = None,
        waiting_for: WaitsFor | None = None,
        queue: str | None = None,
    ) -> VideoJob | None:
        """Leave the work to a later attempt; ``None`` when the lease is lost."""

    def _end(self, job_id: str, lease: Lease, changes: Document, condition: Document | None = None) -> VideoJob | None:
        return self._update({**self._held(job_id, lease), **(condition or {})}, {**changes, **NO_LEASE})

    def _held(self, job_id: str, lease: Lease) -> Document:
        return {**by_id(job_id), **self.IN_PROGRESS, "worker": lease.worker, "fence": lease.fence}

    def _update(self, wanted: Document, changes: Document) -> VideoJob | None:
        with translated():
            document = self._videos.find_one_and_update(
                wanted, [{"$set": changes}], return_document=ReturnDocument.AFTER
            )
        return to_job(document, self._paths) if document else None
