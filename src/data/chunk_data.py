"""Stores the chunks of long encodes in MongoDB: which worker has each, with a lease and fence as for jobs.

Records exist while their job is processed; MongoDB deletes abandoned ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.database import Database

from src.data.job_documents import Document
from src.data.leases import NO_LEASE, lease_for, lease_is_over
from src.data.translated import translated
from src.models.chunk import Chunk, ChunkRecord
from src.models.video import Lease


class ChunkData:
    """The ``chunks`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "chunks"
    INDEXES = (
        IndexModel([("job_id", ASCENDING), ("number", ASCENDING)], name="job_id"),
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._chunks = database[self.COLLECTION]

    def lay_out(self, job_id: str, key: str, task: str, chunks: Sequence[Chunk], *, keep_seconds: float) -> None:
        """Store exactly these chunks for a job.

        ``key`` identifies the content: chunks with the same key stay as they are, also finished ones. Chunks with
        another key are deleted, which their workers notice at the next renewal.
        """
        expires_at = datetime.now(UTC) + timedelta(seconds=keep_seconds)
        wanted = [
            UpdateOne(
                {"_id": f"{job_id}.{key}.{chunk.number}"},
                {
                    "$set": {"expires_at": expires_at},
                    "$setOnInsert": {
                        "job_id": job_id,
                        "key": key,
                        "number": chunk.number,
                        "start_seconds": chunk.start_seconds,
                        "frames": chunk.frames,
                        "task": task,
                        "fence": 0,
                        "attempts": 0,
                        "path": None,
                        **NO_LEASE,
                    },
                },
                upsert=True,
            )
            for chunk in chunks
        ]
        with translated():
            self._chunks.delete_many({"job_id": job_id, "key": {"$ne": key}})
            self._chunks.bulk_write(wanted, ordered=False)

    def of_job(self, job_id: str) -> list[ChunkRecord]:
        """Return all chunks of a job, in order, without their tasks."""
        with translated():
            found = list(self._chunks.find({"job_id": job_id}, {"task": False}).sort("number", ASCENDING))
        return [_to_record(document) for document in found]

    def claim(
        self, job_id: str, worker: str, *, lease_seconds: float, most_attempts: int | None = None
    ) -> ChunkRecord | None:
        """Claim the first unfinished chunk without a lease and with fewer than ``most_attempts`` attempts.

        Return ``None`` when there is no such chunk.
        """
        few = {} if most_attempts is None else {"attempts": {"$lt": most_attempts}}
        taken = {
            "worker": worker,
            "fence": {"$add": ["$fence", 1]},
            "attempts": {"$add": ["$attempts", 1]},
            "frames_done": 0,
            **lease_for(lease_seconds),
        }
        with translated():
            document = self._chunks.find_one_and_update(
                {"job_id": job_id, "path": None, "$expr": lease_is_over(), **few},
                [{"$set": taken}],
                sort=[("number", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _to_record(document) if document else None

    def renew(self, chunk: ChunkRecord, *, lease_seconds: float, frames_done: int) -> bool:
        """Extend the lease of a chunk and record its progress; ``False`` when the lease is lost."""
        return self._change(chunk, {**lease_for(lease_seconds), "frames_done": frames_done})

    def finish(self, chunk: ChunkRecord, path: Path, size_bytes: int) -> bool:
        """Record the file of a finished chunk; ``False`` when the lease is lost: the caller then deletes the file."""
        return self._change(chunk, {"path": {"$literal": str(path)}, "size_bytes": size_bytes, **NO_LEASE})

    def is_finished(self, chunk: ChunkRecord, path: Path) -> bool:
        """Return whether the record names this file."""
        with translated():
            return self._chunks.find_one({"_id": chunk.id, "path": str(path)}, {"_id": True}) is not None

    def give_back(self, chunk: ChunkRecord, *, count_attempt: bool) -> None:
        """Release a chunk for other workers."""
        fewer = {} if count_attempt else {"attempts": {"$subtract": ["$attempts", 1]}}
        self._change(chunk, {**NO_LEASE, **fewer})

    def reopen(self, chunk: ChunkRecord) -> None:
        """Have a finished chunk encoded again because its file is missing or damaged."""
        with translated():
            self._chunks.update_one({"_id": chunk.id}, {"$set": {"path": None, **NO_LEASE}})

    def forget(self, job_id: str) -> None:
        """Delete all chunks of a job; their workers notice at the next renewal."""
        with translated():
            self._chunks.delete_many({"job_id": job_id})

    def _change(self, chunk: ChunkRecord, changes: Document) -> bool:
        assert chunk.lease is not None
        held = {"_id": chunk.id, "path": None, "worker": chunk.lease.worker, "fence": chunk.lease.fence}
        with translated():
            return self._chunks.update_one(held, [{"$set": changes}]).matched_count == 1


def _to_record(document: Document) -> ChunkRecord:
    until, path = document.get("lease_until"), document.get("path")
    lease = Lease(document["worker"], document["fence"], until) if until else None
    return ChunkRecord(
        id=document["_id"],
        job_id=document["job_id"],
        number=document["number"],
        start_seconds=document["start_seconds"],
        frames=document["frames"],
        task=document.get("task", ""),
        lease=lease,
        frames_done=document.get("frames_done", 0),
        path=Path(path) if path else None,
        size_bytes=document.get("size_bytes", 0),
        attempts=document["attempts"],
    )
