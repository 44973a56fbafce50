"""Decides which worker may process a job: claims with a lease and a fence, and the writes that end attempts.

All times come from the database server (``$$NOW``), so workers with wrong clocks cannot take jobs from each other.
The fence grows with each claim and every later write names it, so a worker that has lost its lease writes nothing.
MongoDB is authoritative and the broker only notifies: duplicate, late or lost messages change nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from src.data.attempt_data import AttemptData, taken_by
from src.data.job_documents import Document, after_now, by_id, of_queue, to_job
from src.data.leases import NO_LEASE, lease_is_over, wait_is_over
from src.data.repair_data import REPAIR_IS_DUE, REPAIR_WAITS, RepairData, finished_fields, waiting_repair
from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import object_id, translated
from src.models.turns import Kinds
from src.models.video import Failure, Finished, Lease, Status, VideoJob, WaitsFor

# A notification further in the future than this was recorded before the server's clock was set back.
_JUST_NOW_SECONDS = 5.0


class ClaimData(AttemptData):
    """The ``videos`` collection, as workers and the reconciler see it."""

    IN_PROGRESS = {"status": Status.PROCESSING.value}

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        super().__init__(database, paths)
        self.repairs = RepairData(database, paths)

    def of(self, job: VideoJob) -> AttemptData:
        """Return the writes for this attempt: those of a job, or those of the repair of its file."""
        return self.repairs if job.repairing else self

    def claim(
        self, job_id: str, worker: str, *, lease_seconds: float, max_attempts: int, kinds: Kinds | None = None
    ) -> VideoJob | None:
        """Claim a job that waits or whose lease has expired, or a repair that is due; ``None`` if it cannot be
        claimed, or (with ``kinds``) belongs to another queue than these."""
        wanted = {**by_id(job_id), "$and": [{} if kinds is None else of_queue(kinds)]}
        claimable = {
            "attempts": {"$lt": max_attempts},
            "$expr": {
                "$or": [
                    {
                        "$and": [
                            {"$eq": ["$status", Status.PENDING.value]},
                            {"$ne": [{"$ifNull": ["$queued_at", None]}, None]},
                            wait_is_over("$not_before"),
                        ]
                    },
                    {
                        "$and": [
                            {"$eq": ["$status", Status.PROCESSING.value]},
                            lease_is_over(),
                        ]
                    },
                ]
            },
        }
        taken = {
            **taken_by(worker, lease_seconds),
            "status": Status.PROCESSING.value,
            "attempts": {"$add": [{"$ifNull": ["$attempts", 0]}, 1]},
            "started_at": "$$NOW",
            "follows": None,
        }
        job = self._update({**wanted, **claimable}, taken)
        if job is None:
            return self.repairs.claim(wanted, worker, lease_seconds=lease_seconds, max_attempts=max_attempts)
        return job

    def complete(self, job_id: str, lease: Lease, finished: Finished, *, keep_seconds: float) -> VideoJob | None:
        """Complete a job; ``None`` when the lease was lost or the job was cancelled: the caller deletes the file.

        With an infinite ``keep_seconds`` the file never expires.
        """
        return self._end(
            job_id,
            lease,
            {
                "status": Status.COMPLETED.value,
                **finished_fields(finished, self._paths, keep_seconds),
                "repair": waiting_repair(finished.repair),
                "error_code": None,
                "error_message": None,
            },
            {"cancel_requested": {"$ne": True}},  # a caller whose cancellation was accepted must not get a file
        )

    def fail(self, job_id: str, lease: Lease, failure: Failure, *, keep_seconds: float) -> VideoJob | None:
        """Fail a job; its input file, if any, expires like a result."""
        return self._end(
            job_id,
            lease,
            {
                "status": (Status.CANCELLED if failure.code == "CANCELLED" else Status.FAILED).value,
                "error_code": failure.code,
                "error_message": {"$literal": failure.message},
                "completed_at": "$$NOW",
                "expires_at": after_now(keep_seconds),
                "waiting_for": "$$REMOVE",
            },
        )

    def hand_back(
        self,
        job_id: str,
        lease: Lease,
        *,
        delay_seconds: float,
        count_attempt: bool,
        follows: str | None = None,
        waiting_for: WaitsFor | None = None,
        queue: str | None = None,
    ) -> VideoJob | None:
        """Return a job to the queue, for another worker or a later time; see ``release_followers`` for ``follows``.

        ``count_attempt`` counts the attempt as failed; otherwise it is not counted at all. ``waiting_for``: what the
        job waits for, which is shown to its owner. ``queue``: another queue that it waits in from now on.
        """
        changes: Document = {
            "status": Status.PENDING.value,
            "not_before": after_now(delay_seconds),
            "rung_at": None,
            "follows": follows,
            "waiting_for": waiting_for.value if waiting_for else "$$REMOVE",
        }
        if queue is not None:
            changes["queue"] = queue
        if count_attempt:
            changes["retries"] = {"$add": [{"$ifNull": ["$retries", 0]}, 1]}
        else:
            changes["attempts"] = {"$subtract": ["$attempts", 1]}
        return self._end(job_id, lease, changes)

    def leader_of(self, job: VideoJob, fields: Mapping[str, Any]) -> VideoJob | None:
        """Return a running job of the same kind and parameters that started before this one.

        Two jobs that start within the same millisecond may not see each other. Both then run, which is harmless, and
        they never wait for each other.
        """
        wanted = {
            **fields,
            "kind": job.kind,
            "status": Status.PROCESSING.value,
            "$expr": {"$gt": ["$lease_until", "$$NOW"]},
            "$or": [
                {"started_at": {"$lt": job.started_at}},
                {"started_at": job.started_at, "_id": {"$lt": by_id(job.id)["_id"]}},
            ],
        }
        with translated():
            document = self._videos.find_one(wanted, sort=[("started_at", 1)])
        return to_job(document, self._paths) if document else None

    def end_leases_of(self, worker: str) -> list[VideoJob]:
        """Let others claim the jobs of a worker that has ended for certain; return them."""
        held = {"worker": worker, "status": Status.PROCESSING.value}
        with translated():
            found = list(self._videos.find(held))
            if found:
                self._videos.update_many(held, [{"$set": {"lease_until": "$$NOW"}}])
        return [to_job(document, self._paths) for document in found]

    def is_at_work(self, job_id: str) -> bool:
        """Return whether a worker is processing this job."""
        with translated():
            return (
                self._videos.find_one({**by_id(job_id), "status": Status.PROCESSING.value}, {"_id": True}) is not None
            )

    def release_followers(self, job_id: str) -> list[VideoJob]:
        """Let the jobs that wait for this one run; return them, for workers to be notified."""
        waiting = {"follows": job_id, "status": Status.PENDING.value}
        with translated():
            found = list(self._videos.find(waiting).sort("queued_at", 1))
            if found:
                self._videos.update_many(waiting, [{"$set": {"follows": None, "not_before": "$$NOW"}}])
        return [to_job(document, self._paths) for document in found]

    def unattended(
        self,
        *,
        notified_before_seconds: float,
        orphans_notified_before_seconds: float | None = None,
        max_attempts: float = math.inf,
        limit: int = 100,
    ) -> list[VideoJob]:
        """Return waiting jobs and due repairs without a recent notification, and those whose worker is gone.

        Jobs that a worker declined because it is not their turn (``QueueData.declined``) are left out, unless
        they have had ``max_attempts`` attempts: their turn never comes. A notification is recent within
        ``notified_before_seconds``; for jobs whose worker is gone, within ``orphans_notified_before_seconds`` (by
        default the same).
        """
        if orphans_notified_before_seconds is None:
            orphans_notified_before_seconds = notified_before_seconds
        waiting = {
            "status": Status.PENDING.value,
            "queued_at": {"$ne": None},
            "$or": [{"declined_at": {"$not": {"$type": "date"}}}, {"attempts": {"$gte": max_attempts}}],
            "$expr": {"$and": [_missed_for(notified_before_seconds), wait_is_over("$not_before")]},
        }
        repairs = {
            **REPAIR_WAITS,
            "declined_at": {"$not": {"$type": "date"}},
            "$expr": {"$and": [_missed_for(notified_before_seconds), *REPAIR_IS_DUE]},
        }
        orphaned = {
            "status": Status.PROCESSING.value,
            "$expr": {"$and": [_missed_for(orphans_notified_before_seconds), lease_is_over()]},
        }
        with translated():
            found = list(self._videos.find({"$or": [waiting, orphaned, repairs]}).sort("queued_at", 1).limit(limit))
        return [to_job(document, self._paths) for document in found]

    def note_notified(self, *job_ids: str) -> None:
        """Record that workers have just been notified of these jobs."""
        ids = [object_id(job_id) for job_id in job_ids]
        with translated():
            self._videos.update_many({"_id": {"$in": ids}}, [{"$set": {"rung_at": "$$NOW"}}])

    def note_missed(self, job_id: str) -> None:
        """Record that no worker was notified, so that the next check notifies again."""
        with translated():
            self._videos.update_one(by_id(job_id), {"$set": {"rung_at": None}})

    def give_up(self, job_id: str, failure: Failure, *, max_attempts: int, keep_seconds: float) -> VideoJob | None:
        """Fail a job that has had ``max_attempts`` attempts without ending."""
        spent = {
            "status": {"$in": [Status.PENDING.value, Status.PROCESSING.value]},
            "attempts": {"$gte": max_attempts},
            "$expr": lease_is_over(),
        }
        ended = {
            "status": Status.FAILED.value,
            "error_code": failure.code,
            "error_message": {"$literal": failure.message},
            "completed_at": "$$NOW",
            "expires_at": after_now(keep_seconds),
            "waiting_for": "$$REMOVE",
            **NO_LEASE,
        }
        return self._update({**by_id(job_id), **spent}, ended)


def _missed_for(seconds: float) -> Document:
    rung_at = {"$ifNull": ["$rung_at", None]}
    return {"$or": [{"$lt": [rung_at, after_now(-seconds)]}, {"$gt": [rung_at, after_now(_JUST_NOW_SECONDS)]}]}
