"""Stores logins in MongoDB: ``sessions`` has the valid ones, ``revocations`` the ended ones that caches must drop.

The field ``token`` of a session holds the SHA-256 of the token, never the token itself, so the database or a backup
of it does not allow anyone to sign in.

MongoDB deletes documents of both collections some time after ``expires_at``; the query decides whether a session is
valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from src.data.translated import object_id, translated
from src.models.session import Revocation, Session

Document = dict[str, Any]


class SessionData:
    """The ``sessions`` collection and the revocations. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "sessions"
    INDEXES = (
        IndexModel([("token", ASCENDING)], name="token", unique=True),
        IndexModel([("user_id", ASCENDING)], name="user_id"),
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._sessions = database[self.COLLECTION]
        self.revocations = RevocationData(database)

    @staticmethod
    def new_id() -> str:
        """Return an id for a login that is not stored yet, because its token contains the id."""
        return str(ObjectId())

    def insert(self, session: Session) -> None:
        """Store a new login."""
        with translated():
            self._sessions.insert_one(
                {
                    "_id": ObjectId(session.id),
                    "user_id": ObjectId(session.user_id),
                    "token": session.token_hash,
                    "created_at": session.created_at,
                    "expires_at": session.expires_at,
                    "client": session.client,
                }
            )

    def find(self, token_hash: str, now: datetime) -> Session | None:
        """Return the login with this token, if it is valid now."""
        with translated():
            document = self._sessions.find_one({"token": token_hash, "expires_at": {"$gt": now}})
        return _to_session(document) if document else None

    def of_user(self, user_id: str) -> list[Session]:
        """Return all stored logins of this user."""
        with translated():
            return [_to_session(document) for document in self._sessions.find({"user_id": object_id(user_id)})]

    def delete(self, sessions: Sequence[Session]) -> None:
        """Delete exactly these logins."""
        with translated():
            self._sessions.delete_many({"_id": {"$in": [ObjectId(session.id) for session in sessions]}})


class RevocationData:
    """The ``revocations`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "revocations"
    INDEXES = (IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0),)

    def __init__(self, database: Database[Document]) -> None:
        self._revocations = database[self.COLLECTION]

    def add(self, sessions: Sequence[Session]) -> Revocation:
        """Record that these logins have ended: all of them or, if this raises, none."""
        revocation = Revocation(
            id=str(ObjectId()),
            token_hashes=tuple(session.token_hash for session in sessions),
            expires_at=max(session.expires_at for session in sessions),
        )
        with translated():
            self._revocations.insert_one(
                {
                    "_id": ObjectId(revocation.id),
                    "tokens": list(revocation.token_hashes),
                    "expires_at": revocation.expires_at,
                    "told_at": None,
                }
            )
        return revocation

    def all(self) -> list[Revocation]:
        """Return all stored revocations."""
        with translated():
            return [
                Revocation(str(note["_id"]), tuple(note["tokens"]), note["expires_at"])
                for note in self._revocations.find()
            ]

    def mark_sent(self, revocations: Sequence[Revocation], now: datetime, *, keep: timedelta) -> None:
        """Record that the cache has received these; each is deleted ``keep`` after the first time."""
        these = {"_id": {"$in": [ObjectId(revocation.id) for revocation in revocations]}}
        with translated():
            self._revocations.update_many({**these, "told_at": None}, {"$set": {"told_at": now}})
            self._revocations.delete_many({**these, "told_at": {"$lt": now - keep}})


def _to_session(document: Document) -> Session:
    return Session(
        id=str(document["_id"]),
        user_id=str(document["user_id"]),
        token_hash=document["token"],
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        client=document.get("client"),  # older releases stored none
    )
