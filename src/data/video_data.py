"""Stores jobs in MongoDB as their owners see them: saved, requested, found, listed, cancelled, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from src.data.job_documents import Document, after_now, artifact_fields, by_id, of_queue, to_document, to_job
from src.data.leases import NO_LEASE
from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import object_id, translated
from src.models.params import JobParams
from src.models.turns import Kinds, OpenJobs
from src.models.video import ARCHIVE_ID, Owner, OwnerKind, RepairState, Status, VideoJob

_NEVER_STARTED: Document = {"status": Status.PENDING.value, "queued_at": None}
STARTABLE = (Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class VideoData:
    """The ``videos`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "videos"
    INDEXES = (
        IndexModel([("user_id", ASCENDING), ("created_at", DESCENDING)], name="user_id"),
        IndexModel([("owner_id", ASCENDING), ("kind", ASCENDING), ("created_at", DESCENDING)], name="owner_id"),
        IndexModel([("owner_id", ASCENDING), ("status", ASCENDING)], name="owner_status"),
        IndexModel([("owner_kind", ASCENDING), ("file_path", ASCENDING)], name="owner_kind"),
        IndexModel([("status", ASCENDING), ("queued_at", ASCENDING)], name="status"),
        IndexModel([("expires_at", ASCENDING)], name="expires_at"),
        IndexModel([("youtube_video_id", ASCENDING), ("status", ASCENDING)], name="youtube_video_id"),
        IndexModel([("started_at", DESCENDING)], name="started_at"),
        # Only the jobs that a worker declined.
        IndexModel(
            [("declined_at", ASCENDING)], name="declined_at", partialFilterExpression={"declined_at": {"$type": "date"}}
        ),
        # Only the jobs and repairs that run, and the files that wait for a repair: not the thousands that are finished.
        IndexModel(
            [("status", ASCENDING), ("kind", ASCENDING)],
            name="leased",
            partialFilterExpression={"lease_until": {"$type": "date"}},
        ),
        IndexModel(
            [("repair.state", ASCENDING)],
            name="repairs",
            partialFilterExpression={"repair.state": RepairState.WAITING.value},
        ),
        # Only the jobs that wait for another one.
        IndexModel([("follows", ASCENDING)], name="follows", partialFilterExpression={"follows": {"$type": "string"}}),
    )

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        self._paths = paths
        self._videos = database[self.COLLECTION]

    @staticmethod
    def new_id() -> str:
        """Return an id for a job that is not stored yet."""
        return str(ObjectId())

    @staticmethod
    def id_time(job_id: str) -> datetime:
        """Return when ``new_id`` created this id, to the second."""
        return ObjectId(job_id).generation_time

    def insert(self, job: VideoJob) -> None:
        """Store a new job."""
        with translated():
            self._videos.insert_one(to_document(job, self._paths))

    def insert_once(self, job: VideoJob) -> bool:
        """Store a new job unless its id exists; return whether it was stored."""
        try:
            self.insert(job)
        except DuplicateKeyError:
            return False
        return True

    def insert_queued(self, job: VideoJob, *, queue: str | None = None, notified: bool = True) -> VideoJob | None:
        """Store a new job that is queued already, in one write; ``None`` if its id exists.

        ``queue`` and ``notified``: as for ``enqueue``.
        """
        steps: list[Document] = [
            {"$replaceWith": {"$literal": to_document(job, self._paths)}},
            {"$set": self._queued(queue, notified=notified)},
        ]
        absent = {**by_id(job.id), "kind": {"$exists": False}}  # every job has a kind, so an id in use is a duplicate
        try:
            with translated():
                document = self._videos.find_one_and_update(
                    absent, steps, upsert=True, return_document=ReturnDocument.AFTER
                )
        except DuplicateKeyError:
            return None
        return to_job(document, self._paths) if document else None

    def find(self, job_id: str) -> VideoJob | None:
        """Return the job with this id, if it exists."""
        with translated():
            document = self._videos.find_one(by_id(job_id))
        return to_job(document, self._paths) if document else None

    def find_first(self, job_ids: Sequence[str]) -> VideoJob | None:
        """Return the job with the first of these ids that exists."""
        places = {known: place for place, text in enumerate(job_ids) if (known := object_id(text)) is not None}
        with translated():
            found = list(self._videos.find({"_id": {"$in": list(places)}}))
        first = min(found, key=lambda document: places[document["_id"]], default=None)
        return to_job(first, self._paths) if first is not None else None

    def page(
        self,
        owner: Owner,
        kinds: Collection[str],
        *,
        skip: int,
        limit: int,
        states: Collection[Status] = (),
        shown: Status | None = None,
    ) -> tuple[list[VideoJob], int]:
        """Return the owner's jobs of these kinds and states, newest first, and their total number.

        ``shown`` is a state as clients see it: ``VideoJob.shown_status``.
        """
        wanted = _of_owner(owner, kinds)
        if shown is not None:
            wanted |= _shown_as(shown)
        if states:
            wanted["status"] = {"$in": [status.value for status in states]}
        with translated():
            total = self._videos.count_documents(wanted)
            found = list(self._videos.find(wanted).sort([("created_at", -1), ("_id", -1)]).skip(skip).limit(limit))
        return [to_job(document, self._paths) for document in found], total

    def tally(self, owner: Owner | None = None) -> tuple[dict[Status, int], int]:
        """Return the number of jobs in each state and the bytes of their files, of one owner or of all."""
        wanted: Document = {} if owner is None else {"owner_id": owner.id, "owner_kind": owner.kind.value}
        wanted["kind"] = {"$in": JobParams.listed_kinds()}
        size = {"$cond": [{"$gt": ["$file_path", ""]}, {"$ifNull": ["$file_size_bytes", 0]}, 0]}
        grouped = {"_id": "$status", "number": {"$sum": 1}, "bytes": {"$sum": size}}
        with translated():
            found = list(self._videos.aggregate([{"$match": wanted}, {"$group": grouped}]))
        return {Status(each["_id"]): each["number"] for each in found}, sum(each["bytes"] for each in found)

    def backlog(self) -> list[OpenJobs]:
        """Return the numbers of all waiting and running jobs, by kind, queue and state."""
        wanted = {
            "$or": [
                {"status": Status.PENDING.value, "queued_at": {"$ne": None}},
                {"status": Status.PROCESSING.value},
            ]
        }
        grouped = {
            "_id": {"kind": "$kind", "status": "$status", "queue": "$queue"},
            "number": {"$sum": 1},
            "oldest": {"$min": "$queued_at"},
        }
        with translated():
            found = list(self._videos.aggregate([{"$match": wanted}, {"$group": grouped}]))
        return [
            OpenJobs(
                each["_id"]["kind"],
                each["_id"].get("queue"),
                Status(each["_id"]["status"]),
                each["number"],
                each["oldest"],
            )
            for each in found
        ]

    def overdue_kinds(self, seconds: float) -> set[tuple[str, str | None]]:
        """Return (kind, queue) of the jobs that could have started ``seconds`` ago, or have had no worker for as long.

        The queue is ``None`` for records that name none.
        """
        waits = {
            "status": Status.PENDING.value,
            "queued_at": {"$ne": None},
            "follows": None,
            "$expr": {"$lt": ["$not_before", after_now(-seconds)]},
        }
        orphaned = {
            "status": Status.PROCESSING.value,
            "$expr": {"$lt": ["$lease_until", after_now(-seconds)]},
        }
        wanted = {"$or": [waits, orphaned]}
        with translated():
            grouped = {"_id": {"kind": "$kind", "queue": "$queue"}}
            found = list(self._videos.aggregate([{"$match": wanted}, {"$group": grouped}]))
        return {(each["_id"]["kind"], each["_id"].get("queue")) for each in found}

    def started_lately(self, kinds: Kinds, seconds: float) -> bool:
        """Return whether a job of this queue started within the last ``seconds``."""
        wanted = {**of_queue(kinds), "$expr": {"$gt": ["$started_at", after_now(-seconds)]}}
        with translated():
            return self._videos.find_one(wanted, {"_id": True}) is not None

    def page_of_all(
        self, *, skip: int, limit: int, kind: str | None = None, status: str | None = None
    ) -> tuple[list[VideoJob], int]:
        """Return the jobs of all owners, newest first, and their total number."""
        wanted: Document = {"kind": kind or {"$in": JobParams.listed_kinds()}}
        if status:
            wanted["status"] = status
        with translated():
            total = self._videos.count_documents(wanted)
            found = list(self._videos.find(wanted).sort("_id", -1).skip(skip).limit(limit))
        return [to_job(document, self._paths) for document in found], total

    def statuses(self, job_ids: Collection[str]) -> dict[str, Status]:
        """Return the states of these jobs, as far as they exist."""
        ids = [found for text in job_ids if (found := object_id(text)) is not None]
        with translated():
            return {
                str(each["_id"]): Status(each["status"])
                for each in self._videos.find({"_id": {"$in": ids}}, {"status": True})
            }

    def without_repair(self, job_ids: Collection[str]) -> set[str]:
        """Return those of these jobs whose file will not be repaired any more, also because they were deleted."""
        ids = [found for text in job_ids if (found := object_id(text)) is not None]
        with translated():
            waiting = self._videos.distinct("_id", {"_id": {"$in": ids}, "repair.state": RepairState.WAITING.value})
        return {*job_ids} - {str(job_id) for job_id in waiting}

    def unshelved(self, owner: Owner, kinds: Collection[str], limit: int = 200) -> list[VideoJob]:
        """Return finished jobs of the owner's archive that are not entered in its library yet, oldest first."""
        wanted = {
            **_of_owner(owner, kinds),
            "status": Status.COMPLETED.value,
            "request.archive": True,
            "shelved": {"$ne": True},
            "file_path": {"$ne": None},
        }
        with translated():
            found = list(self._videos.find(wanted).sort("completed_at", 1).limit(limit))
        return [to_job(document, self._paths) for document in found]

    def count_open(self, owner: Owner, now: datetime, *, anonymous: bool, most: int) -> int:
        """Return how many jobs of this owner are saved, waiting or running, without expired anonymous saves; not more
        than ``most``.

        ``anonymous`` selects the jobs that others saved for the owner, otherwise those of the owner itself.
        """
        wanted: Document = {
            "owner_id": owner.id,
            "kind": {"$in": JobParams.listed_kinds()},
            "status": {"$in": [Status.PENDING.value, Status.PROCESSING.value]},
            "anonymous": True if anonymous else {"$ne": True},
        }
        if anonymous:
            wanted["$nor"] = [{**_NEVER_STARTED, "expires_at": {"$lte": now}}]
        with translated():
            return self._videos.count_documents(wanted, limit=most)

    def delete_anonymous(self, owner: Owner) -> list[str]:
        """Delete the jobs that others saved for this owner and that were never requested; return their ids."""
        wanted = {"owner_id": owner.id, "owner_kind": owner.kind.value, "anonymous": True, **_NEVER_STARTED}
        with translated():
            found = [each["_id"] for each in self._videos.find(wanted, {"_id": True})]
            gone = []
            for job_id in found:  # one by one: a job that is requested at this moment stays
                if self._videos.delete_one({**wanted, "_id": job_id}).deleted_count:
                    gone.append(str(job_id))
        return gone

    def bytes_of(self, owner: Owner, without: Collection[str] = ()) -> int:
        """Return the bytes of this owner's files, finished ones and remaining uploads, except those of these jobs."""
        return self._bytes({"owner_id": owner.id, "owner_kind": owner.kind.value}, without)

    def bytes_of_anonymous(self, without: Collection[str] = ()) -> int:
        """Return the same for all owners without an account, except the archive of callers without a token."""
        kinds = [OwnerKind.SESSION.value, OwnerKind.ADDRESS.value]
        return self._bytes({"owner_kind": {"$in": kinds}, "owner_id": {"$ne": ARCHIVE_ID}}, without)

    def _bytes(self, owner: Document, without: Collection[str]) -> int:
        def size(path: str, size: str) -> Document:
            return {"$cond": [{"$gt": [f"${path}", ""]}, {"$ifNull": [f"${size}", 0]}, 0]}

        both = {"$add": [size("file_path", "file_size_bytes"), size("input_file_path", "input_size_bytes")]}
        ids = [known for text in without if (known := object_id(text)) is not None]
        steps = [{"$match": {**owner, "_id": {"$nin": ids}}}, {"$group": {"_id": None, "bytes": {"$sum": both}}}]
        with translated():
            found = list(self._videos.aggregate(steps))
        return int(found[0]["bytes"]) if found else 0

    def find_twin(self, kind: str, fields: Mapping[str, Any], now: datetime) -> VideoJob | None:
        """Return a finished job of any owner with this kind and parameters whose file still exists."""
        wanted = {
            **fields,
            "kind": kind,
            "status": Status.COMPLETED.value,
            "file_path": {"$ne": None},
            "$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}],
        }
        with translated():
            document = self._videos.find_one(wanted, sort=[("completed_at", -1)])
        return to_job(document, self._paths) if document else None

    def count_of_kinds(self, kinds: Collection[str], states: Collection[Status], owner: Owner | None = None) -> int:
        """Return how many jobs of these kinds are in one of these states, of one owner or of all."""
        wanted: Document = {"kind": {"$in": list(kinds)}} if owner is None else _of_owner(owner, kinds)
        wanted["status"] = {"$in": [status.value for status in states]}
        with translated():
            return self._videos.count_documents(wanted)

    def enqueue(
        self,
        job_id: str,
        changes: Mapping[str, Any],
        *,
        seen: VideoJob | None = None,
        queue: str | None = None,
        notified: bool = False,
    ) -> VideoJob | None:
        """Queue a job that is not running; ``None`` when it is queued or running already.

        With ``seen``, the job as the caller read it, also ``None`` if it has ended since: the caller decided without
        this result, and it must not be replaced.

        ``changes`` are fields of its parameters. ``queue``: the queue that it waits in first, if that is not the one of
        its kind. ``notified``: the caller notifies a worker now. Results of an earlier run are cleared from the record;
        the caller deletes its file. The time comes from the database server, as in every step of a job: with a fast
        clock of the caller, all workers would wait until that time.
        """
        startable = {
            "$or": [
                {"status": Status.PENDING.value, "queued_at": None},
                {"status": {"$in": [status.value for status in STARTABLE if status is not Status.PENDING]}},
            ]
        }
        unchanged = {} if seen is None else {"completed_at": seen.completed_at}
        literal = {name: {"$literal": value} for name, value in changes.items()}
        fresh = {**literal, **self._queued(queue, notified=notified)}
        with translated():
            document = self._videos.find_one_and_update(
                {**by_id(job_id), **startable, **unchanged}, [{"$set": fresh}], return_document=ReturnDocument.AFTER
            )
        return to_job(document, self._paths) if document else None

    def _queued(self, queue: str | None, *, notified: bool) -> Document:
        """Return the fields of a job that waits for its first attempt."""
        return {
            **artifact_fields(None, self._paths),
            "status": Status.PENDING.value,
            "queued_at": "$$NOW",
            "not_before": "$$NOW",
            "rung_at": "$$NOW" if notified else None,
            "declined_at": None,
            "attempts": 0,
            "retries": 0,
            "cancel_requested": False,
            "error_code": None,
            "error_message": None,
            "error_told": False,
            "report": None,
            "repair": "$$REMOVE",
            "waiting_for": "$$REMOVE",
            "queue": queue or "$$REMOVE",
            **NO_LEASE,  # of a repair: its worker loses it
            "started_at": None,
            "completed_at": None,
            "expires_at": None,
        }

    def set_facts(self, job_id: str, facts: Mapping[str, Any]) -> None:
        """Store facts about the source."""
        with translated():
            self._videos.update_one(by_id(job_id), {"$set": dict(facts)})

    def hand_over(self, mark: str, owner: Owner, since: datetime) -> int:
        """Give jobs without an account whose request carries this mark to a user; return how many."""
        wanted = {f"request.{mark}": {"$exists": True}, "user_id": None, "created_at": {"$gte": since}}
        theirs = {"user_id": ObjectId(owner.id), "owner_kind": owner.kind.value, "owner_id": owner.id}
        with translated():
            return self._videos.update_many(wanted, {"$set": theirs}).modified_count

    def note_reported(self, job_id: str) -> None:
        """Record that the owner has received the failure in a reply."""
        with translated():
            self._videos.update_one({**by_id(job_id), "status": Status.FAILED.value}, {"$set": {"error_told": True}})

    def cancel(self, job_id: str, *, keep_seconds: float) -> VideoJob | None:
        """Cancel a waiting job at once and ask a running one to stop; ``None`` when it has already ended.

        An uploaded file of the cancelled job expires after ``keep_seconds``.
        """
        ended = {
            "status": Status.CANCELLED.value,
            "completed_at": "$$NOW",
            "expires_at": after_now(keep_seconds),
            "cancel_requested": True,
        }
        with translated():
            document = self._videos.find_one_and_update(
                {**by_id(job_id), "status": Status.PENDING.value},
                [{"$set": ended}],
                return_document=ReturnDocument.AFTER,
            ) or self._videos.find_one_and_update(
                {**by_id(job_id), "status": Status.PROCESSING.value},
                {"$set": {"cancel_requested": True}},
                return_document=ReturnDocument.AFTER,
            )
        return to_job(document, self._paths) if document else None

    def delete(self, job_id: str) -> bool:
        """Delete a job that is not running; return whether it existed."""
        with translated():
            gone = self._videos.delete_one({**by_id(job_id), "status": {"$ne": Status.PROCESSING.value}})
        return gone.deleted_count == 1


def _of_owner(owner: Owner, kinds: Collection[str]) -> Document:
    return {"owner_id": owner.id, "owner_kind": owner.kind.value, "kind": {"$in": list(kinds)}}


def _shown_as(status: Status) -> Document:
    """Return the filter for ``VideoJob.shown_status``: a pending job that waits for something is processing."""
    postponed: Document = {"status": Status.PENDING.value, "waiting_for": {"$type": "string"}}
    if status is Status.PROCESSING:
        return {"$or": [{"status": status.value}, postponed]}
    return {"status": status.value, **({"$nor": [postponed]} if status is Status.PENDING else {})}
