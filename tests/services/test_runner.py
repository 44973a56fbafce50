"""How a job ends: well, badly, cancelled, handed back, taken over; always once, never with a stray file."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.bootstrap.kinds import KINDS
from src.bootstrap.running import Running
from src.data.archive_data import ArchiveData
from src.data.claim_data import ClaimData
from src.data.space_data import SpaceData
from src.data.video_data import VideoData
from src.errors import (
    AppError,
    EngineInterrupted,
    JobStalled,
    LiveNotStarted,
    NetworkTimeout,
    ProxyError,
    StoreUnavailable,
    VideoPrivate,
)
from src.models.progress import Phase, Progress
from src.models.video import Owner, OwnerKind, Status, VideoJob
from src.services.cache_service import CacheService
from src.services.file_store import FileStore
from src.services.jobs.counters import JobCounters, JobCounts
from src.services.jobs.handler import JobHandler, JobResult, Postponed
from src.services.jobs.jobs import JobService
from src.services.jobs.lease import LeaseLost, LeaseRenewer, ShutdownFlag
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.process import Process
from src.services.jobs.runner import JobRunner
from src.services.jobs.stores import JobStores
from src.services.progress_cache import ProgressCache
from src.utils.clock import SystemClock
from tests.tools.factories import make_clip, make_encode
from tests.tools.fakes import FakeEngine, RecordingNotifier, fake_handlers
from tests.tools.runners import attempt_limits, job_stores, running_over
from tests.tools.stores import end_leases
from tests.tools.waiting import HANG_SECONDS, eventually

pytestmark = pytest.mark.slow


@dataclass
class Bench:
    """A runner with all that it needs, and a look at what it leaves."""

    database: Database[dict[str, Any]]
    stores: JobStores
    notifier: RecordingNotifier
    engine: FakeEngine

    @property
    def jobs(self) -> VideoData:
        return self.stores.jobs

    @property
    def claims(self) -> ClaimData:
        return self.stores.claims

    @property
    def files(self) -> FileStore:
        return self.stores.files

    @property
    def progress(self) -> ProgressCache:
        return self.stores.progress

    @property
    def counters(self) -> JobCounters:
        return self.stores.counters

    def replace(self, **stores: Any) -> None:
        """Use these stores from now on."""
        self.stores = replace(self.stores, **stores)

    def running(
        self,
        handler: JobHandler[Any] | None = None,
        *,
        shutdown: ShutdownFlag | None = None,
        end: Callable[[], None] | None = None,
        **limits: float,
    ) -> Running:
        """What a new worker runs jobs with; ``handler`` is that of clips."""
        handlers = fake_handlers(self.engine) | ({} if handler is None else {"clip": handler})
        process = Process(f"w{time.monotonic_ns()}", shutdown or ShutdownFlag(), end)
        return running_over(
            self.database, self.stores, self.notifier, handlers, limits=attempt_limits(**limits), process=process
        )

    def runner(self, handler: JobHandler[Any] | None = None, **more: Any) -> JobRunner:
        return self.running(handler, **more).runner

    def queued(self, job: VideoJob | None = None) -> VideoJob:
        job = job or make_clip()
        self.jobs.insert(job)
        started = self.jobs.enqueue(job.id, {})
        assert started is not None
        return started

    def find(self, job: VideoJob) -> VideoJob:
        found = self.jobs.find(job.id)
        assert found is not None
        return found

    def end_leases(self) -> None:
        end_leases(self.database)

    def files_left(self) -> list[Path]:
        return sorted(path for path in self.files.downloads.rglob("*") if path.is_file())


@pytest.fixture
def bench(mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(
        mongo_database,
        job_stores(mongo_database, CacheService(redis_client), FileStore(tmp_path / "downloads", tmp_path / "uploads")),
        RecordingNotifier(),
        FakeEngine(),
    )
    yield made
    made.engine.hurry.set()  # also when the test has failed


def test_a_job_ends_completed_with_its_file_report_and_facts(bench: Bench) -> None:
    job = bench.queued()
    bench.runner().run(job.id)
    done = bench.find(job)
    assert done.status is Status.COMPLETED and done.artifact is not None
    assert done.artifact.path.read_bytes() == b"a small file"
    assert done.artifact.download_name == f"video_{job.id}.mp4"
    assert done.report["actual"] == {"resolution": "720p"}
    assert done.facts["title"] == "A film"
    assert bench.files_left() == [done.artifact.path]


def test_a_message_that_comes_twice_runs_once(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    threads = [threading.Thread(target=bench.runner().run, args=(job.id,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: sum(thread.is_alive() for thread in threads) == 1)
    bench.engine.hurry.set()
    for thread in threads:
        thread.join()
    bench.runner().run(job.id)
    assert len(bench.engine.calls) == 1
    assert bench.find(job).status is Status.COMPLETED


@pytest.mark.parametrize("error", [VideoPrivate(), LiveNotStarted("It starts at noon.")], ids=lambda each: each.code)
def test_a_cause_that_does_not_pass_soon_fails_at_once(bench: Bench, error: AppError) -> None:
    job = bench.queued()
    bench.engine.errors = [error]
    bench.runner().run(job.id)
    failed = bench.find(job)
    assert failed.status is Status.FAILED and failed.failure is not None
    assert (failed.failure.code, failed.failure.message) == (error.code, error.message)
    assert bench.files_left() == []


@pytest.mark.parametrize("error", [NetworkTimeout, ProxyError, EngineInterrupted])
def test_a_cause_that_may_pass_is_tried_again_later_and_not_for_ever(bench: Bench, error: type[AppError]) -> None:
    job = bench.queued()
    bench.engine.errors = [error(), error()]
    bench.runner().run(job.id)
    assert bench.find(job).waiting
    eventually(lambda: bench.claims.unattended(notified_before_seconds=0))
    bench.runner().run(job.id)
    failed = bench.find(job)
    assert failed.status is Status.FAILED and failed.failure and failed.failure.code == error.code
    assert failed.attempts == 2


def test_how_jobs_end_is_counted_by_kind_and_code(bench: Bench) -> None:
    bad = bench.queued()
    bench.engine.errors = [NetworkTimeout(), VideoPrivate()]
    bench.runner().run(bad.id)
    eventually(lambda: bench.claims.unattended(notified_before_seconds=0))
    bench.runner().run(bad.id)
    bench.runner().run(bench.queued().id)
    counts = bench.counters.read()
    assert counts.ended == {("clip", "completed"): 1, ("clip", "failed"): 1}
    assert counts.failures == {("clip", "VIDEO_PRIVATE"): 1}
    assert counts.retries == {("clip", "NETWORK_TIMEOUT"): 1}
    took = counts.durations["clip"]
    assert took.count == 2 and took.buckets[float("inf")] == 2 and 0 < took.seconds < 60
    assert list(took.buckets.values()) == sorted(took.buckets.values()), "buckets are cumulative"


def test_without_redis_jobs_end_all_the_same_and_nothing_is_counted(bench: Bench) -> None:
    away = CacheService(redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2))
    bench.replace(counters=JobCounters(away), progress=ProgressCache(away))
    job = bench.queued()
    bench.runner().run(job.id)
    assert bench.find(job).status is Status.COMPLETED
    assert bench.counters.read() == JobCounts()


def test_attempts_that_died_with_their_worker_take_no_try_from_a_cause_that_may_pass(bench: Bench) -> None:
    job = bench.queued()
    for _ in range(2):
        assert bench.claims.claim(job.id, "dead", lease_seconds=30, max_attempts=4)
        bench.end_leases()
    bench.engine.errors = [NetworkTimeout()]
    bench.runner(max_attempts=4).run(job.id)
    waiting = bench.find(job)
    assert waiting.waiting and waiting.attempts == 3 and waiting.retries == 1


def test_an_unexpected_error_becomes_an_internal_one_without_its_text(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.errors = [RuntimeError("mongodb://user:secret@host")]
    bench.runner().run(job.id)
    failure = bench.find(job).failure
    assert failure is not None and failure.code == "INTERNAL_ERROR" and "secret" not in failure.message


def test_a_disk_that_cannot_be_read_when_an_attempt_starts_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(job_id: str) -> int:
        raise OSError(errno.EIO, "Input/output error", job_id)

    job = bench.queued()
    monkeypatch.setattr(bench.files, "retained_bytes", broken)
    bench.runner().run(job.id)
    failed = bench.find(job)
    assert (failed.status, failed.lease) == (Status.FAILED, None) and failed.failure is not None
    assert failed.failure.code == "DISK_UNWRITABLE"


def test_what_earlier_attempts_left_counts_at_any_depth(bench: Bench) -> None:
    folder = bench.files.retained_folder("a" * 24) / "video"
    folder.mkdir(parents=True)
    (folder / "0-1").write_bytes(bytes(700))
    (folder.parent / "capture.json").write_bytes(bytes(50))
    assert bench.files.retained_bytes("a" * 24) == 750
    assert bench.files.retained_bytes("b" * 24) == 0


def test_reservations_end_without_reading_the_disk(
    mongo_database: Database[dict[str, Any]], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = ArchiveData(mongo_database)
    space = OwnerSpace(SpaceData(mongo_database), bench.jobs, archive, bench.files, SystemClock(), anonymous_percent=50)
    visitor = Owner(OwnerKind.ADDRESS, "192.0.2.7")
    space.hold(visitor, "a", 1000)

    def broken(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(shutil, "disk_usage", broken)
    assert space.is_limited(visitor)
    space.release(visitor, "a")
    assert SpaceData(mongo_database).read("anonymous", SystemClock().now()).holds == {}


def test_a_cancelled_job_stops_in_the_middle_and_leaves_nothing(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    thread = threading.Thread(target=bench.runner().run, args=(job.id,))
    thread.start()
    eventually(lambda: bench.progress.get_progress(job.id))
    bench.jobs.cancel(job.id, keep_seconds=1800)
    bench.progress.ask_cancel(job.id)
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()
    assert bench.find(job).status is Status.CANCELLED
    assert bench.files_left() == []


def test_a_worker_that_ends_hands_its_job_back_uncounted(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    shutdown = ShutdownFlag()
    running = bench.running(shutdown=shutdown)
    thread = threading.Thread(target=running.runner.run, args=(job.id,))
    thread.start()
    eventually(lambda: bench.find(job).status is Status.PROCESSING)
    shutdown.set()
    thread.join(timeout=60)
    assert not thread.is_alive()
    back = bench.find(job)
    assert back.waiting and back.attempts == 0
    running.dispatcher.notify(bench.find(job))
    running.runner.run(job.id)
    assert bench.find(job).waiting, "an ending worker takes nothing new"
    assert bench.claims.unattended(notified_before_seconds=60), "and has workers notified again"


def test_a_worker_that_lost_its_lease_stops_and_its_file_never_appears(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    runner = bench.runner(lease_seconds=3)
    thread = threading.Thread(target=runner.run, args=(job.id,))
    thread.start()
    eventually(lambda: bench.find(job).status is Status.PROCESSING)
    # Another worker took the job: the fence is one higher.
    bench.jobs._videos.update_one({"fence": 1}, {"$inc": {"fence": 1}})
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert bench.find(job).status is Status.PROCESSING
    assert bench.files_left() == []


def test_a_job_that_takes_too_long_is_stopped(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    bench.runner(hard_limit_seconds=0.6).run(job.id)
    failure = bench.find(job).failure
    assert failure is not None and failure.code == "JOB_TIMEOUT"


def test_a_job_whose_progress_stands_still_is_stopped_and_tried_again_and_not_for_ever(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True  # it reports the same reading all the time
    bench.runner(stall_seconds=0.6).run(job.id)
    again = bench.find(job)
    assert again.waiting and again.attempts == 1
    eventually(lambda: bench.claims.unattended(notified_before_seconds=0))
    bench.runner(stall_seconds=0.6).run(job.id)
    failure = bench.find(job).failure
    assert failure is not None and failure.code == "JOB_STALLED"
    assert bench.files_left() == []


def renewer_of(bench: Bench, **limits: Any) -> LeaseRenewer:
    return LeaseRenewer(
        "job",
        lambda: None,
        bench.progress,
        lease_seconds=30,
        hard_limit_seconds=60,
        shutdown=ShutdownFlag(),
        claimed_at=time.monotonic(),
        **limits,
    )


@pytest.mark.parametrize(
    ("reading", "moves"),
    [
        (lambda n: Progress(Phase.DOWNLOADING, bytes_done=n * 100_000), True),
        (lambda n: Progress(Phase.DOWNLOADING, bytes_done=n), False),  # a source that drips
        (lambda n: Progress(Phase.DOWNLOADING, download_percent=n), True),
        (lambda n: Progress(Phase.DOWNLOADING, written=n / 100), True),
        (lambda n: Progress(Phase.DOWNLOADING, segments_done=n), True),
        (lambda n: Progress(Phase.DOWNLOADING, speed=f"{n}MB/s", eta_seconds=n), False),
        (lambda n: Progress(Phase.VERIFYING), True),  # has limits of its own
    ],
)
def test_what_counts_as_progress(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, reading: Callable[[int], Progress], moves: bool
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(bench.progress, "cancel_asked", lambda _: looked.set())
    renewer = renewer_of(bench, stall_seconds=300)
    renewer.report(reading(1))
    renewer._moved -= 301
    renewer.report(reading(2))
    with renewer:  # whose thread finds that the work stalls, or else goes on to look at the flag
        eventually(lambda: looked.is_set() or renewer._stop_because)
    assert looked.is_set() is moves and isinstance(renewer._stop_because, JobStalled) is not moves


def test_work_that_does_not_stop_when_told_is_ended_with_its_process(bench: Bench) -> None:
    job, ended, release = bench.queued(), threading.Event(), threading.Event()

    class Hanging(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            context.monitor._stall_seconds, context.monitor._obey_seconds = 0.2, 0.2
            release.wait(30)  # a call that never looks at its monitor
            raise LeaseLost()

        def ended(self, job_id: str) -> None:
            bench.engine.forget(job_id)

    thread = threading.Thread(target=bench.runner(Hanging(), end=ended.set).run, args=(job.id,))
    thread.start()
    assert ended.wait(60), "the process was not ended"
    handed_back = bench.find(job)
    assert handed_back.waiting and handed_back.attempts == 1, "it is tried again, and counted"
    assert bench.files_left() == []
    release.set()
    thread.join()


def test_a_job_that_ends_with_its_process_is_counted_and_cleared_up_like_any_other(bench: Bench) -> None:
    job, ended = bench.queued(), threading.Event()

    class Hanging(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            context.retained_dir.mkdir()
            context.monitor._ends, context.monitor._obey_seconds = 0, 0.2
            ended.wait(30)
            raise LeaseLost()

        def ended(self, job_id: str) -> None:
            bench.engine.forget(job_id)

    bench.runner(Hanging(), end=ended.set).run(job.id)
    assert bench.find(job).status is Status.FAILED
    assert bench.counters.read().failures == {("clip", "JOB_TIMEOUT"): 1}
    assert bench.engine.forgotten == [job.id] and not bench.files.retained_folder(job.id).exists()


def test_progress_arrives_while_it_happens(bench: Bench) -> None:
    job = bench.queued()
    bench.engine.busy = True
    seen: list[dict[str, Any]] = []

    def watch() -> None:
        for reading in bench.progress.watch(job.id, HANG_SECONDS):
            if reading:
                seen.append(reading)
                bench.engine.hurry.set()
                if reading.get("event") == "ended":
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    bench.runner().run(job.id)
    watcher.join()
    assert seen[0]["current_phase"] == "downloading" and seen[0]["download_progress"] == 45.2
    assert seen[0]["eta"] == "03:24" and seen[0]["speed"] == "2.3x"
    assert seen[-1] == {"event": "ended"}


def test_the_reconciler_notifies_of_missed_jobs_and_gives_up_the_spent(bench: Bench) -> None:
    missed, spent = bench.queued(), bench.queued(make_encode())
    for _ in range(3):
        assert bench.claims.claim(spent.id, "dead", lease_seconds=30, max_attempts=3)
        bench.end_leases()
    reconciler = bench.running().reconciler
    reconciler.run(notified_before_seconds=10)
    assert bench.notifier.notified == [(missed.id, "downloads")]
    failure = bench.find(spent).failure
    assert failure is not None and failure.code == "JOB_LOST"
    reconciler.run(notified_before_seconds=10)
    assert len(bench.notifier.notified) == 1, "workers were notified a moment ago"
    assert bench.engine.forgotten == [spent.id], "its helpers stop"
    assert bench.counters.read().failures == {("encode", "JOB_LOST"): 1}


def test_while_the_broker_is_away_one_vain_call_a_look_is_enough_and_nobody_counts_as_rung_for(bench: Bench) -> None:
    waiting = [bench.queued() for _ in range(3)]
    vain: list[str] = []

    class Away(RecordingNotifier):
        def notify(self, job_id: str, queue: str) -> None:
            vain.append(job_id)
            raise ConnectionError("the broker is away")

    notifier, bench.notifier = bench.notifier, Away()
    assert bench.running().reconciler.run(notified_before_seconds=60) == 0 and len(vain) == 1
    bench.notifier = notifier
    assert bench.running().reconciler.run(notified_before_seconds=60) == 3
    assert {job_id for job_id, _ in notifier.notified} == {job.id for job in waiting}


def test_a_job_that_is_cancelled_while_it_waits_takes_its_chunks_and_its_kept_files_along(bench: Bench) -> None:
    job = bench.queued(make_encode())
    bench.files.retained_folder(job.id).mkdir(parents=True)
    running = bench.running()
    service = JobService(
        bench.stores, running.dispatcher, running.finisher, SystemClock(), KINDS, max_open=5, keep_seconds=60
    )
    assert service.cancel(job).status is Status.CANCELLED
    assert bench.engine.forgotten == [job.id] and not bench.files.retained_folder(job.id).exists()
    assert bench.counters.read().ended == {("encode", "cancelled"): 1}


# --- waiting outside --------------------------------------------------------------------------------------------


def test_a_job_that_comes_back_later_costs_no_attempt_and_finds_what_it_kept(bench: Bench) -> None:
    job, seen = bench.queued(), []

    class Patient(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            context.retained_dir.mkdir(exist_ok=True)
            seen.append(sorted(path.name for path in context.retained_dir.iterdir()))
            (context.retained_dir / f"piece{len(seen)}").write_bytes(b"x")
            if len(seen) <= 4:  # more often than a job may fail
                raise Postponed(0, "the moment is still on air")
            path = context.work_dir / "clip.mp4"
            path.write_bytes(b"a file")
            return JobResult(path, "video/mp4", "clip.mp4", retains_source=True)

    runner = bench.runner(Patient())
    for _ in range(4):
        runner.run(job.id)
        waiting = bench.find(job)
        assert waiting.status is Status.PENDING and waiting.attempts == 0 and waiting.failure is None
    runner.run(job.id)
    assert bench.find(job).status is Status.COMPLETED
    assert seen[-1] == ["piece1", "piece2", "piece3", "piece4"]
    assert bench.files.retained_folder(job.id).is_dir(), "it stays with the file"


def test_nobody_waits_longer_than_the_clock_s_guard_allows(
    bench: Bench, mongo_database: Database[dict[str, Any]]
) -> None:
    class Unsure(ClaimData):
        def is_at_work(self, job_id: str) -> bool:
            raise StoreUnavailable()

    class Patient(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            raise Postponed(10 * 3600, "the same is being made", follows=bench.queued().id)

    job, told = bench.queued(), []
    bench.replace(claims=Unsure(mongo_database))
    running = bench.running(Patient())
    running.finisher.finish = lambda ended, *_, **__: told.append(ended.id)  # type: ignore[method-assign]
    running.runner.run(job.id)
    assert bench.find(job).waiting and told == [job.id], "it was handed back, whatever became of the other"
    assert bench.claims.claim(job.id, "w", lease_seconds=30, max_attempts=3) is None, (
        "it waits, and is not begun at once"
    )


# --- between two attempts ---------------------------------------------------------------------------------------


def test_a_wish_to_stop_that_its_worker_did_not_live_to_obey_is_obeyed_by_the_next(bench: Bench) -> None:
    job = bench.queued()
    assert bench.claims.claim(job.id, "dead", lease_seconds=30, max_attempts=3)
    bench.jobs.cancel(job.id, keep_seconds=1800)
    bench.end_leases()
    bench.runner().run(job.id)
    assert bench.find(job).status is Status.CANCELLED
    assert bench.engine.calls == [] and bench.files_left() == []


def test_a_job_that_is_handed_back_with_a_wish_to_stop_is_cancelled(bench: Bench) -> None:
    job = bench.queued()

    class Late(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            bench.jobs.cancel(job.id, keep_seconds=1800)
            raise Postponed(900, "the recording is not there yet")

    bench.runner(Late()).run(job.id)
    assert bench.find(job).status is Status.CANCELLED


def test_a_wish_to_stop_in_the_last_moment_leaves_no_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was told that his job is being stopped does not find it completed."""
    job, complete = bench.queued(), ClaimData.complete

    def cancelled_before(claims: ClaimData, job_id: str, *rest: Any, **more: Any) -> VideoJob | None:
        assert bench.jobs.cancel(job_id, keep_seconds=1800) is not None
        return complete(claims, job_id, *rest, **more)

    monkeypatch.setattr(ClaimData, "complete", cancelled_before)
    bench.runner().run(job.id)
    ended = bench.find(job)
    assert ended.status is Status.CANCELLED and ended.artifact is None
    assert bench.files_left() == []


