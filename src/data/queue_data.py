"""What waits and runs in a queue, by owner: the state from which it is decided whose job begins next."""

from __future__ import annotations

from datetime import timedelta

from pymongo.database import Database

from src.data.job_documents import Document, after_now, by_id
from src.data.leases import lease_is_over, wait_is_over
from src.data.translated import translated
from src.data.video_data import VideoData
from src.models.turns import Kinds, Running, Waiting
from src.models.video import Status

_MOST_IDS = 32
# For so long after its moment a live clip is a capture that cannot wait. Later it is cut from the recording, or from
# what was captured already, as any other clip.
URGENT_SECONDS = 3600.0
# What an anonymous client has an account receive counts against the share of its address, not that of the account.
_OWNER: Document = {"$ifNull": ["$request.counts_for", {"$concat": ["$owner_kind", ":", "$owner_id"]}]}


class QueueData:
    """The ``videos`` collection, as those see it who decide whose job begins. Every method may raise
    ``StoreUnavailable``."""

    def __init__(self, database: Database[Document]) -> None:
        self._videos = database[VideoData.COLLECTION]

    def waiting(self, kinds: Kinds, *, max_attempts: int) -> list[Waiting]:
        """Jobs that could be begun now, together by owner and by whether they are long ones; without urgent ones."""
        declined = {"$cond": [{"$gt": [{"$ifNull": ["$declined_at", None]}, None]}, "$_id", "$$REMOVE"]}
        grouped = {
            "_id": {"owner": _OWNER, "long": {"$in": ["$kind", sorted(kinds.long)]}},
            "number": {"$sum": 1},
            "since": {"$min": "$queued_at"},
            "declined": {"$push": declined},
        }
        pipeline: list[Document] = [
            {"$match": {"attempts": {"$lt": max_attempts}, "$and": [{"$or": _ordinary(kinds)}, {"$or": _due()}]}},
            {"$sort": {"queued_at": 1}},
            {"$group": grouped},
            {"$set": {"declined": {"$slice": ["$declined", _MOST_IDS]}}},
        ]
        with translated():
            found = list(self._videos.aggregate(pipeline))
        return [
            Waiting(
                owner=each["_id"]["owner"],
                long=each["_id"]["long"],
                number=each["number"],
                since=each["since"],
                declined=tuple(str(job_id) for job_id in each["declined"]),
            )
            for each in found
        ]

    def running(self, kinds: Kinds) -> list[Running]:
        """Jobs that a worker has now."""
        wanted = {
            "status": Status.PROCESSING.value,
            "kind": {"$in": sorted(kinds.all)},
            "$expr": {"$not": [lease_is_over()]},
        }
        shown = {"owner": _OWNER, "kind": True, "event_at": True, "started_at": True}
        with translated():
            found = list(self._videos.find(wanted, shown))
        return [_running(each, kinds) for each in found]

    def group_of(self, job_id: str, kinds: Kinds, *, max_attempts: int) -> tuple[str, bool] | None:
        """The owner of a job, and whether it is a long one, as ``waiting`` tells them; None when it does not wait, or
        has no attempt left."""
        shown = {"owner": _OWNER, "kind": True}
        with translated():
            found = self._videos.find_one({**by_id(job_id), "attempts": {"$lt": max_attempts}, "$or": _due()}, shown)
        if found is None:
            return None
        return found["owner"], found["kind"] in kinds.long

    def urgent(self, kinds: Kinds, *, max_attempts: int, missed_seconds: float | None = None) -> list[str]:
        """Captures that could be begun now and cannot wait; with ``missed_seconds`` those of them that nobody was
        notified of for so long."""
        if not kinds.urgent:
            return []
        wanted: Document = {
            "kind": {"$in": sorted(kinds.urgent)},
            "attempts": {"$lt": max_attempts},
            "$or": _due(),
            "$nor": [_is_old()],
        }
        if missed_seconds is not None:
            wanted["$expr"] = {"$lt": [{"$ifNull": ["$rung_at", None]}, after_now(-missed_seconds)]}
        with translated():
            return [str(each["_id"]) for each in self._videos.find(wanted, {"_id": True}).sort("queued_at", 1)]

    def is_urgent(self, job_id: str, kinds: Kinds) -> bool:
        """Whether this is a capture that cannot wait."""
        if not kinds.urgent:
            return False
        wanted = {**by_id(job_id), "kind": {"$in": sorted(kinds.urgent)}}
        with translated():
            return self._videos.find_one({**wanted, "$nor": [_is_old()]}, {"_id": True}) is not None

    def note_declined(self, job_id: str) -> None:
        """Remember that a worker heard of this job and left it: it needs another notification when its turn comes."""
        waiting = {"status": Status.PENDING.value, **by_id(job_id)}
        with translated():
            self._videos.update_one(waiting, [{"$set": {"declined_at": "$$NOW"}}])

    def take_declined(self, job_id: str) -> bool:
        """Whether this job was left and no worker has been notified of it since; from now on one has."""
        with translated():
            found = self._videos.update_one(
                {**by_id(job_id), "declined_at": {"$type": "date"}}, {"$unset": {"declined_at": True}}
            )
        return found.modified_count == 1

    def declined_kinds(self) -> set[str]:
        """The kinds of the jobs that were left."""
        with translated():
            return set(
                self._videos.distinct("kind", {"declined_at": {"$type": "date"}, "status": Status.PENDING.value})
            )


def _due() -> list[Document]:
    """Filters, one of which fits a job that could be begun now."""
    return [
        {"status": Status.PENDING.value, "queued_at": {"$ne": None}, "$expr": wait_is_over("$not_before")},
        {"status": Status.PROCESSING.value, "$expr": lease_is_over()},
    ]


def _running(document: Document, kinds: Kinds) -> Running:
    """A capture counts against nobody's share. A moment that was old when its job began is a clip like any other."""
    moment, began = document.get("event_at"), document.get("started_at")
    fresh = moment is not None and began is not None and began - moment <= timedelta(seconds=URGENT_SECONDS)
    if fresh and document["kind"] in kinds.urgent:
        return Running(None)
    return Running(document["owner"], long=document["kind"] in kinds.long)


def _ordinary(kinds: Kinds) -> list[Document]:
    """Filters, one of which fits a job of these kinds that is not urgent."""
    return [{"kind": {"$in": sorted(kinds.all - kinds.urgent)}}, {"kind": {"$in": sorted(kinds.urgent)}, **_is_old()}]


def _is_old() -> Document:
    return {"$expr": {"$lt": ["$event_at", after_now(-URGENT_SECONDS)]}}
