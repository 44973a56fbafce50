"""The life of a job as a state machine on the real MongoDB: no order of events makes two winners or a lost job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, data, sampled_from
from hypothesis.strategies._internal.core import DataObject
from pymongo.database import Database

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.models.video import Artifact, Failure, Finished, Lease, Status, VideoJob
from tests.tools.factories import make_clip

pytestmark = pytest.mark.slow

MOST_ATTEMPTS = 4
LEASE_SECONDS = 600.0
WORKERS = ("w1", "w1", "w2")  # one of them often comes back under its own name: only the fence tells
GONE = Failure("NETWORK_TIMEOUT", "gone")
LOST = Failure("JOB_LOST", "lost")


class JobLife(RuleBasedStateMachine):
    """One job, two workers that may come back with any right they ever had, and a caller who starts and cancels."""

    store: tuple[Database[dict[str, Any]]]  # as such it would answer Hypothesis's every question about attributes

    def __init__(self) -> None:
        super().__init__()
        (database,) = self.store
        self.jobs, self.claims = VideoData(database), ClaimData(database)
        self.videos = database[VideoData.COLLECTION]
        self.job = make_clip()
        self.rights: list[Lease] = []
        """All rights to the job that anybody ever had, the newest last."""
        self.valid: Lease | None = None
        """The right that counts, as this model has it."""
        self.expired = False
        self.asked_for = False
        self.attempts = 0
        self.ends = 0

    @initialize(asked=booleans(), begun=booleans(), died=booleans())
    def save(self, asked: bool, begun: bool, died: bool) -> None:
        self.jobs.insert(self.job)
        if asked:
            self.ask()
        if asked and begun:
            self.claim("w1")
        if asked and begun and died:
            self.expire()
            self.claim("w1")

    # What callers do.

    @rule()
    def ask(self) -> None:
        before = self._now()
        started = self.jobs.enqueue(self.job.id, {})
        free = before.ended or (before.status is Status.PENDING and before.queued_at is None)
        assert (started is not None) == free
        if started is not None:
            assert started.attempts == 0 and started.artifact is None and started.failure is None
            assert not started.cancel_requested
            self.asked_for, self.attempts, self.valid, self.ends = True, 0, None, 0

    @rule()
    def cancel(self) -> None:
        before = self._now()
        asked = self.jobs.cancel(self.job.id, keep_seconds=60)
        assert (asked is None) == before.ended
        if asked is not None and before.status is Status.PENDING:
            assert asked.status is Status.CANCELLED and asked.expires_at is not None
            self.ends += 1

    # What workers do.

    @rule(worker=sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        before = self._now()
        taken = self.claims.claim(self.job.id, worker, lease_seconds=LEASE_SECONDS, max_attempts=MOST_ATTEMPTS)
        waits = before.waiting and not self._delayed()
        orphaned = before.status is Status.PROCESSING and self.expired
        assert (taken is not None) == ((waits or orphaned) and self.attempts < MOST_ATTEMPTS)
        if taken is not None:
            assert taken.lease is not None
            assert all(taken.lease.fence > right.fence for right in self.rights), "a fence never comes again"
            self.rights.append(taken.lease)
            self.valid, self.expired = taken.lease, False
            self.attempts += 1

    @precondition(lambda self: self.rights)
    @rule(pick=data())
    def renew(self, pick: DataObject) -> None:
        right = pick.draw(sampled_from(self.rights))
        renewed = self.claims.renew(self.job.id, right, lease_seconds=LEASE_SECONDS)
        assert (renewed is not None) == (right is self.valid)
        if renewed is not None:
            self.expired = False

    @precondition(lambda self: self.rights)
    @rule(pick=data())
    def complete(self, pick: DataObject) -> None:
        right = pick.draw(sampled_from(self.rights))
        path = Path(f"/nowhere/{self.job.id}.{right.fence}.mp4")
        artifact = Artifact(path, 1, "video/mp4", "clip.mp4")
        unwanted = self.asked_for and self._now().cancel_requested
        done = self.claims.complete(self.job.id, right, Finished(artifact, {}), keep_seconds=60)
        if unwanted:
            assert done is None
            return
        self._ended(done, right)
        assert done is None or done.artifact == artifact

    @precondition(lambda self: self.rights)
    @rule(pick=data())
    def fail(self, pick: DataObject) -> None:
        right = pick.draw(sampled_from(self.rights))
        self._ended(self.claims.fail(self.job.id, right, GONE, keep_seconds=60), right)

    @precondition(lambda self: self.rights)
    @rule(pick=data(), counts=booleans(), delay=sampled_from([0, 300]))
    def hand_back(self, pick: DataObject, counts: bool, delay: int) -> None:
        right = pick.draw(sampled_from(self.rights))
        back = self.claims.hand_back(self.job.id, right, delay_seconds=delay, count_attempt=counts)
        assert (back is not None) == (right is self.valid)
        if back is not None:
            self.valid = None
            self.attempts -= not counts
            assert back.waiting and back.attempts == self.attempts

    # What time does.

    @precondition(lambda self: self.valid is not None)
    @rule()
    def expire(self) -> None:
        self.videos.update_one({}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=5)}})
        self.expired = True

    @rule()
    def wait(self) -> None:
        past = datetime.now(UTC) - timedelta(hours=1)
        self.videos.update_one({"not_before": {"$ne": None}}, {"$set": {"not_before": past, "rung_at": past}})

    @rule()
    def reconcile(self) -> None:
        given_up = self.claims.give_up(self.job.id, LOST, max_attempts=MOST_ATTEMPTS, keep_seconds=60)
        if given_up is not None:
            assert self.attempts == MOST_ATTEMPTS and (self.valid is None or self.expired)
            assert given_up.status is Status.FAILED and given_up.failure == LOST
            self.valid = None
            self.ends += 1

    # What always holds.

    @invariant()
    def it_is_there_and_ended_once(self) -> None:
        job = self._now() if self.asked_for else None
        assert self.ends <= 1
        if job is not None:
            assert job.ended == (self.ends == 1)
            assert (job.status is Status.PROCESSING) == (self.valid is not None)
            assert job.attempts == self.attempts
            assert (job.artifact is not None) == (job.status is Status.COMPLETED)

    @invariant()
    def it_is_never_lost(self) -> None:
        """An open job is held by somebody whose lease lasts, or waits for its hour, or the reconciler sees it."""
        if not self.asked_for or (job := self._now()).ended:
            return
        held = job.status is Status.PROCESSING and not self.expired
        seen = self.claims.unattended(notified_before_seconds=10)
        assert held or self._delayed() or [each.id for each in seen] == [job.id]

    def teardown(self) -> None:
        self.videos.delete_many({})

    def _now(self) -> VideoJob:
        found = self.jobs.find(self.job.id)
        assert found is not None
        return found

    def _delayed(self) -> bool:
        return bool(self.videos.count_documents({"not_before": {"$gt": datetime.now(UTC)}, "status": "pending"}))

    def _ended(self, done: VideoJob | None, right: Lease) -> None:
        assert (done is not None) == (right is self.valid), "only the newest right ends a job"
        if done is not None:
            self.valid = None
            self.ends += 1


def test_no_order_of_events_loses_a_job_or_makes_two_winners(mongo_database: Database[dict[str, Any]]) -> None:
    JobLife.store = (mongo_database,)
    few = settings(
        max_examples=50,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(JobLife, settings=few)
