"""Stores links to clips: the ``shares`` collection, from which MongoDB deletes expired links."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import object_id, translated
from src.models.share import Share

Document = dict[str, Any]


class ShareData:
    """The ``shares`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "shares"
    INDEXES = (
        IndexModel([("job_id", ASCENDING)], name="job_id"),
        # Only links of chats have the field: there is one for a job, however many processes create it.
        IndexModel([("chat_of", ASCENDING)], name="chat_of", unique=True, sparse=True),
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
        with translated():
            self._shares.insert_one(_to_document(share))

    def insert_for_chat(self, share: Share) -> Share:
        """Store a new link for chats, unless its job has one that was valid when ``share`` was created.

        Returns the one that is stored.
        """
        document = {**_to_document(share), "chat_of": share.job_id}
        while True:
            try:
                with translated():
                    self._shares.delete_one({"chat_of": share.job_id, "expires_at": {"$lte": share.created_at}})
                    self._shares.insert_one(document)
                return share
            except DuplicateKeyError:
                known = self.find_for_chat(share.job_id, share.created_at)
                if known is not None:  # otherwise it was deleted just now
                    return known

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


def _to_document(share: Share) -> Document:
    document = asdict(share)
    document["_id"] = ObjectId(document.pop("id"))
    if not share.for_chat:  # most links; earlier releases do not know the field
        del document["for_chat"]
    return document


def _to_share(document: Document) -> Share:
    document.pop("chat_of", None)
    return Share(id=str(document.pop("_id")), **document)
