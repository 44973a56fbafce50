"""Leases on names, so that a chore runs on one host at a time."""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.job_documents import after_now
from src.data.leases import lease_is_over
from src.data.translated import translated


class LockData:
    """The ``locks`` collection: one document a name, held until a time of the database server's clock."""

    COLLECTION = "locks"
    INDEXES = ()

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._locks = database[self.COLLECTION]

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Hold ``name`` for so long, if it is free or held by ``holder`` already; whether it is held now."""
        free = {"$or": [{"$eq": ["$holder", holder]}, lease_is_over("$until", "$seconds")]}
        lock = {"holder": holder, "until": after_now(seconds), "seconds": seconds}
        taken = {name: {"$cond": [free, value, f"${name}"]} for name, value in lock.items()}
        with translated():
            try:
                found = self._locks.find_one_and_update(
                    {"_id": name}, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return False  # somebody else made it in this moment
        return bool(found and found["holder"] == holder)

    def release(self, name: str, holder: str) -> bool:
        """Give ``name`` back; whether it was held up to now. Otherwise others may have held it meanwhile."""
        held = {"_id": name, "holder": holder, "$expr": {"$not": [lease_is_over("$until", "$seconds")]}}
        with translated():
            return self._locks.update_one(held, {"$set": {"holder": None, "until": None}}).matched_count == 1
