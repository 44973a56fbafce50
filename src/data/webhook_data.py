"""Stores pending webhook deliveries: one document each, until it is delivered or given up."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import object_id, translated

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The address to notify about a job, the number of attempts, and the secret that the caller sent, if any."""

    id: str
    job_id: str
    url: str
    secret: str | None
    attempts: int
    owner: str | None = None
    """The caller; with ``network``, where the caller is. Both limit a caller's use of the senders."""
    network: str | None = None
    follow_up: bool = False
    """Whether this is the second message, about the repair of the file."""
    registered_at: datetime | None = None
    """When it was registered, if that was before its job was saved."""


class WebhookData:
    """The ``webhooks`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "webhooks"
    INDEXES = (
        IndexModel([("due_at", ASCENDING)], name="due_at"),
        # Only the messages that wait for a repair.
        IndexModel([("awaits", ASCENDING)], name="awaits", partialFilterExpression={"awaits": {"$type": "string"}}),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._webhooks = database[self.COLLECTION]

    def insert(
        self,
        job_id: str,
        url: str,
        secret: str | None,
        due_at: datetime,
        *,
        owner: str | None,
        network: str | None = None,
        delivery_id: str | None = None,
        registered_at: datetime | None = None,
    ) -> None:
        """Store a delivery for this job and address; an existing delivery with this id stays as it is."""
        document = {"_id": ObjectId(delivery_id), "job_id": job_id, "url": url, "secret": secret, "attempts": 0}
        document |= {"owner": owner, "network": network}
        document |= {"registered_at": registered_at} if registered_at else {}
        with translated(), suppress(DuplicateKeyError):
            self._webhooks.insert_one({**document, "due_at": due_at})

    def claim(
        self, now: datetime, until: datetime, *, owners: Collection[str] = (), networks: Collection[str] = ()
    ) -> Delivery | None:
        """Claim the longest due delivery of other owners and networks than these until ``until``."""
        others = {"owner": {"$nin": sorted(owners)}, "network": {"$nin": sorted(networks)}}
        with translated():
            found = self._webhooks.find_one_and_update(
                {"due_at": {"$lte": now}, **others},
                {"$set": {"due_at": until}},
                sort=[("due_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            return None
        return Delivery(
            str(found["_id"]),
            found["job_id"],
            found["url"],
            found["secret"],
            found["attempts"],
            found.get("owner"),
            found.get("network"),
            found.get("follow_up", False),
            found.get("registered_at"),
        )

    def follow_up(self, delivery: Delivery) -> None:
        """Store a second delivery like this one, which is due when the repair of the job's file has ended.

        It has an id of its own, so that receivers do not take it for a repetition.
        """
        name = hashlib.sha256(f"{delivery.id} repair".encode()).hexdigest()[:24]
        fields = ("job_id", "url", "secret", "owner", "network")
        document: Document = {field: getattr(delivery, field) for field in fields}
        document |= {"_id": ObjectId(name), "attempts": 0, "follow_up": True, "due_at": None, "awaits": delivery.job_id}
        with translated(), suppress(DuplicateKeyError):
            self._webhooks.insert_one(document)

    def awaited_repairs(self) -> list[str]:
        """Return the ids of the jobs whose repair deliveries wait for."""
        with translated():
            return list(self._webhooks.distinct("awaits", {"awaits": {"$type": "string"}}))

    def release_follow_ups(self, job_ids: Collection[str], now: datetime) -> None:
        """Make the second deliveries of these jobs due."""
        with translated():
            self._webhooks.update_many(
                {"awaits": {"$in": list(job_ids)}}, {"$set": {"due_at": now}, "$unset": {"awaits": True}}
            )

    def postpone(self, delivery: Delivery, due_at: datetime, *, attempts: int) -> None:
        """Schedule another attempt."""
        with translated():
            self._webhooks.update_one(
                {"_id": object_id(delivery.id)}, {"$set": {"due_at": due_at, "attempts": attempts}}
            )

    def delete(self, delivery: Delivery) -> None:
        """Delete a delivery that has succeeded or was given up."""
        with translated():
            self._webhooks.delete_one({"_id": object_id(delivery.id)})

    def delete_of_job(self, job_id: str) -> None:
        """Delete all deliveries of this job."""
        with translated():
            self._webhooks.delete_many({"job_id": job_id})
