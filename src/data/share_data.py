"""Stores links to clips: the ``shares`` collection, from which MongoDB deletes expired links."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from src.data.translated import object_id, translated
from src.models.share import Share

Document = dict[str, Any]


class ShareData:
    """The ``shares`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "shares"
    INDEXES = (
        IndexModel([("job_id", ASCENDING)], name="job_id"),
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._shares = database[self.COLLECTION]

    @staticmethod
    def new_id() -> str:
        """Return an id for a link that is not stored yet."""
        return str(ObjectId())

    def insert(self, share: Share) -> None:
        """Store a new link."""
        document = asdict(share)
        document["_id"] = ObjectId(document.pop("id"))
        if not share.for_chat:  # most links; earlier releases do not know the field
            del document["for_chat"]
        with translated():
            self._shares.insert_one(document)

    def find(self, share_id: str) -> Share | None:
        """Return the link with this id."""
        with translated():
            document = self._shares.find_one({"_id": object_id(share_id) or "no such id"})
        return None if document is None else _to_share(document)

    def find_for_chat(self, job_id: str, now: datetime) -> Share | None:
        """Return a link to this job for a chat that is still valid."""
        with translated():
            document = self._shares.find_one({"job_id": job_id, "for_chat": True, "expires_at": {"$gt": now}})
        return None if document is None else _to_share(document)

    def delete_of_job(self, job_id: str) -> int:
        """Delete all links to a job; return how many there were."""
        with translated():
            return self._shares.delete_many({"job_id": job_id}).deleted_count


def _to_share(document: Document) -> Share:
    return Share(id=str(document.pop("_id")), **document)
