"""The repair of a finished file: the first file stays usable, and exactly one file remains, whatever happens."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.bootstrap.running import Running
from src.data.expiry_data import ExpiryData
from src.errors import AppError, LiveEndedNotReady, NetworkTimeout, VideoPrivate
from src.models.params import LiveClipParams
from src.models.video import RepairPlan, RepairState, Status, VideoJob
from src.services.cache_service import CacheService
from src.services.cleanup_service import CleanupService
from src.services.file_store import FileStore
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.lease import ShutdownFlag
from src.services.jobs.process import Process
from src.services.jobs.runner import JobRunner
from tests.tools.factories import make_clip
from tests.tools.fakes import FakeClock, RecordingNotifier
from tests.tools.runners import job_stores, running_over

pytestmark = pytest.mark.slow


@dataclass
class Repairing(JobHandler[LiveClipParams]):
    """Completes every job with a file that lacks something. ``repair`` does what the test wants of the repair."""

    hours: float = 48
    repair: Callable[[JobContext], None] = lambda context: None
    claims: list[VideoJob] = field(default_factory=list)

    def run(self, params: LiveClipParams, context: JobContext) -> JobResult:
        self.claims.append(context.job)
        context.retained_dir.mkdir(exist_ok=True)
        path = context.work_dir / "clip.mp4"
        if context.job.repairing:
            path.write_bytes(b"the whole clip")
            self.repair(context)
            return JobResult(path, "video/mp4", "v.mp4", report={"complete": True}, facts={"title": "Whole"})
        path.write_bytes(b"a part")
        plan = RepairPlan(60, datetime.now(UTC) + timedelta(hours=self.hours))
        report = {"complete": False, "gaps": [{"start": 0, "end": 5}]}
        return JobResult(path, "video/mp4", "v.mp4", report=report, retains_source=True, repair=plan)


class Bench:
    """A runner, its stores, and a cleanup."""

    def __init__(self, database: Database[dict[str, Any]], redis_client: redis.Redis, folder: Path) -> None:
        self.database = database
        self.files = FileStore(folder / "downloads", folder / "uploads")
        self.stores = job_stores(database, CacheService(redis_client), self.files)
        self.jobs, self.claims = self.stores.jobs, self.stores.claims
        self.notifier, self.handler = RecordingNotifier(), Repairing()
        self.clock = FakeClock(datetime.now(UTC))
        self.cleanup = CleanupService(ExpiryData(database), self.files, self.clock, record_days=1, saved_days=30)

    def running(self, process: Process | None = None) -> Running:
        """What a new worker runs jobs with."""
        return running_over(self.database, self.stores, self.notifier, {"live_clip": self.handler}, process=process)

    def runner(self) -> JobRunner:
        return self.running().runner

    def with_a_gap(self) -> VideoJob:
        """A completed clip whose repair waits."""
        params = LiveClipParams(url="https://x", youtube_video_id="dQw4w9WgXcQ", event_at=datetime.now(UTC))
        job = make_clip(params=params)
        self.jobs.insert(job)
        assert self.jobs.enqueue(job.id, {})
        self.runner().run(job.id)
        return self.find(job)

    def due(self, job: VideoJob, hours: float = 6) -> None:
        """So much time passes for this job."""
        earlier = {"$subtract": ["$repair.at", round(hours * 3_600_000)]}
        until = {"$subtract": ["$repair.until", round(hours * 3_600_000)]}
        self.database["videos"].update_one({}, [{"$set": {"repair.at": earlier, "repair.until": until}}])
        assert self.find(job).repair is not None

    def find(self, job: VideoJob) -> VideoJob:
        found = self.jobs.find(job.id)
        assert found is not None
        return found

    def content(self, job: VideoJob) -> bytes:
        """What the file of the job holds; it must be the only one."""
        artifact = self.find(job).artifact
        assert artifact is not None and self.files.artifacts() == [artifact.path]
        return artifact.path.read_bytes()

    def reconciled(self) -> list[str]:
        self.notifier.notified.clear()
        self.running().reconciler.run(notified_before_seconds=0)
        return [job_id for job_id, _ in self.notifier.notified]


@pytest.fixture
def bench(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Bench:
    return Bench(mongo_database, redis_client, tmp_path)


def test_a_file_with_a_gap_is_replaced_when_its_repair_is_due(bench: Bench) -> None:
    job = bench.with_a_gap()
    assert job.status is Status.COMPLETED and job.outcome["complete"] is False
    assert job.repair is not None and job.repair.state is RepairState.WAITING
    assert job.repair.until > datetime.now(UTC) + timedelta(hours=47)
    assert bench.reconciled() == [], "not yet"
    bench.runner().run(job.id)
    assert len(bench.handler.claims) == 1, "a notification that comes too early changes nothing"
    bench.due(job)
    assert bench.reconciled() == [job.id]
    bench.runner().run(job.id)
    done = bench.find(job)
    assert done.status is Status.COMPLETED and done.outcome["complete"] is True and done.outcome["gaps"] == []
    assert done.repair is not None and done.repair.state is RepairState.DONE and done.lease is None
    assert done.facts["title"] == "Whole" and bench.content(job) == b"the whole clip"
    assert done.expires_at is not None and job.expires_at is not None and done.expires_at > job.expires_at
    assert done.completed_at is not None and job.completed_at is not None and done.completed_at > job.completed_at
    assert not bench.files.retained_folder(job.id).exists(), "what only the repair needed is deleted"
    assert bench.reconciled() == []


def test_the_first_file_stays_usable_during_the_repair(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.due(job)
    seen: list[VideoJob] = []
    bench.handler.repair = lambda context: seen.append(bench.find(job))
    bench.runner().run(job.id)
    (during,) = seen
    assert during.status is Status.COMPLETED and during.artifact == job.artifact


@pytest.mark.parametrize("error", [VideoPrivate(), LiveEndedNotReady()], ids=lambda error: error.code)
def test_a_repair_that_fails_leaves_the_first_file(bench: Bench, error: AppError) -> None:
    job = bench.with_a_gap()
    bench.due(job)

    def fail(context: JobContext) -> None:
        raise error

    bench.handler.repair = fail
    bench.runner().run(job.id)
    left = bench.find(job)
    assert left.repair is not None and left.repair.state is RepairState.IMPOSSIBLE
    assert left.status is Status.COMPLETED and bench.content(job) == b"a part"
    assert left.expires_at == job.expires_at
    assert bench.files.retained_folder(job.id).exists(), "it stays with the first file, to move its times"
    bench.due(job)
    assert bench.reconciled() == []


def test_an_error_that_may_pass_is_tried_again_until_the_time_is_over(bench: Bench) -> None:
    job = bench.with_a_gap()

    def fail(context: JobContext) -> None:
        raise NetworkTimeout()

    bench.handler.repair = fail
    for _ in range(5):
        bench.due(job)
        bench.runner().run(job.id)
        repair = bench.find(job).repair
        assert repair is not None and repair.waiting
    bench.due(job, hours=48)
    bench.runner().run(job.id)
    repair = bench.find(job).repair
    assert repair is not None and repair.state is RepairState.IMPOSSIBLE


def test_a_recording_that_does_not_exist_yet_is_looked_for_again(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.due(job)

    def wait(context: JobContext) -> None:
        raise Postponed(900, "no recording yet")

    bench.handler.repair = wait
    bench.runner().run(job.id)
    repair = bench.find(job).repair
    assert repair is not None and repair.waiting
    assert bench.reconciled() == [] and bench.content(job) == b"a part"
    bench.handler.repair = lambda context: None
    bench.due(job)
    bench.runner().run(job.id)
    assert bench.content(job) == b"the whole clip"


def test_a_worker_that_died_is_replaced_and_none_too_often(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.due(job)
    dead = bench.claims.claim(job.id, "dead", lease_seconds=30, max_attempts=3)
    assert dead is not None and dead.lease is not None and dead.repairing
    made = bench.files.work_folder(job.id, dead.lease.fence) / "clip.mp4"
    made.write_bytes(b"it died before it wrote this to the record")
    stray = bench.files.store_artifact(made, job.id, dead.lease.fence)
    bench.cleanup.run()
    assert stray.exists(), "a running repair may be about to name it"
    assert bench.claims.claim(job.id, "other", lease_seconds=30, max_attempts=3) is None
    bench.database["videos"].update_one({}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=1)}})
    assert bench.reconciled() == [job.id]
    bench.runner().run(job.id)
    assert bench.handler.claims[-1].lease is not None and bench.handler.claims[-1].lease.fence == dead.lease.fence + 1
    bench.cleanup.run()
    assert bench.content(job) == b"the whole clip"


def test_a_repair_whose_workers_always_die_is_given_up(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.due(job)
    for _ in range(3):
        assert bench.claims.claim(job.id, "dead", lease_seconds=30, max_attempts=3)
        bench.database["videos"].update_one({}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=1)}})
    assert bench.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3) is None
    assert bench.reconciled() == []
    repair = bench.find(job).repair
    assert repair is not None and repair.state is RepairState.IMPOSSIBLE and bench.content(job) == b"a part"


def test_a_worker_that_dies_after_the_record_leaves_the_old_file_to_the_sweeper(bench: Bench) -> None:
    job = bench.with_a_gap()
    assert job.artifact is not None
    bench.due(job)
    bench.runner().run(job.id)
    job.artifact.path.write_bytes(b"a part")  # as if the worker had died before it deleted this
    bench.cleanup.run()
    assert bench.content(job) == b"the whole clip"


@pytest.mark.parametrize("what", ["deleted", "started again"])
def test_an_owner_who_was_faster_has_the_last_word(bench: Bench, what: str) -> None:
    job = bench.with_a_gap()
    bench.due(job)

    def interfere(context: JobContext) -> None:
        if what == "deleted":
            assert bench.jobs.delete(job.id)
        else:
            assert bench.jobs.enqueue(job.id, {"clip_offset": 70})
        assert job.artifact is not None
        bench.files.delete(job.artifact.path)

    bench.handler.repair = interfere
    bench.runner().run(job.id)
    assert bench.files.artifacts() == []
    if what == "started again":
        found = bench.find(job)
        assert found.waiting and found.repair is None and found.lease is None
        bench.runner().run(job.id)
        assert bench.content(job) == b"a part"


def test_the_record_and_what_was_captured_outlive_the_first_file(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.clock.move(86_400 * 2)
    bench.cleanup.run()
    assert bench.files.artifacts() == [] and bench.find(job).artifact is None
    assert bench.files.retained_folder(job.id).exists()
    bench.due(job, hours=40)
    bench.runner().run(job.id)
    assert bench.content(job) == b"the whole clip", "six hours later the recording is there"


def test_what_was_captured_goes_first_when_the_disk_fills(bench: Bench) -> None:
    job = bench.with_a_gap()
    free = shutil.disk_usage(bench.files.downloads).free
    bench.files.min_free_bytes = int(free * 0.7)
    bench.cleanup.run()
    assert bench.files.retained_folder(job.id).exists(), "it stays with the first file"
    bench.clock.move(86_400)
    bench.cleanup.run()
    assert not bench.files.retained_folder(job.id).exists()
    bench.due(job, hours=40)
    bench.runner().run(job.id)
    assert bench.content(job) == b"the whole clip"


def test_a_worker_that_shuts_down_hands_the_repair_back(bench: Bench) -> None:
    job = bench.with_a_gap()
    bench.due(job)
    shutdown = ShutdownFlag()

    def shut_down(context: JobContext) -> None:
        shutdown.set()
        waited = threading.Event()
        while not waited.wait(0.05):
            context.monitor.check()

    bench.handler.repair = shut_down
    bench.running(Process("w", shutdown)).runner.run(job.id)
    bench.handler.repair = lambda context: None
    assert bench.reconciled() == [job.id], "at once"
    bench.runner().run(job.id)
    assert bench.content(job) == b"the whole clip"
