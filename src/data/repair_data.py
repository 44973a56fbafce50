"""Stores repairs of finished files: claims and the writes that end an attempt, as for jobs.

While its file is repaired, a job stays ``completed``, so that the first file and its links are usable. A lease on the
completed record shows that a worker is busy. The fence is the one of the job: a job that is started again or deleted
takes the repair away from its worker.
"""

from __future__ import annotations

import math

from src.data.attempt_data import AttemptData, taken_by
from src.data.job_documents import Document, after_now, artifact_fields, by_id
from src.data.leases import NO_LEASE, lease_is_over, wait_is_over
from src.data.stored_paths import StoredPaths
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


class RepairData(AttemptData):
    """The ``videos`` collection, as the workers that repair files see it."""

    IN_PROGRESS = REPAIR_WAITS

    def claim(self, wanted: Document, worker: str, *, lease_seconds: float, max_attempts: int) -> VideoJob | None:
        """Claim the repair of the wanted job if it is due or its worker is gone; ``None`` when there is none."""
        claimable = {**REPAIR_WAITS, "repair.attempts": {"$lt": max_attempts}, "$expr": {"$and": [*REPAIR_IS_DUE]}}
        taken = {**taken_by(worker, lease_seconds), "repair.attempts": {"$add": ["$repair.attempts", 1]}}
        return self._update({**wanted, **claimable}, taken)

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
