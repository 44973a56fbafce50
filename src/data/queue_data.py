"""Reads what waits and runs in a queue, by owner: the state that decides whose job starts next."""

from __future__ import annotations

from datetime import timedelta

from pymongo.database import Database

from src.data.job_documents import Document, after_now, by_id, of_queue
from src.data.leases import lease_is_over, wait_is_over
from src.data.repair_data import REPAIR_IS_DUE, REPAIR_WAITS
from src.data.translated import translated
from src.data.video_data import VideoData
from src.models.turns import Kinds, Running, Waiting
from src.models.video import Status

_MOST_IDS = 32
# For this long after its moment, a live clip is a capture that cannot wait. Later it is cut from the recording or from
# what was already captured, as any other clip.
URGENT_SECONDS = 3600.0
# A clip that an anonymous client sends to an account counts against the share of its address, not of the account.
_UNSTARTED = [Status.PENDING.value, Status.COMPLETED.value]  # a completed job may have a repair that waits
_DUE_REPAIR: Document = {**REPAIR_WAITS, "$expr": {"$and": [*REPAIR_IS_DUE]}}
_OWNER: Document = {"$ifNull": ["$request.counts_for", {"$concat": ["$owner_kind", ":", "$owner_id"]}]}


class QueueData:
    """The ``videos`` collection, for deciding which job starts. Every method may raise ``StoreUnavailable``."""

    def __init__(self, database: Database[Document]) -> None:
        self._videos = database[VideoData.COLLECTION]

    def waiting(self, kinds: Kinds, *, max_attempts: int) -> list[Waiting]:
        """Return the jobs that could start now, grouped by owner and by whether they are long; without urgent ones."""
        declined = {"$cond": [{"$gt": [{"$ifNull": ["$declined_at", None]}, None]}, "$_id", "$$REMOVE"]}
        grouped = {
            "_id": {"owner": _OWNER, "long": {"$in": ["$kind", sorted(kinds.long)]}},
            "number": {"$sum": 1},
            "since": {"$min": "$queued_at"},
            "declined": {"$push": declined},
        }
        pipeline: list[Document] = [
            {"$match": {"$or": _startable(kinds, max_attempts), "$and": [of_queue(kinds)]}},
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
        """Return the jobs that run now."""
        wanted = {**_runs(kinds), "$expr": {"$not": [lease_is_over()]}}
        shown = {"owner": _OWNER, "kind": True, "queue": True, "event_at": True, "started_at": True, "status": True}
        with translated():
            found = list(self._videos.find(wanted, shown))
        return [_running(each, kinds) for each in found]

    def runs_at_least(self, number: int, owner: str, kinds: Kinds) -> bool:
        """Return whether this owner, as in ``waiting``, has so many jobs in this queue that run now."""
        theirs = {"$expr": {"$and": [{"$eq": [_OWNER, {"$literal": owner}]}, {"$not": [lease_is_over()]}]}}
        with translated():
            return self._videos.count_documents({**_runs(kinds), **theirs}, limit=number) >= number

    def group_of(self, job_id: str, kinds: Kinds, *, max_attempts: int) -> tuple[str, bool] | None:
        """Return a job's owner and whether it is long, as in ``waiting``; ``None`` when it does not wait or has no
        attempt left."""
        shown = {"owner": _OWNER, "kind": True}
        with translated():
            found = self._videos.find_one({**by_id(job_id), "$or": [*_due(max_attempts), _DUE_REPAIR]}, shown)
        if found is None:
            return None
        return found["owner"], found["kind"] in kinds.long

    def urgent(self, kinds: Kinds, *, max_attempts: int, missed_seconds: float | None = None) -> list[str]:
        """Return captures that could start now and cannot wait.

        With ``missed_seconds``, only those without a notification for that long.
        """
        if not kinds.urgent:
            return []
        wanted: Document = {
            **_to_capture(kinds),
            "$and": [{"$or": _due(max_attempts)}, of_queue(kinds)],
            "$nor": [_is_old()],
        }
        if missed_seconds is not None:
            wanted["$expr"] = {"$lt": [{"$ifNull": ["$rung_at", None]}, after_now(-missed_seconds)]}
        with translated():
            return [str(each["_id"]) for each in self._videos.find(wanted, {"_id": True}).sort("queued_at", 1)]

    def is_urgent(self, job_id: str, kinds: Kinds) -> bool:
        """Return whether this job is a capture that cannot wait. A repair can."""
        if not kinds.urgent:
            return False
        wanted = {**by_id(job_id), **_to_capture(kinds), "status": {"$ne": Status.COMPLETED.value}}
        with translated():
            return self._videos.find_one({**wanted, "$nor": [_is_old()]}, {"_id": True}) is not None

    def note_declined(self, job_id: str) -> bool:
        """Record that a worker declined this job, if it waits: it needs another notification when its turn comes."""
        waiting = {"status": {"$in": _UNSTARTED}, **by_id(job_id)}
        with translated():
            return self._videos.update_one(waiting, [{"$set": {"declined_at": "$$NOW"}}]).matched_count == 1

    def take_declined(self, job_id: str) -> bool:
        """Clear the declined mark of a job; return whether it had one."""
        with translated():
            found = self._videos.update_one(
                {**by_id(job_id), "declined_at": {"$type": "date"}}, {"$unset": {"declined_at": True}}
            )
        return found.modified_count == 1

    def has_declined(self, kinds: Kinds) -> bool:
        """Return whether a job of this queue has been declined."""
        with translated():
            return self._videos.find_one(_declined(kinds), {"_id": True}) is not None

    def declined(self, kinds: Kinds) -> list[tuple[str, str]]:
        """Return the owner, as in ``waiting``, and the id of each declined job of this queue, oldest first."""
        with translated():
            found = list(self._videos.find(_declined(kinds), {"owner": _OWNER}).sort("queued_at", 1))
        return [(each["owner"], str(each["_id"])) for each in found]


def _due(max_attempts: int) -> list[Document]:
    """Return filters, one of which matches a job that could start now."""
    attempts = {"attempts": {"$lt": max_attempts}}
    return [
        {**attempts, "status": Status.PENDING.value, "queued_at": {"$ne": None}, "$expr": wait_is_over("$not_before")},
        {**attempts, "status": Status.PROCESSING.value, "$expr": lease_is_over()},
    ]


def _startable(kinds: Kinds, max_attempts: int) -> list[Document]:
    """Return filters, one of which matches a job or repair of these kinds that could start now and can wait."""
    jobs: Document = {"$and": [{"$or": _ordinary(kinds)}, {"$or": _due(max_attempts)}]}
    return [jobs, {**_DUE_REPAIR, "kind": {"$in": sorted(kinds.all)}}]


def _declined(kinds: Kinds) -> Document:
    return {"declined_at": {"$type": "date"}, "status": {"$in": _UNSTARTED}, **of_queue(kinds)}


def _runs(kinds: Kinds) -> Document:
    """Return the filter for the jobs of a queue that have, or had, a lease."""
    states = [Status.PROCESSING.value, Status.COMPLETED.value]
    return {"status": {"$in": states}, **of_queue(kinds), "lease_until": {"$type": "date"}}


def _running(document: Document, kinds: Kinds) -> Running:
    """Return the running job; a capture counts against no share, unless its moment was old when the job started."""
    moment, started = document.get("event_at"), document.get("started_at")
    fresh = moment is not None and started is not None and started - moment <= timedelta(seconds=URGENT_SECONDS)
    repairs = document["status"] == Status.COMPLETED.value
    captures = document["kind"] in kinds.urgent and document.get("queue") is None
    if fresh and not repairs and captures:
        return Running(None)
    return Running(document["owner"], long=document["kind"] in kinds.long)


def _ordinary(kinds: Kinds) -> list[Document]:
    """Return filters, one of which matches a job of these kinds that is not urgent."""
    urgent = sorted(kinds.urgent)
    return [
        {"kind": {"$in": sorted(kinds.all - kinds.urgent)}},
        {"kind": {"$in": urgent}, "queue": {"$ne": None}},
        {"kind": {"$in": urgent}, **_is_old()},
    ]


def _to_capture(kinds: Kinds) -> Document:
    """Return the filter for jobs that capture something. Those that name a queue were handed over to it: what they
    need is captured."""
    return {"kind": {"$in": sorted(kinds.urgent)}, "queue": None}


def _is_old() -> Document:
    return {"$expr": {"$lt": ["$event_at", after_now(-URGENT_SECONDS)]}}
