"""Stores guest sessions in MongoDB: ``guest_sessions``, with numbered slots that a unique index assigns.

Two sessions created at once may choose the same free slot. The index gives it to one of them and the other retries,
so there are never more sessions than slots. The share of one network address is limited by numbered slots too, and
the jobs of a session by one conditional update of its list of ids.

MongoDB deletes documents some time after ``expires_at``; the query decides whether a session is valid.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import translated
from src.models.guest import GuestSession

Document = dict[str, Any]


class GuestData:
    """The ``guest_sessions`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "guest_sessions"
    INDEXES = (
        IndexModel(
            [("place", ASCENDING)], name="place", unique=True, partialFilterExpression={"place": {"$type": "int"}}
        ),
        IndexModel(
            [("network", ASCENDING), ("network_place", ASCENDING)],
            name="network_place",
            unique=True,
            partialFilterExpression={"network_place": {"$type": "int"}},
        ),
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._sessions = database[self.COLLECTION]

    def insert(self, session: GuestSession, place: int, share: tuple[str, int] | None = None) -> bool:
        """Store a new session in this slot and this slot of a network's share; return whether both were free."""
        of_network = {} if share is None else {"network": share[0], "network_place": share[1]}
        with translated():
            try:
                self._sessions.insert_one(
                    {
                        "_id": session.id,
                        "place": place,
                        "created_at": session.created_at,
                        "last_activity_at": session.last_activity_at,
                        "expires_at": session.expires_at,
                        "job_ids": [],
                        **of_network,
                    }
                )
            except DuplicateKeyError:
                return False
        return True

    def taken_places(self, now: datetime) -> set[int]:
        """Return the slots of all valid sessions, after freeing those of expired ones."""
        with translated():
            self._sessions.update_many(
                {"expires_at": {"$lte": now}, "place": {"$ne": None}}, {"$unset": {"place": 1, "network_place": 1}}
            )
            return set(self._sessions.distinct("place", {"expires_at": {"$gt": now}}))

    def taken_shares(self, network: str, now: datetime) -> set[int]:
        """Return the slots of this network's share held by valid sessions; call ``taken_places`` first."""
        wanted = {"network": network, "network_place": {"$type": "int"}, "expires_at": {"$gt": now}}
        with translated():
            return set(self._sessions.distinct("network_place", wanted))

    def find(self, session_id: str, now: datetime) -> GuestSession | None:
        """Return the session with this id, if it is valid now."""
        with translated():
            found = self._sessions.find_one({"_id": session_id, "expires_at": {"$gt": now}})
        return _to_session(found) if found else None

    def prolong(self, session_id: str, now: datetime, expires_at: datetime) -> GuestSession | None:
        """Record that a session was used now and extend it; ``None`` when it has expired."""
        with translated():
            found = self._sessions.find_one_and_update(
                {"_id": session_id, "expires_at": {"$gt": now}},
                {"$set": {"last_activity_at": now, "expires_at": expires_at}},
                return_document=True,
            )
        return _to_session(found) if found else None

    def count(self, now: datetime) -> int:
        """Return the number of valid sessions."""
        with translated():
            return self._sessions.count_documents({"expires_at": {"$gt": now}})

    def add_job(self, session_id: str, job_id: str, *, limit: int) -> bool:
        """Add a job to a session that has fewer than ``limit``; return whether it was added."""
        room = {"_id": session_id, f"job_ids.{limit - 1}": {"$exists": False}}
        with translated():
            return self._sessions.update_one(room, {"$push": {"job_ids": job_id}}).matched_count == 1

    def drop_jobs(self, session_id: str, job_ids: Collection[str]) -> None:
        """Remove jobs from a session."""
        with translated():
            self._sessions.update_one({"_id": session_id}, {"$pull": {"job_ids": {"$in": list(job_ids)}}})

    def job_ids(self, session_id: str) -> list[str]:
        """Return the ids of a session's jobs."""
        with translated():
            found = self._sessions.find_one({"_id": session_id}, {"job_ids": True})
        return list(found["job_ids"]) if found else []


def _to_session(document: Document) -> GuestSession:
    return GuestSession(
        id=document["_id"],
        created_at=document["created_at"],
        last_activity_at=document["last_activity_at"],
        expires_at=document["expires_at"],
    )