def test_a_flag_of_an_earlier_run_stops_nobody(bench: Bench, mongo_database: Database[dict[str, Any]]) -> None:
    class Renewing(ClaimData):
        """The flag is only a reason to look at the record: the work goes on until that was done twice."""

        looks = 0

        def renew(self, *args: Any, **named: Any) -> VideoJob | None:
            self.looks += 1
            if self.looks == 2:
                bench.engine.hurry.set()
            return super().renew(*args, **named)

    job = bench.queued()
    bench.progress.ask_cancel(job.id)  # and the record was asked for anew while Redis was away
    bench.engine.busy = True
    bench.replace(claims=Renewing(mongo_database))
    bench.runner().run(job.id)
    assert bench.find(job).status is Status.COMPLETED


def test_a_commit_that_comes_too_late_is_refused_and_its_file_goes(bench: Bench) -> None:
    """The worker stood still between its last look at the lease and its commit, and another had taken the job over."""
    job = bench.queued()

    class Sleeper(JobHandler[Any]):
        def run(self, params: Any, context: Any) -> JobResult:
            path = context.work_dir / "clip.mp4"
            path.write_bytes(b"late")
            bench.jobs._videos.update_one({"fence": 1}, {"$inc": {"fence": 1}})
            return JobResult(path, "video/mp4", "clip.mp4")

    bench.runner(Sleeper()).run(job.id)
    found = bench.find(job)
    assert found.status is Status.PROCESSING and found.artifact is None
    assert bench.files_left() == []


@pytest.mark.parametrize("arrived", [False, True], ids=["before it arrived", "after it arrived"])
def test_a_database_that_is_away_for_a_moment_costs_no_finished_work(
    bench: Bench, mongo_database: Database[dict[str, Any]], arrived: bool
) -> None:
    class Stumbling(ClaimData):
        times = 0

        def complete(self, *args: Any, **named: Any) -> VideoJob | None:
            self.times += 1
            if self.times == 1:
                if arrived:
                    super().complete(*args, **named)
                raise StoreUnavailable()
            return super().complete(*args, **named)

    job = bench.queued()
    bench.replace(claims=Stumbling(mongo_database))
    bench.runner().run(job.id)
    done = bench.find(job)
    assert done.status is Status.COMPLETED and done.artifact is not None and done.attempts == 1
    assert bench.files_left() == [done.artifact.path]
