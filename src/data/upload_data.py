"""Stores resumable uploads in MongoDB from their announcement until they are complete or expired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from src.data.job_documents import by_id
from src.data.translated import translated
from src.models.upload import ResumableUpload
from src.models.video import Owner, OwnerKind


class UploadData:
    """The ``uploads`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "uploads"
    INDEXES = (
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
        IndexModel([("owner_id", ASCENDING)], name="owner_id"),
    )

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._uploads = database[self.COLLECTION]

    def insert(self, upload: ResumableUpload) -> None:
        """Store a new upload."""
        with translated():
            self._uploads.insert_one(
                {
                    "_id": ObjectId(upload.id),
                    "owner_kind": upload.owner.kind.value,
                    "owner_id": upload.owner.id,
                    "filename": upload.filename,
                    "length": upload.length,
                    "created_at": upload.created_at,
                    "expires_at": upload.expires_at,
                }
            )

    def find(self, upload_id: str) -> ResumableUpload | None:
        """Return the upload with this id, if there is one."""
        with translated():
            document = self._uploads.find_one(by_id(upload_id))
        if document is None:
            return None
        return ResumableUpload(
            id=str(document["_id"]),
            owner=Owner(OwnerKind(document["owner_kind"]), document["owner_id"]),
            filename=document["filename"],
            length=document["length"],
            created_at=document["created_at"],
            expires_at=document["expires_at"],
        )

    def count(self, owner: Owner) -> int:
        """Return the number of unfinished uploads of this owner."""
        with translated():
            return self._uploads.count_documents({"owner_kind": owner.kind.value, "owner_id": owner.id})

    def prolong(self, upload_id: str, expires_at: datetime) -> None:
        """Set a new expiry time."""
        with translated():
            self._uploads.update_one(by_id(upload_id), {"$set": {"expires_at": expires_at}})

    def delete(self, upload_id: str) -> None:
        """Delete the record of an upload."""
        with translated():
            self._uploads.delete_one(by_id(upload_id))
