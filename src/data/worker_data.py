"""Stores which worker processes run on all hosts: one document each, valid until a time of the server's clock."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from src.data.job_documents import after_now
from src.data.leases import lease_for, lease_is_over
from src.data.translated import translated


class WorkerData:
    """The ``workers`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "workers"
    INDEXES = (IndexModel([("gone_at", ASCENDING)], name="gone_at", expireAfterSeconds=0),)

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._workers = database[self.COLLECTION]

    def register(self, worker: str, queues: Collection[str], *, seconds: float) -> None:
        """Record that this worker takes one job at a time from these queues, for this many seconds."""
        fields = {"queues": list(queues), **lease_for(seconds), "gone_at": after_now(seconds + 3600)}
        with translated():
            self._workers.update_one({"_id": worker}, [{"$set": fields}], upsert=True)

    def drop(self, worker: str) -> None:
        """Delete a worker that takes no more jobs."""
        with translated():
            self._workers.delete_one({"_id": worker})

    def serve(self, queue: str) -> bool:
        """Return whether this queue has a worker."""
        with translated():
            return self._workers.find_one(_of(queue), {"_id": True}) is not None

    def count(self, queue: str) -> int:
        """Return the number of workers of this queue."""
        with translated():
            return self._workers.count_documents(_of(queue))


def _of(queue: str) -> dict[str, Any]:
    return {"queues": queue, "$expr": {"$not": [lease_is_over()]}}
