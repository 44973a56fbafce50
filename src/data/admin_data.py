"""Stores administrators in MongoDB: the ``admins`` collection, one document per e-mail address that was ever named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import object_id, translated

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamedAdmin:
    """An address from the setting or a command, and the account that it stands for.

    ``user_id`` is the account that had the address when it first appeared in the setting, or the account that a
    command chose (``granted``); ``None`` when no account had it.
    """

    email: str
    user_id: str | None
    granted: bool = False


class AdminData:
    """The ``admins`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "admins"
    INDEXES = ()

    def __init__(self, database: Database[Document]) -> None:
        self._admins = database[self.COLLECTION]

    def note(self, email: str, user_id: str | None, now: datetime) -> None:
        """Record which account has this address when it is first seen; later calls change nothing."""
        document = {"_id": email, "user_id": object_id(user_id or ""), "granted": False, "seen_at": now}
        with translated():
            try:
                self._admins.insert_one(document)
            except DuplicateKeyError:
                return

    def find(self, email: str) -> NamedAdmin | None:
        """Return what is stored about this address."""
        with translated():
            return _to_admin(self._admins.find_one({"_id": email}))

    def of(self, emails: Collection[str]) -> dict[str, NamedAdmin]:
        """Return what is stored about these addresses, by address."""
        with translated():
            found = [_to_admin(each) for each in self._admins.find({"_id": {"$in": list(emails)}})]
        return {admin.email: admin for admin in found if admin is not None}

    def any_granted(self) -> bool:
        """Return whether a command has made any account an administrator."""
        with translated():
            return self._admins.find_one({"granted": True}, {"_id": True}) is not None

    def grant(self, email: str, user_id: str, now: datetime) -> None:
        """Make this account an administrator, regardless of the setting."""
        with translated():
            self._admins.update_one(
                {"_id": email},
                {"$set": {"user_id": ObjectId(user_id), "granted": True}, "$setOnInsert": {"seen_at": now}},
                upsert=True,
            )

    def withdraw(self, email: str, now: datetime) -> None:
        """Take administrator rights from the account of this address, even if the setting names it."""
        with translated():
            self._admins.update_one(
                {"_id": email},
                {"$set": {"user_id": None, "granted": False}, "$setOnInsert": {"seen_at": now}},
                upsert=True,
            )


def _to_admin(document: Document | None) -> NamedAdmin | None:
    if document is None:
        return None
    user_id = document.get("user_id")
    return NamedAdmin(document["_id"], str(user_id) if user_id else None, bool(document.get("granted")))
