"""Stores requests that were sent with an idempotency key, and their replies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import translated

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply: its status, its body as sent, and its headers."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key: the fingerprint of its content, and its reply once it has one."""

    fingerprint: str
    reply: StoredReply | None


class IdempotencyData:
    """The ``idempotency`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "idempotency"
    INDEXES = (IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),)

    def __init__(self, database: Database[Document]) -> None:
        self._requests = database[self.COLLECTION]

    def start(self, key: str, fingerprint: str, now: datetime, *, keep: timedelta, stale: timedelta) -> bool:
        """Reserve a key; ``False`` when it is taken. A request that got no reply for ``stale`` may be replaced."""
        fresh = {"fingerprint": fingerprint, "started_at": now, "expires_at": now + keep, "reply": None}
        with translated():
            try:
                self._requests.insert_one({"_id": key, **fresh})
            except DuplicateKeyError:
                left = {"_id": key, "reply": None, "started_at": {"$lt": now - stale}}
                return self._requests.update_one(left, {"$set": fresh}).modified_count == 1
        return True

    def find(self, key: str) -> KeyedRequest | None:
        """Return the request with this key."""
        with translated():
            found = self._requests.find_one({"_id": key})
        if found is None:
            return None
        reply = found["reply"]
        return KeyedRequest(found["fingerprint"], StoredReply(**reply) if reply else None)

    def finish(self, key: str, reply: StoredReply) -> None:
        """Store the reply."""
        stored = {"status": reply.status, "body": reply.body, "headers": reply.headers}
        with translated():
            self._requests.update_one({"_id": key}, {"$set": {"reply": stored}})

    def release(self, key: str) -> None:
        """Delete a request that failed, so that it may be sent again."""
        with translated():
            self._requests.delete_one({"_id": key, "reply": None})
