"""Stores channel tokens in MongoDB: the ``channel_tokens`` collection, with only a hash of each token."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from src.data.translated import object_id, translated
from src.data.user_data import ACTIVE, UserData
from src.models.channel_token import ChannelToken, Scope

Document = dict[str, Any]
_FIELDS = tuple(field.name for field in fields(ChannelToken) if field.name not in ("id", "user_id", "scopes"))


class ChannelTokenData:
    """The ``channel_tokens`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "channel_tokens"
    INDEXES = (
        IndexModel([("hash", ASCENDING)], name="hash", unique=True),
        IndexModel([("user_id", ASCENDING), ("created_at", ASCENDING)], name="user_id"),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._tokens = database[self.COLLECTION]

    @staticmethod
    def new_id() -> str:
        """Return an id for a token that is not stored yet."""
        return str(ObjectId())

    def insert(self, token: ChannelToken, token_hash: str) -> None:
        """Store a new token under the hash of its secret."""
        document = asdict(token)
        document.update(_id=ObjectId(document.pop("id")), user_id=ObjectId(token.user_id), hash=token_hash)
        document["scopes"] = [scope.value for scope in token.scopes]
        with translated():
            self._tokens.insert_one(document)

    def of_user(self, user_id: str) -> list[ChannelToken]:
        """Return the tokens of an account, oldest first."""
        with translated():
            found = list(self._tokens.find({"user_id": object_id(user_id) or "none"}).sort("created_at", ASCENDING))
        return [_to_token(document) for document in found]

    def find_by_hash(self, token_hash: str) -> ChannelToken | None:
        """Return the token whose secret has this hash, if its account exists and is not disabled."""
        account = {"from": UserData.COLLECTION, "localField": "user_id", "foreignField": "_id", "as": "account"}
        steps: list[Document] = [
            {"$match": {"hash": token_hash}},
            {"$lookup": account},
            {"$match": {"account": {"$elemMatch": ACTIVE}}},
            {"$project": {"account": False}},
        ]
        with translated():
            document = next(iter(self._tokens.aggregate(steps)), None)
        return _to_token(document) if document else None

    def find(self, token_id: str) -> ChannelToken | None:
        """Return the token with this id."""
        return self._find({"_id": object_id(token_id) or "no such id"})

    def delete(self, token_id: str, user_id: str) -> bool:
        """Revoke a token of this account; return whether it existed."""
        wanted = {"_id": object_id(token_id) or "no such id", "user_id": object_id(user_id) or "none"}
        with translated():
            return self._tokens.delete_one(wanted).deleted_count == 1

    def note_used(self, token_id: str, now: datetime, clips: int = 1) -> None:
        """Record that this many clips were saved with this token.

        The write is not awaited on the disk: a crash of the server loses a tenth of a second of this count, and no
        answer to a chat waits for it.
        """
        with translated():
            self._tokens.with_options(write_concern=WriteConcern(w=1)).update_one(
                {"_id": object_id(token_id) or "no such id"}, {"$set": {"last_used_at": now}, "$inc": {"uses": clips}}
            )

    def set_rolling(self, token_id: str, user_id: str, rolling: bool) -> bool:
        """Switch the rolling capture of a token of this account; return whether it exists."""
        wanted = {"_id": object_id(token_id) or "no such id", "user_id": object_id(user_id) or "none"}
        with translated():
            return self._tokens.update_one(wanted, {"$set": {"rolling": rolling}}).matched_count == 1

    def rolling(self) -> list[ChannelToken]:
        """Return the tokens with a rolling capture, oldest first."""
        with translated():
            found = list(self._tokens.find({"rolling": True}).sort("created_at", ASCENDING))
        return [_to_token(document) for document in found]

    def note_rolling(self, token_id: str, covers: tuple[datetime, datetime] | None, size_bytes: int) -> None:
        """Record what the rolling capture of a token has; ``None``: nothing."""
        start, end = covers or (None, None)
        changes = {"rolling_from": start, "rolling_to": end, "rolling_bytes": size_bytes}
        with translated():
            self._tokens.update_one({"_id": object_id(token_id) or "no such id"}, {"$set": changes})

    def _find(self, wanted: Document) -> ChannelToken | None:
        with translated():
            document = self._tokens.find_one(wanted)
        return _to_token(document) if document else None


def _to_token(document: Document) -> ChannelToken:
    known = {name: document[name] for name in _FIELDS if name in document}
    return ChannelToken(
        id=str(document["_id"]),
        user_id=str(document["user_id"]),
        scopes=tuple(Scope(scope) for scope in document["scopes"]),
        **known,
    )
