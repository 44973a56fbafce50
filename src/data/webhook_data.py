"""Deliveries of webhooks that are still to be made: one document for each, until it has arrived or was given up."""

from __future__ import annotations

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
    """Who is to be told about which job, how often that was tried, and the secret that was sent for it, if one was."""

    id: str
    job_id: str
    url: str
    secret: str | None
    attempts: int
    owner: str | None = None
    """Who asked; with ``network``, from where: they share the senders with others."""
    network: str | None = None


class WebhookData:
    """The ``webhooks`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "webhooks"
    INDEXES = (IndexModel([("due_at", ASCENDING)], name="due_at"),)

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
    ) -> None:
        """Remember to tell this address about this job. A delivery of this id that is there already stays as it is."""
        document = {"_id": ObjectId(delivery_id), "job_id": job_id, "url": url, "secret": secret, "attempts": 0}
        document |= {"owner": owner, "network": network}
        with translated(), suppress(DuplicateKeyError):
            self._webhooks.insert_one({**document, "due_at": due_at})

    def claim(
        self, now: datetime, until: datetime, *, owners: Collection[str] = (), networks: Collection[str] = ()
    ) -> Delivery | None:
        """The delivery that has been due for longest and is none of these owners or networks; nobody else gets it
        before ``until``."""
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
        )

    def postpone(self, delivery: Delivery, due_at: datetime, *, attempts: int) -> None:
        """Try again later."""
        with translated():
            self._webhooks.update_one(
                {"_id": object_id(delivery.id)}, {"$set": {"due_at": due_at, "attempts": attempts}}
            )

    def delete(self, delivery: Delivery) -> None:
        """It has arrived, or never will."""
        with translated():
            self._webhooks.delete_one({"_id": object_id(delivery.id)})
