"""Stores disk space that is reserved and not yet used: the ``space`` collection, one document per share of the disk.

A share belongs to one owner, or to all anonymous owners together. Its document lists the reservations of running
uploads and fetching jobs. Finished files are counted from their records instead.

To reserve more, a caller reads the document, counts the files, and writes only if ``version`` is unchanged. Of two
callers that want the last megabyte, one gets it and the other retries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.translated import translated

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation of one upload or job: its bytes, and when it expires unless renewed."""

    size_bytes: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """The reservations of one share by the ids of their holders, at one version."""

    name: str
    holds: Mapping[str, Held]
    version: ObjectId | None


class SpaceData:
    """The ``space`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "space"
    INDEXES = (IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=60),)

    def __init__(self, database: Database[Document]) -> None:
        self._space = database[self.COLLECTION]

    def read(self, name: str, now: datetime) -> Share:
        """Return the current reservations of this share, without expired ones of dead processes."""
        with translated():
            document = self._space.find_one({"_id": name})
        if document is None:
            return Share(name, {}, None)
        holds = {each["id"]: Held(each["bytes"], each["until"]) for each in document["holds"] if each["until"] > now}
        return Share(name, holds, document["version"])

    def write(self, share: Share, holds: Mapping[str, Held]) -> bool:
        """Replace the reservations that were read with these; ``False`` when another process has written since."""
        document = {
            "_id": share.name,
            "holds": [{"id": key, "bytes": held.size_bytes, "until": held.until} for key, held in holds.items()],
            "version": ObjectId(),
            "expires_at": max((held.until for held in holds.values()), default=datetime.fromtimestamp(0)),
        }
        with translated():
            if share.version is not None:
                wanted = {"_id": share.name, "version": share.version}
                return self._space.replace_one(wanted, document).matched_count == 1
            try:
                self._space.insert_one(document)
            except DuplicateKeyError:
                return False
        return True
