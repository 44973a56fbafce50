"""Claims on the real MongoDB: one job, one worker, whatever races, dies or comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from src.data.claim_data import ClaimData
from src.data.lock_data import LockData
from src.data.video_data import VideoData
from src.models.video import Artifact, Failure, Finished, Status, VideoJob
from tests.tools.factories import make_clip
from tests.tools.stores import end_leases
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

LOST = Failure("JOB_LOST", "lost")


@pytest.fixture
def jobs(mongo_database: Database[dict[str, Any]]) -> VideoData:
    return VideoData(mongo_database)


@pytest.fixture
def claims(mongo_database: Database[dict[str, Any]]) -> ClaimData:
    return ClaimData(mongo_database)


def queued(jobs: VideoData, **changes: Any) -> VideoJob:
    job = make_clip(**changes)
    jobs.insert(job)
    started = jobs.enqueue(job.id, {})
    assert started is not None
    return started


def take(claims: ClaimData, job: VideoJob, worker: str = "w1", *, lease: float = 30, most: int = 5) -> VideoJob | None:
    return claims.claim(job.id, worker, lease_seconds=lease, max_attempts=most)


def artifact(tmp_path: Path) -> Artifact:
    return Artifact(tmp_path / "$file.mp4", 12, "video/mp4", "video.mp4")


def test_a_saved_job_is_not_claimed_before_somebody_asks_for_it(jobs: VideoData, claims: ClaimData) -> None:
    job = make_clip()
    jobs.insert(job)
    assert take(claims, job) is None


def test_forty_jobs_go_to_eight_threads_once_each(jobs: VideoData, claims: ClaimData) -> None:
    waiting = [queued(jobs) for _ in range(40)]

    def worker(name: str) -> list[str]:
        return [taken.id for job in waiting if (taken := take(claims, job, name))]

    with ThreadPoolExecutor(8) as pool:
        taken = [job_id for ids in pool.map(worker, map(str, range(8))) for job_id in ids]
    assert sorted(taken) == sorted(job.id for job in waiting)


def test_a_lease_that_ran_out_is_taken_over_and_the_first_worker_writes_nothing_more(
    jobs: VideoData, claims: ClaimData, tmp_path: Path
) -> None:
    job = queued(jobs)
    first = take(claims, job, "w1")
    assert first is not None and first.lease is not None
    assert take(claims, job, "w2") is None
    end_leases(jobs._videos.database)
    second = take(claims, job, "w2")
    assert second is not None and second.lease is not None
    assert second.lease.fence == first.lease.fence + 1
    assert claims.renew(job.id, first.lease, lease_seconds=30) is None
    assert claims.complete(job.id, first.lease, Finished(artifact(tmp_path), {}), keep_seconds=60) is None
    assert claims.fail(job.id, first.lease, LOST, keep_seconds=60) is None
    done = claims.complete(job.id, second.lease, Finished(artifact(tmp_path), {"$odd": "$name"}), keep_seconds=60)
    assert done is not None and done.status is Status.COMPLETED
    assert done.artifact == artifact(tmp_path)  # a name that looks like an expression is kept as it is
    assert done.report == {"$odd": "$name"}
    assert done.completed_at is not None and done.expires_at is not None
    assert (done.expires_at - done.completed_at).total_seconds() == 60
    assert done.lease is None


def test_the_same_worker_name_with_an_old_fence_is_fenced_off(jobs: VideoData, claims: ClaimData) -> None:
    job = queued(jobs)
    first = take(claims, job, "w1")
    end_leases(jobs._videos.database)
    second = take(claims, job, "w1")
    assert first and first.lease and second and second.lease
    assert claims.renew(job.id, first.lease, lease_seconds=30) is None
    assert claims.renew(job.id, second.lease, lease_seconds=30) is not None


def test_a_job_handed_back_waits_its_delay_and_counts_as_told(jobs: VideoData, claims: ClaimData) -> None:
    job = queued(jobs)
    first = take(claims, job)
    assert first and first.lease
    back = claims.hand_back(job.id, first.lease, delay_seconds=600, count_attempt=False)
    assert back is not None and back.status is Status.PENDING and back.attempts == 0
    assert take(claims, job) is None
    jobs._videos.update_one({}, {"$set": {"not_before": datetime.now(UTC) - timedelta(seconds=1)}})
    again = take(claims, job)
    assert again is not None and again.attempts == 1


def test_the_reconciler_sees_what_nobody_hears_and_what_nobody_holds(jobs: VideoData, claims: ClaimData) -> None:
    unheard, notified, orphaned, held = (queued(jobs) for _ in range(4))
    saved = make_clip()
    jobs.insert(saved)
    claims.note_notified(notified.id)
    take(claims, orphaned)
    end_leases(jobs._videos.database)
    take(claims, held)
    seen = {job.id for job in claims.unattended(notified_before_seconds=10)}
    assert seen == {unheard.id, orphaned.id}
    for job in (unheard, orphaned):
        claims.note_notified(job.id)

    def unheard_for_a_moment() -> set[str]:
        found = claims.unattended(notified_before_seconds=60, orphans_notified_before_seconds=0.05)
        return {job.id for job in found}

    assert eventually(unheard_for_a_moment) == {orphaned.id}, (
        "who waits in a long queue was heard, but whose worker is gone?"
    )
    claims.note_missed(unheard.id)
    assert unheard.id in {job.id for job in claims.unattended(notified_before_seconds=60)}
    assert notified.id in {job.id for job in claims.unattended(notified_before_seconds=0)}


def test_a_job_begun_too_often_is_given_up_once_its_worker_is_gone(jobs: VideoData, claims: ClaimData) -> None:
    job = queued(jobs)
    for _ in range(2):
        assert take(claims, job, most=2)
        assert claims.give_up(job.id, LOST, max_attempts=5, keep_seconds=60) is None
        end_leases(jobs._videos.database)
    assert take(claims, job, most=2) is None
    lost = claims.give_up(job.id, LOST, max_attempts=2, keep_seconds=60)
    assert lost is not None and lost.status is Status.FAILED and lost.failure == LOST


def test_a_failed_job_starts_anew_and_a_running_one_does_not(jobs: VideoData, claims: ClaimData) -> None:
    job = queued(jobs)
    first = take(claims, job)
    assert first and first.lease
    assert jobs.enqueue(job.id, {}) is None
    claims.fail(job.id, first.lease, LOST, keep_seconds=60)
    again = jobs.enqueue(job.id, {"resolution_preference": "720p"})
    assert again is not None and again.waiting and again.attempts == 0 and again.failure is None
    assert again.params.model_dump()["resolution_preference"] == "720p"
    second = take(claims, again)
    assert second and second.lease and second.lease.fence == first.lease.fence + 1


def test_fifty_starts_at_once_make_one_queued_job(jobs: VideoData, claims: ClaimData) -> None:
    job = make_clip()
    jobs.insert(job)
    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(lambda _: jobs.enqueue(job.id, {}), range(50)))
    assert sum(one is not None for one in started) == 1


def test_times_from_before_the_clock_was_put_back_hold_nobody_up(
    jobs: VideoData, claims: ClaimData, mongo_database: Database[dict[str, Any]]
) -> None:
    waiting, orphaned = queued(jobs), queued(jobs)
    assert take(claims, orphaned)
    ahead = datetime.now(UTC) + timedelta(hours=2)
    mongo_database["videos"].update_many({}, {"$set": {"not_before": ahead, "rung_at": ahead}})
    mongo_database["videos"].update_one({"worker": "w1"}, {"$set": {"lease_until": ahead}})
    seen = {job.id for job in claims.unattended(notified_before_seconds=10)}
    assert seen == {waiting.id, orphaned.id}
    assert take(claims, waiting, "w2") and take(claims, orphaned, "w2")


def test_a_host_with_shorter_leases_takes_nothing_from_one_with_longer_ones(
    jobs: VideoData, claims: ClaimData, mongo_database: Database[dict[str, Any]]
) -> None:
    job, locks = queued(jobs), LockData(mongo_database)
    assert take(claims, job, "w1", lease=7200)
    assert take(claims, job, "w2", lease=1) is None
    assert claims.unattended(notified_before_seconds=0) == []
    assert locks.take("chore", "host1", seconds=7200)
    assert not locks.take("chore", "host2", seconds=1)


def test_a_host_with_a_fast_clock_keeps_no_worker_from_a_job(jobs: VideoData, claims: ClaimData) -> None:
    """The time at which a job was asked for is the database's: nothing of the caller's clock gets into it."""
    job = queued(jobs)
    assert job.queued_at is not None
    taken = take(claims, job)
    assert taken is not None and taken.started_at is not None
    assert 0 <= (taken.started_at - job.queued_at).total_seconds() < 10
