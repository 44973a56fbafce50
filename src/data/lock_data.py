"""Stores leases on names, so that a periodic task runs on one host at a time."""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.job_documents import after_now
from src.data.leases import lease_is_over
from src.data.translated import translated


class LockData:
    """The ``locks`` collection: one document per name, held until a time of the database server's clock."""

    COLLECTION = "locks"
    INDEXES = ()

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._locks = database[self.COLLECTION]

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Lock ``name`` if it is free or ``holder`` has it already; return whether ``holder`` has it now."""
        free = {"$or": [{"$eq": ["$holder", holder]}, lease_is_over("$until", "$seconds")]}
        lock = {"holder": holder, "until": after_now(seconds), "seconds": seconds}
        taken = {name: {"$cond": [free, value, f"${name}"]} for name, value in lock.items()}
        with translated():
            try:
                found = self._locks.find_one_and_update(
                    {"_id": name}, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return False  # another process has just created it
        return bool(found and found["holder"] == holder)

    def release(self, name: str, holder: str) -> bool:
        """Release ``name``; return whether it was held until now. If not, others may have held it in the meantime."""
        held = {"_id": name, "holder": holder, "$expr": {"$not": [lease_is_over("$until", "$seconds")]}}
        with translated():
            return self._locks.update_one(held, {"$set": {"holder": None, "until": None}}).matched_count == 1
