"""Leases on names, so that a chore runs on one host at a time."""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.job_documents import after_now
from src.data.translated import translated


class LockData:
    """The ``locks`` collection: one document a name, held until a time of the database server's clock."""

    COLLECTION = "locks"
    INDEXES = ()

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._locks = database[self.COLLECTION]

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Hold ``name`` for so long, if it is free or held by ``holder`` already; whether it is held now."""
        held_until = {"$ifNull": ["$until", None]}
        free = {
            "$or": [
                {"$eq": ["$holder", holder]},
                {"$lte": [held_until, "$$NOW"]},
                {"$gt": [held_until, after_now(2 * seconds)]},  # written before the server's clock was put back
            ]
        }
        until = after_now(seconds)
        taken = {"holder": {"$cond": [free, holder, "$holder"]}, "until": {"$cond": [free, until, "$until"]}}
        with translated():
            try:
                lock = self._locks.find_one_and_update(
                    {"_id": name}, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return False  # somebody else made it in this moment
        return bool(lock and lock["holder"] == holder)
