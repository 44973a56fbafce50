"""Stores accounts in MongoDB: the ``users`` collection."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import object_id, translated
from src.errors import EmailTaken
from src.models.user import User

Document = dict[str, Any]

ACTIVE: Document = {"disabled": {"$ne": True}}
"""The filter for accounts whose credentials are valid."""


class UserData:
    """The ``users`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "users"
    INDEXES = (IndexModel([("email", ASCENDING)], name="email", unique=True),)

    def __init__(self, database: Database[Document]) -> None:
        self._users = database[self.COLLECTION]

    def insert(self, email: str, password_hash: str, now: datetime) -> User:
        """Store a new account; when two register at once, the unique index decides.

        Raises:
            EmailTaken: an account with this address exists.
        """
        document = {
            "_id": ObjectId(),
            "email": email,
            "password_hash": password_hash,
            "created_at": now,
            "updated_at": now,
        }
        with translated():
            try:
                self._users.insert_one(document)
            except DuplicateKeyError:
                raise EmailTaken() from None
        return _to_user(document)

    def find(self, user_id: str) -> User | None:
        """Return the account with this id."""
        return self._find({"_id": object_id(user_id) or "no such id"})

    def find_by_email(self, email: str) -> User | None:
        """Return the account with this normalised address."""
        return self._find({"email": email})

    def find_by_name(self, name: str) -> User | None:
        """Return the account with this address, or the only one with this name before the ``@``."""
        wanted = name.strip().lower()
        if not wanted or "@" in wanted:
            return self.find_by_email(wanted)
        with translated():
            found = list(self._users.find({"email": {"$regex": f"^{re.escape(wanted)}@"}}).limit(2))
        return _to_user(found[0]) if len(found) == 1 else None

    def replace_password(self, user: User, password_hash: str, now: datetime) -> bool:
        """Set a new hash unless it has changed since ``user`` was read; return whether it was set."""
        with translated():
            changed = self._users.update_one(
                {"_id": object_id(user.id), "password_hash": user.password_hash},
                {"$set": {"password_hash": password_hash, "updated_at": now}},
            )
        return changed.matched_count == 1

    def is_active(self, user_id: str) -> bool:
        """Return whether the account exists and is not disabled; checked for each use of its credentials."""
        wanted = {"_id": object_id(user_id) or "no such id", **ACTIVE}
        with translated():
            return self._users.find_one(wanted, {"_id": True}) is not None

    def set_disabled(self, user_id: str, disabled: bool, now: datetime) -> None:
        """Disable or enable an account."""
        with translated():
            self._users.update_one({"_id": object_id(user_id)}, {"$set": {"disabled": disabled, "updated_at": now}})

    def set_accepts_anonymous_saves(self, user_id: str, accept: bool, now: datetime) -> None:
        """Store whether the account accepts anonymous saves."""
        with translated():
            self._users.update_one(
                {"_id": object_id(user_id)}, {"$set": {"accepts_anonymous_saves": accept, "updated_at": now}}
            )

    def _find(self, wanted: Document) -> User | None:
        with translated():
            document = self._users.find_one(wanted)
        return _to_user(document) if document else None


def _to_user(document: Document) -> User:
    return User(
        id=str(document["_id"]),
        email=document["email"],
        password_hash=document["password_hash"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        accepts_anonymous_saves=document.get("accepts_anonymous_saves", True),
        disabled=document.get("disabled", False),
    )
