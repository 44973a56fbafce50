"""Stores facts about this database: its own id, and whether files of unknown origin may be deleted."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import translated


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Files that a cleanup did not delete because they were too many: their number, and the number of all files."""

    files: int
    of_all: int


class InstallationData:
    """The ``installation`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "installation"

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._facts = database[self.COLLECTION]

    def id(self) -> str | None:
        """Return the id of this database; ``None`` when it has none yet."""
        with translated():
            found = self._facts.find_one({"_id": "database"})
        return str(found["id"]) if found else None

    def ensure_id(self) -> str:
        """Return the id of this database, creating it if needed. Processes that start together get the same id."""
        with translated(), suppress(DuplicateKeyError):  # another process has just created it
            self._facts.update_one({"_id": "database"}, {"$setOnInsert": {"id": uuid.uuid4().hex}}, upsert=True)
        own = self.id()
        assert own is not None
        return own

    def hold_back(self, held: HeldBack) -> None:
        """Record that a cleanup did not delete these files."""
        with translated():
            self._facts.update_one(
                {"_id": "held_back"}, {"$set": {"files": held.files, "of_all": held.of_all}}, upsert=True
            )

    def held_back(self) -> HeldBack | None:
        """Return which files the last cleanup did not delete."""
        with translated():
            found = self._facts.find_one({"_id": "held_back"})
        return HeldBack(found["files"], found["of_all"]) if found else None

    def allow(self, files: int) -> None:
        """Allow the next cleanup to delete this many files of unknown origin."""
        with translated():
            self._facts.update_one({"_id": "allowed"}, {"$set": {"files": files}}, upsert=True)

    def allowed(self) -> int:
        """Return how many files of unknown origin an operator has allowed to be deleted."""
        with translated():
            found = self._facts.find_one({"_id": "allowed"})
        return int(found["files"]) if found else 0

    def spare_until(self, moment: datetime) -> None:
        """Let cleanups spare files of unknown origin until this time."""
        with translated():
            self._facts.update_one({"_id": "cleanup"}, {"$set": {"spare_until": moment}}, upsert=True)

    def start_cleanup(self, now: datetime, longest_pause: timedelta) -> bool:
        """Record the start of a cleanup; return whether it must spare files of unknown origin.

        It must for the length of ``longest_pause`` after a longer pause: the database may be a backup without the
        newer files, or the clock was changed, which made all files old at once.
        """
        with translated():
            before = self._facts.find_one_and_update({"_id": "cleanup"}, {"$set": {"at": now}}, upsert=True) or {}
        last, until = before.get("at"), before.get("spare_until")
        if last is not None and abs(now - last) >= longest_pause:
            until = now + longest_pause
            self.spare_until(until)
        return until is not None and now < until

    def clear_held_back(self) -> None:
        """Delete the record of files held back, and the permission to delete them."""
        with translated():
            self._facts.delete_many({"_id": {"$in": ["held_back", "allowed"]}})
