"""Stores repairs of finished files: claims, renewals and the writes that end an attempt, as for jobs.

While its file is repaired, a job stays ``completed``, so that the first file and its links are usable. A lease on the
completed record shows that a worker is busy. The fence is the one of the job: a job that is started again or deleted
takes the repair away from its worker.
"""

from __future__ import annotations

import math

from pymongo import ReturnDocument
from pymongo.database import Database

from src.data.job_documents import Document, after_now, artifact_fields, by_id, to_job
from src.data.leases import NO_LEASE, lease_for, lease_is_over, wait_is_over
from src.data.stored_paths import AS_THEY_ARE, StoredPaths
from src.data.translated import translated
from src.data.video_data import VideoData
from src.models.video import Failure, Finished, Lease, RepairPlan, RepairState, Status, VideoJob, WaitsFor

REPAIR_WAITS: Document = {"status": Status.COMPLETED.value, "repair.state": RepairState.WAITING.value}
"""The filter for jobs whose file may still be repaired."""
REPAIR_IS_DUE: tuple[Document, ...] = (wait_is_over("$repair.at"), lease_is_over())
"""Conditions, all of which apply to those of them that a worker may repair now."""


def finished_fields(finished: Finished, paths: StoredPaths, keep_seconds: float) -> Document:
    """Return the changes of a record that name a file and start its lifetime."""
    values = {**finished.facts, **artifact_fields(finished.artifact, paths), "report": dict(finished.report)}
    return {
        **{name: {"$literal": value} for name, value in values.items()},
        "completed_at": "$$NOW",
        "expires_at": None if math.isinf(keep_seconds) else after_now(keep_seconds),
        "waiting_for": "$$REMOVE",
    }


def waiting_repair(plan: RepairPlan | None) -> Document | str:
    """Return the stored form of a repair that has not been tried yet; without a plan, the field is removed."""
    if plan is None:
        return "$$REMOVE"
    return {
        "state": RepairState.WAITING.value,
        "until": {"$literal": plan.until},
        "at": after_now(plan.seconds),
        "attempts": 0,
    }


class RepairData:
    """The ``videos`` collection, as the workers that repair files see it. Methods are those of ``ClaimData``."""

    def __init__(self, database: Database[Document], paths: StoredPaths = AS_THEY_ARE) -> None:
        self._paths = paths
        self._videos = database[VideoData.COLLECTION]

    def claim(self, wanted: Document, worker: str, *, lease_seconds: float, max_attempts: int) -> VideoJob | None:
        """Claim the repair of the wanted job if it is due or its worker is gone; ``None`` when there is none."""
        claimable = {**REPAIR_WAITS, "repair.attempts": {"$lt": max_attempts}, "$expr": {"$and": [*REPAIR_IS_DUE]}}
        taken = {
            "worker": worker,
            "fence": {"$add": ["$fence", 1]},
            "repair.attempts": {"$add": ["$repair.attempts", 1]},
            **lease_for(lease_seconds),
            "declined_at": None,
        }
        return self._update({**wanted, **claimable}, taken)

    def renew(self, job_id: str, lease: Lease, *, lease_seconds: float) -> VideoJob | None:
        """Extend the lease; ``None`` when it is lost, also because the job was deleted or started again."""
        return self._update(self._held(job_id, lease), lease_for(lease_seconds))

    def complete(self, job_id: str, lease: Lease, finished: Finished, *, keep_seconds: float) -> VideoJob | None:
        """Replace the file of the job; the caller deletes the earlier one. ``None``: the lease was lost."""
        changes = finished_fields(finished, self._paths, keep_seconds)
        return self._end(job_id, lease, {**changes, "repair.state": RepairState.DONE.value})

    def fail(self, job_id: str, lease: Lease, failure: Failure, *, keep_seconds: float) -> VideoJob | None:
        """Record that the file stays as it is."""
        return self._end(job_id, lease, {"repair.state": RepairState.IMPOSSIBLE.value, "repair.code": failure.code})

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
        """Postpone the repair. Its attempts are counted only if their worker dies."""
        changes = {"repair.at": after_now(delay_seconds), "repair.attempts": 0, "rung_at": None}
        return self._end(job_id, lease, changes)

    def give_up(self, job_id: str, failure: Failure, *, max_attempts: int) -> VideoJob | None:
        """End a repair whose workers died ``max_attempts`` times."""
        spent = {**REPAIR_WAITS, "repair.attempts": {"$gte": max_attempts}, "$expr": lease_is_over()}
        ended = {"repair.state": RepairState.IMPOSSIBLE.value, "repair.code": failure.code, **NO_LEASE}
        return self._update({**by_id(job_id), **spent}, ended)

    def _end(self, job_id: str, lease: Lease, changes: Document) -> VideoJob | None:
        return self._update(self._held(job_id, lease), {**changes, **NO_LEASE})

    def _update(self, wanted: Document, changes: Document) -> VideoJob | None:
        with translated():
            document = self._videos.find_one_and_update(
                wanted, [{"$set": changes}], return_document=ReturnDocument.AFTER
            )
        return to_job(document, self._paths) if document else None

    @staticmethod
    def _held(job_id: str, lease: Lease) -> Document:
        return {**by_id(job_id), **REPAIR_WAITS, "worker": lease.worker, "fence": lease.fence}
