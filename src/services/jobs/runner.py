"""Runs one job from claim to end, and decides how an attempt ends."""

from __future__ import annotations

import functools
import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from src.data.claim_data import ClaimData
from src.data.leases import LONGEST_WAIT_SECONDS
from src.data.video_data import VideoData
from src.errors import AppError, Cancelled, InternalError, JobLost, StoreUnavailable, disk_fault
from src.models.job_kinds import KindTable
from src.models.video import Failure, Lease, VideoJob, WaitsFor
from src.services.file_store import FileStore
from src.services.jobs.admission import Admission
from src.services.jobs.completion import Completion
from src.services.jobs.counters import JobCounters
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.lease import HandedBack, LeaseLost, LeaseRenewer, ShutdownFlag
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.repairs import Repairs
from src.services.jobs.reuse import ResultReuse
from src.services.jobs.space_watch import SpaceWatch
from src.services.progress_cache import ProgressCache

log = logging.getLogger(__name__)

Handlers = Mapping[str, JobHandler[Any]]

# Here remote servers set the pace. Encodes read local files, and FFmpeg's own limits end one that hangs.
_WATCHED_QUEUES = ("downloads",)


class JobRunner:
    """Claims, runs and ends jobs, and notifies workers again of jobs that no worker has claimed."""

    def __init__(
        self,
        *,
        jobs: VideoData,
        claims: ClaimData,
        files: FileStore,
        space: OwnerSpace | None = None,
        progress: ProgressCache,
        counters: JobCounters,
        notifier: WorkerNotifier,
        handlers: Handlers,
        kinds: KindTable,
        worker: str,
        lease_seconds: float,
        hard_limit_seconds: float,
        max_attempts: int,
        retry_limit: int,
        retry_base_seconds: float,
        keep_seconds: float,
        stall_seconds: float,
        admission: Admission | None = None,
        shutdown: ShutdownFlag | None = None,
        end_process: Callable[[], None] | None = None,
    ) -> None:
        """Create a runner.

        ``admission`` decides whose turn it is; without it every claim is allowed. ``end_process`` ends the process at
        once, as the last resort against work that hangs.
        """
        self._admission = admission
        self._jobs, self._claims, self._files, self._progress = jobs, claims, files, progress
        self._counters, self._space = counters, space
        self._notifier, self._handlers, self._kinds, self._worker = notifier, handlers, kinds, worker
        self._lease_seconds, self._hard_limit_seconds = lease_seconds, hard_limit_seconds
        self._max_attempts, self._retry_limit, self._retry_base = max_attempts, retry_limit, retry_base_seconds
        self._keep_seconds, self._stall_seconds = keep_seconds, stall_seconds
        self._reuse = ResultReuse(jobs, claims, kinds, wait_seconds=lease_seconds)
        self._repairs = Repairs(claims, files, progress)
        self._completion = Completion(jobs, claims, files, keep_seconds=keep_seconds)
        self._end_process = end_process
        self.shutdown = shutdown or ShutdownFlag()

    def run(self, job_id: str, queue: str | None = None) -> None:
        """Run a job if it is available. Errors of the job end it and are never raised.

        ``queue``: where the notification came from. A job that waits in another queue by now is left to that one.
        """
        if self.shutdown.is_set():
            with suppress(StoreUnavailable):
                self._claims.note_missed(job_id)
            return
        claimed_at = time.monotonic()
        job = self._claim(job_id, queue)
        if job is None or job.lease is None:
            log.info("job %s is not available", job_id)
            return
        log.info("job %s (%s) starts, attempt %d", job.id, job.kind, job.attempts)
        watch: SpaceWatch | None = None
        result: JobResult | None = None
        ended: VideoJob | None = None
        latest = [job]
        try:
            watch = SpaceWatch(self._space, self._files, job)
            handler = self._handlers[job.kind]
            work_dir = self._files.work_folder(job.id, job.lease.fence)
            renewer = LeaseRenewer(
                job.id,
                functools.partial(self._renew, job, job.lease, latest),
                self._progress,
                lease_seconds=self._lease_seconds,
                hard_limit_seconds=self._hard_limit_seconds,
                stall_seconds=self._stall_seconds if self._kinds.queue_of(job) in _WATCHED_QUEUES else math.inf,
                shutdown=self.shutdown,
                claimed_at=claimed_at,
                limits=watch.check,
                on_hang=lambda reason: self._abandon(job, reason, claimed_at),
                is_shown=not job.repairing,
            )
            with renewer:
                if job.cancel_requested:  # the worker that received the request died before it could stop
                    raise Cancelled()
                if not job.repairing:
                    result = self._reuse.existing_result(job, work_dir)
                in_lane = queue in self._kinds.stand_ins
                context = self._context(job, work_dir, renewer, latest, in_lane=in_lane)
                result = result or handler.run(job.params, context)
                renewer.check()
                if not result.truncated:
                    watch.hold_result(result.path.stat().st_size)
                ended = self._completion.complete(job, job.lease, result, renewer)
        except LeaseLost:
            log.warning("job %s was lost to another worker", job.id)
            return
        except Postponed as wait:
            ended = self._postpone(job, job.lease, wait)
        except AppError as error:
            ended = self._fail_or_retry(job, job.lease, error)
        except Exception as error:
            fault = disk_fault(error)
            if fault is not None:
                log.warning("job %s: %s: %s", job.id, fault.code, error)
                ended = self._fail_or_retry(job, job.lease, fault)
            else:
                log.exception("job %s failed unexpectedly", job.id)
                ended = self._fail_or_retry(job, job.lease, InternalError(type(error).__name__))
        finally:
            self._files.drop_work(job.id, job.lease.fence)
            if watch is not None:
                watch.end()
        if ended is not None:
            self._end(job, ended, time.monotonic() - claimed_at, retains=result is not None and result.retains_source)

    def finish(self, job: VideoJob, seconds: float | None = None, *, retains: bool = False) -> None:
        """Do all that follows when a job has ended or waits again: notify, count and clean up.

        ``seconds``: since its last attempt started, if any. ``retains``: its retained folder stays together with its
        file.
        """
        self._progress.announce_end(job.id)
        self._notify_followers(job.id)
        self._notify_next(self._kinds.queue_of(job) if job.kind in self._handlers else None)
        if job.ended:
            if not job.params.passing:
                code = job.failure.code if job.failure else None
                self._counters.ended(job.kind, job.status.value, seconds, code)
            if job.kind in self._handlers:
                self._handlers[job.kind].ended(job.id)
            if not retains:
                self._files.drop_retained(job.id)
        log.info("job %s is %s%s", job.id, job.status, "" if seconds is None else f" after {seconds:.1f} s")

    def reconcile(self, *, notified_before_seconds: float, orphans_notified_before_seconds: float | None = None) -> int:
        """Notify workers of every job that waits unnoticed or whose worker is gone; fail jobs without attempts left.

        The bounds are those of ``ClaimData.unattended``. Returns the number of notifications.
        """
        notified, reachable = 0, True
        for queue in self._kinds.queues:
            self._notify_next(queue)  # a worker may have started or stopped, or the end of one was not reported
        for job in self._claims.unattended(
            notified_before_seconds=notified_before_seconds,
            orphans_notified_before_seconds=orphans_notified_before_seconds,
            max_attempts=self._max_attempts,
        ):
            given_up = self._repairs.give_up(job, max_attempts=self._max_attempts)
            if given_up is not None:
                self._repairs.finish(given_up)
            elif not job.ended and job.attempts >= self._max_attempts:
                lost = self._claims.give_up(
                    job.id,
                    Failure(JobLost.code, JobLost().message),
                    max_attempts=self._max_attempts,
                    keep_seconds=self._keep_seconds,
                )
                if lost is not None:
                    log.error("job %s is given up after %d attempts", job.id, job.attempts)
                    self.finish(lost)
            elif reachable:  # while the broker is unavailable, one failed attempt per pass is enough
                reachable = self.notify(job)
                notified += reachable
        return notified

    def take_over(self, worker: str) -> int:
        """Notify workers of the jobs of a process that has ended for certain; return how many."""
        left = self._claims.end_leases_of(worker)
        if left:
            log.warning("%s has ended: %d jobs go on", worker, len(left))
        return sum(self.notify(job) for job in left)

    def notify(self, job: VideoJob, *, noted: bool = False) -> bool:
        """Notify a worker of this job and record it; return whether the message was sent. ``noted``: its record says so
        already."""
        queue = self._kinds.queue_of(job)
        stand_in = self._kinds.stand_ins.get(queue)
        with suppress(StoreUnavailable):
            if stand_in is not None and not self._has_workers(queue):
                queue = stand_in
        return self._notify(job.id, queue, noted=noted)

    def _notify(self, job_id: str, queue: str, *, noted: bool = False) -> bool:
        if not noted:
            self._claims.note_notified(job_id)
        try:
            self._notifier.notify(job_id, queue)
        except ConnectionError as error:
            log.warning("job %s: no worker can be notified: %s", job_id, error)
            self._claims.note_missed(job_id)
            return False
        return True

    def _has_workers(self, queue: str) -> bool:
        return self._admission is not None and self._admission.has_workers(queue)

    def _claim(self, job_id: str, taken_from: str | None) -> VideoJob | None:
        """Claim a job if it is available and its turn; notify workers of other jobs whose turn it is."""
        found = self._jobs.find(job_id) if self._admission else None
        if self._admission is None or found is None or found.kind not in self._handlers:
            return self._claims.claim(
                job_id, self._worker, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts
            )
        queue = self._kinds.queue_of(found)
        if taken_from not in (None, queue):
            stands_in = self._kinds.stand_ins.get(queue) == taken_from
            if not stands_in or self._has_workers(queue):
                if found.waiting:
                    self.notify(found)
                return None
        job = self._admission.claim(job_id, queue)
        self._notify_next(queue)
        return job

    def _notify_next(self, queue: str | None) -> None:
        """Notify workers of the jobs that had to wait and whose turn it is now. Never raises."""
        if self._admission is None or queue is None:
            return
        try:
            for job_id in self._admission.next_up(queue):
                self._notify(job_id, queue)
        except StoreUnavailable:
            log.warning("the queue %s could not be read; the reconciler repeats it", queue)

    def _renew(self, job: VideoJob, lease: Lease, latest: list[VideoJob]) -> None:
        found = self._claims.of(job).renew(job.id, lease, lease_seconds=self._lease_seconds)
        if found is None:
            raise LeaseLost()
        latest[0] = found
        if found.cancel_requested:
            raise Cancelled()

    def _notify_followers(self, job_id: str) -> None:
        """Notify workers of the jobs that wait for this one: they use its file, or do its work."""
        try:
            for follower in self._claims.release_followers(job_id):
                self.notify(follower)
        except StoreUnavailable:
            log.warning("job %s: the jobs that wait for it continue after their own delay", job_id)

    def _context(
        self, job: VideoJob, work_dir: Path, renewer: LeaseRenewer, latest: list[VideoJob], *, in_lane: bool
    ) -> JobContext:
        return JobContext(
            job, work_dir, self._files.retained_folder(job.id), renewer, in_lane, latest=lambda: latest[0]
        )

    def _postpone(self, job: VideoJob, lease: Lease, wait: Postponed) -> VideoJob | None:
        seconds = min(wait.seconds, LONGEST_WAIT_SECONDS)
        log.info("job %s waits %.0f s: %s", job.id, seconds, wait)
        try:
            handed = self._hand_back(
                job,
                lease,
                seconds,
                count_attempt=False,
                follows=wait.follows,
                waiting_for=wait.waiting_for,
                queue=wait.queue,
            )
        except StoreUnavailable:
            log.warning("job %s cannot be handed back; the lease will expire", job.id)
            return None
        if wait.follows is not None:
            with suppress(StoreUnavailable):  # then it continues after its own delay
                if not self._claims.is_at_work(wait.follows):
                    self._notify_followers(wait.follows)  # it ended before this job was registered as waiting
        if handed is not None and wait.queue is not None and seconds == 0 and handed.waiting:
            with suppress(StoreUnavailable):  # then the reconciler notifies
                self.notify(handed)
        return handed

    def _abandon(self, job: VideoJob, reason: AppError, claimed_at: float) -> None:
        """Record why work that ignores its stop request ends, then end the process and its programs.

        Otherwise a call that never returns would block a worker, and FFmpeg, forever.
        """
        if self._end_process is None:
            return
        log.critical("job %s hangs (%s): this process ends itself", job.id, reason.code)
        if job.lease is not None and not isinstance(reason, LeaseLost):
            ended = self._fail_or_retry(job, job.lease, reason)
            self._files.drop_work(job.id, job.lease.fence)
            if ended is not None:
                self._end(job, ended, time.monotonic() - claimed_at)
        self._end_process()

    def _end(self, claimed: VideoJob, ended: VideoJob, seconds: float, *, retains: bool = False) -> None:
        """Do what follows the end of an attempt, of a job or of a repair."""
        if not claimed.repairing:
            self.finish(ended, seconds, retains=retains)
            return
        self._repairs.finish(ended, retains=retains)
        self._notify_next(self._kinds.queue_of(ended))

    def _hand_back(
        self,
        job: VideoJob,
        lease: Lease,
        seconds: float,
        *,
        count_attempt: bool,
        follows: str | None = None,
        waiting_for: WaitsFor | None = None,
        queue: str | None = None,
    ) -> VideoJob | None:
        back = self._claims.of(job).hand_back(
            job.id,
            lease,
            delay_seconds=seconds,
            count_attempt=count_attempt,
            follows=follows,
            waiting_for=waiting_for,
            queue=queue,
        )
        if back is not None and back.cancel_requested:  # a cancellation too late for this attempt
            with suppress(StoreUnavailable):  # then the next attempt ends it
                return self._jobs.cancel(job.id, keep_seconds=self._keep_seconds)
        return back

    def _fail_or_retry(self, job: VideoJob, lease: Lease, error: AppError) -> VideoJob | None:
        try:
            if isinstance(error, HandedBack):
                log.info("job %s is handed back", job.id)
                return self._hand_back(job, lease, 0, count_attempt=False, waiting_for=job.waiting_for)
            if job.repairing:
                return self._repairs.fail_or_postpone(job, lease, error)
            # Attempts that died with their worker say nothing about the cause, so they do not count as retries.
            if error.retried and job.retries + 1 < self._retry_limit:
                # Full jitter: retries of many jobs are spread over time.
                delay = random.uniform(0.5, 1) * self._retry_base * 2**job.retries  # noqa: S311
                delay = min(delay, LONGEST_WAIT_SECONDS)
                log.info("job %s: %s, retried in %.0f s", job.id, error.code, delay)
                self._counters.retried(job.kind, error.code)
                return self._hand_back(job, lease, delay, count_attempt=True, waiting_for=job.waiting_for)
            log.info("job %s: %s %s", job.id, error.code, error.message)
            return self._claims.fail(job.id, lease, Failure(error.code, error.message), keep_seconds=self._keep_seconds)
        except StoreUnavailable:
            log.warning("job %s: its end cannot be written; the lease will expire", job.id)
            return None
