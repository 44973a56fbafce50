"""Runs one job from claim to end: the only code that decides how a job ends."""

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
from src.models.video import Failure, Lease, VideoJob
from src.services.file_store import FileStore
from src.services.jobs.admission import Admission
from src.services.jobs.completion import Completion
from src.services.jobs.counters import JobCounters
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.jobs.lease import HandedBack, LeaseLost, LeaseRenewer, ShutdownFlag
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.sharing import Sharing
from src.services.jobs.space_watch import SpaceWatch
from src.services.jobs.waiting import Postponed
from src.services.progress_cache import ProgressCache

log = logging.getLogger(__name__)

Handlers = Mapping[str, JobHandler[Any]]

# Where strangers' servers set the pace. Encodes read what is here, and FFmpeg's own limits end one that hangs.
_WATCHED_QUEUES = ("downloads",)


class JobRunner:
    """Claims, runs and ends jobs, and notifies workers again of those that nobody took."""

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
        """``admission`` decides whose turn it is; without it every claim is lawful. ``end_process`` ends the process at
        once: the last means against work that hangs."""
        self._admission = admission
        self._jobs, self._claims, self._files, self._progress = jobs, claims, files, progress
        self._counters, self._space = counters, space
        self._notifier, self._handlers, self._kinds, self._worker = notifier, handlers, kinds, worker
        self._lease_seconds, self._hard_limit_seconds = lease_seconds, hard_limit_seconds
        self._max_attempts, self._retry_limit, self._retry_base = max_attempts, retry_limit, retry_base_seconds
        self._keep_seconds, self._stall_seconds = keep_seconds, stall_seconds
        self._sharing = Sharing(jobs, claims, kinds, wait_seconds=lease_seconds)
        self._keeping = Completion(jobs, claims, files, keep_seconds=keep_seconds)
        self._end_process = end_process
        self.shutdown = shutdown or ShutdownFlag()

    def run(self, job_id: str) -> None:
        """Run a job if it is to be had. Never raises for what a job can do wrong."""
        if self.shutdown.is_set():
            with suppress(StoreUnavailable):
                self._claims.note_missed(job_id)
            return
        claimed_at = time.monotonic()
        job = self._claim(job_id)
        if job is None or job.lease is None:
            log.info("job %s is not available", job_id)
            return
        log.info("job %s (%s) begins, attempt %d", job.id, job.kind, job.attempts)
        watch = SpaceWatch(self._space, self._files, job)
        made: JobResult | None = None
        ended: VideoJob | None = None
        try:
            handler = self._handlers[job.kind]
            work_dir = self._files.work_folder(job.id, job.lease.fence)
            keeper = LeaseRenewer(
                job.id,
                functools.partial(self._renew, job.id, job.lease),
                self._progress,
                lease_seconds=self._lease_seconds,
                hard_limit_seconds=self._hard_limit_seconds,
                stall_seconds=self._stall_seconds if self._kinds[job.kind].queue in _WATCHED_QUEUES else math.inf,
                shutdown=self.shutdown,
                claimed_at=claimed_at,
                limits=watch.look,
                on_hang=lambda reason: self._abandon(job, reason, claimed_at),
            )
            with keeper:
                if job.cancel_requested:  # the worker that heard it died before it could obey
                    raise Cancelled()
                made = self._sharing.existing_result(job, work_dir) or handler.run(
                    job.params, self._context(job, work_dir, keeper)
                )
                keeper.check()
                if not made.truncated:
                    watch.settle(made.path.stat().st_size)
                ended = self._keeping.keep(job, job.lease, made, keeper)
        except LeaseLost:
            log.warning("job %s was lost to another worker", job.id)
            return
        except Postponed as wait:
            ended = self._postpone(job, job.lease, wait)
        except AppError as error:
            ended = self._end_badly(job, job.lease, error)
        except Exception as error:
            fault = disk_fault(error)
            if fault is not None:
                log.warning("job %s: %s: %s", job.id, fault.code, error)
                ended = self._end_badly(job, job.lease, fault)
            else:
                log.exception("job %s failed unexpectedly", job.id)
                ended = self._end_badly(job, job.lease, InternalError(type(error).__name__))
        finally:
            self._files.drop_work(job.id, job.lease.fence)
            watch.end()
        if ended is not None:
            self.settle(ended, time.monotonic() - claimed_at, keeps=made is not None and made.padded)

    def settle(self, job: VideoJob, seconds: float | None = None, *, keeps: bool = False) -> None:
        """All that follows when a job has ended or waits again: tell, wake who waits for it, count and clear up.

        ``seconds``: since its last attempt began, if one did. ``keeps``: its kept folder stays with its file.
        """
        self._progress.announce_end(job.id)
        self._wake_followers(job.id)
        self._call_next(self._kinds[job.kind].queue if job.kind in self._handlers else None)
        if job.ended:
            self._counters.ended(job.kind, job.status.value, seconds, job.failure.code if job.failure else None)
            if job.kind in self._handlers:
                self._handlers[job.kind].ended(job.id)
            if not keeps:
                self._files.drop_kept(job.id)
        log.info("job %s is %s%s", job.id, job.status, "" if seconds is None else f" after {seconds:.1f} s")

    def reconcile(self, *, notified_before_seconds: float, orphans_notified_before_seconds: float | None = None) -> int:
        """Notify workers of every job that waits unnoticed and every job whose worker is gone; give up spent ones.

        The bounds are those of ``ClaimData.unattended``. Returns how many workers were notified of.
        """
        notified, heard = 0, True
        for queue in self._kinds.queues:
            self._call_next(queue)  # a worker has come or gone, or its end could not be told
        for job in self._claims.unattended(
            notified_before_seconds=notified_before_seconds,
            orphans_notified_before_seconds=orphans_notified_before_seconds,
            max_attempts=self._max_attempts,
        ):
            if job.attempts >= self._max_attempts:
                lost = self._claims.give_up(
                    job.id,
                    Failure(JobLost.code, JobLost().message),
                    max_attempts=self._max_attempts,
                    keep_seconds=self._keep_seconds,
                )
                if lost is not None:
                    log.error("job %s is given up after %d attempts", job.id, job.attempts)
                    self.settle(lost)
            elif heard:  # while the broker is away, one vain call a look is enough
                heard = self.notify(job)
                notified += heard
        return notified

    def notify(self, job: VideoJob) -> bool:
        """Wake a worker for this job and remember it; whether the message was taken."""
        return self._notify(job.id, self._kinds[job.kind].queue)

    def _notify(self, job_id: str, queue: str) -> bool:
        self._claims.note_notified(job_id)
        try:
            self._notifier.notify(job_id, queue)
        except ConnectionError as error:
            log.warning("job %s: nobody can be woken: %s", job_id, error)
            self._claims.note_missed(job_id)
            return False
        return True

    def _claim(self, job_id: str) -> VideoJob | None:
        """Claim a job if it is available and its turn; tell workers of others whose turn it is now."""
        found = self._jobs.find(job_id) if self._admission else None
        if self._admission is None or found is None or found.kind not in self._handlers:
            return self._claims.claim(
                job_id, self._worker, lease_seconds=self._lease_seconds, max_attempts=self._max_attempts
            )
        queue = self._kinds[found.kind].queue
        job = self._admission.claim(job_id, queue)
        self._call_next(queue)
        return job

    def _call_next(self, queue: str | None) -> None:
        """Notify workers of the jobs that had to wait and whose turn it is now. Never raises."""
        if self._admission is None or queue is None:
            return
        try:
            for job_id in self._admission.next_up(queue):
                self._notify(job_id, queue)
        except StoreUnavailable:
            log.warning("the queue %s could not be looked at; the reconciler does it", queue)

    def _renew(self, job_id: str, lease: Lease) -> None:
        job = self._claims.renew(job_id, lease, lease_seconds=self._lease_seconds)
        if job is None:
            raise LeaseLost()
        if job.cancel_requested:
            raise Cancelled()

    def _wake_followers(self, job_id: str) -> None:
        """Ring for the jobs that wait for this one: they take over its file, or its work."""
        try:
            for follower in self._claims.release_followers(job_id):
                self.notify(follower)
        except StoreUnavailable:
            log.warning("job %s: those who wait for it come back by themselves", job_id)

    def _context(self, job: VideoJob, work_dir: Path, keeper: LeaseRenewer) -> JobContext:
        return JobContext(job, work_dir, self._files.kept_folder(job.id), keeper)

    def _postpone(self, job: VideoJob, lease: Lease, wait: Postponed) -> VideoJob | None:
        seconds = min(wait.seconds, LONGEST_WAIT_SECONDS)
        log.info("job %s waits %.0f s: %s", job.id, seconds, wait)
        try:
            handed = self._hand_back(job, lease, seconds, count_attempt=False, follows=wait.follows)
        except StoreUnavailable:
            log.warning("job %s could not be handed back; the lease will run out", job.id)
            return None
        if wait.follows is not None:
            with suppress(StoreUnavailable):  # then it comes back by itself
                if not self._claims.is_at_work(wait.follows):
                    self._wake_followers(wait.follows)  # it ended before we were seen waiting
        return handed

    def _abandon(self, job: VideoJob, reason: AppError, claimed_at: float) -> None:
        """End work that does not stop when it is told to: its record says why, and its process and programs die.

        Without this a call that never returns would hold a worker for ever, and FFmpeg with it.
        """
        if self._end_process is None:
            return
        log.critical("job %s hangs (%s): this process ends itself", job.id, reason.code)
        if job.lease is not None and not isinstance(reason, LeaseLost):
            ended = self._end_badly(job, job.lease, reason)
            self._files.drop_work(job.id, job.lease.fence)
            if ended is not None:
                self.settle(ended, time.monotonic() - claimed_at)
        self._end_process()

    def _hand_back(
        self, job: VideoJob, lease: Lease, seconds: float, *, count_attempt: bool, follows: str | None = None
    ) -> VideoJob | None:
        back = self._claims.hand_back(
            job.id, lease, delay_seconds=seconds, count_attempt=count_attempt, follows=follows
        )
        if back is not None and back.cancel_requested:  # a wish that came too late for this attempt
            with suppress(StoreUnavailable):  # then the next attempt obeys it
                return self._jobs.cancel(job.id, keep_seconds=self._keep_seconds)
        return back

    def _end_badly(self, job: VideoJob, lease: Lease, error: AppError) -> VideoJob | None:
        try:
            if isinstance(error, HandedBack):
                log.info("job %s is handed back", job.id)
                return self._hand_back(job, lease, 0, count_attempt=False)
            # Attempts that died with their worker say nothing about the cause, so they take no try from it.
            if error.retried and job.retries + 1 < self._retry_limit:
                # Full jitter: retries of many jobs do not come back as one wave.
                delay = random.uniform(0.5, 1) * self._retry_base * 2**job.retries  # noqa: S311
                delay = min(delay, LONGEST_WAIT_SECONDS)
                log.info("job %s: %s, tried again in %.0f s", job.id, error.code, delay)
                self._counters.retried(job.kind, error.code)
                return self._hand_back(job, lease, delay, count_attempt=True)
            log.info("job %s: %s %s", job.id, error.code, error.message)
            return self._claims.fail(job.id, lease, Failure(error.code, error.message), keep_seconds=self._keep_seconds)
        except StoreUnavailable:
            log.warning("job %s: its end could not be written; the lease will run out", job.id)
            return None
