"""Runs one attempt at a job from claim to end, and decides how the attempt ends."""

from __future__ import annotations

import functools
import logging
import math
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from src.data.leases import LONGEST_WAIT_SECONDS
from src.errors import AppError, Cancelled, InternalError, StoreUnavailable, disk_fault
from src.models.job_kinds import KindTable
from src.models.video import Failure, Lease, VideoJob, WaitsFor
from src.services.jobs.completion import Completion
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.finishing import Finisher
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.lease import HandedBack, LeaseLost, LeaseRenewer
from src.services.jobs.limits import AttemptLimits
from src.services.jobs.process import Process
from src.services.jobs.repairs import Repairs
from src.services.jobs.reuse import ResultReuse
from src.services.jobs.space_watch import SpaceWatch
from src.services.jobs.stores import JobStores

log = logging.getLogger(__name__)

# Here remote servers set the pace. Encodes read local files, and FFmpeg's own limits end one that hangs.
_WATCHED_QUEUES = ("downloads",)


class JobRunner:
    """Runs the jobs that a worker is notified of, one attempt at a time."""

    def __init__(
        self,
        stores: JobStores,
        dispatcher: Dispatcher,
        finisher: Finisher,
        repairs: Repairs,
        handlers: Mapping[str, JobHandler[Any]],
        kinds: KindTable,
        limits: AttemptLimits,
        process: Process,
    ) -> None:
        """Create the runner of one process. ``handlers``: by the names of their kinds."""
        self._jobs, self._claims, self._files = stores.jobs, stores.claims, stores.files
        self._progress, self._counters, self._space = stores.progress, stores.counters, stores.space
        self._dispatcher, self._finisher, self._repairs = dispatcher, finisher, repairs
        self._handlers, self._kinds, self._limits, self._process = handlers, kinds, limits, process
        self._reuse = ResultReuse(stores.jobs, stores.claims, kinds, wait_seconds=limits.lease_seconds)
        self._completion = Completion(stores.jobs, stores.claims, stores.files, keep_seconds=limits.keep_seconds)

    def run(self, job_id: str, queue: str | None = None) -> None:
        """Run a job if it is available. Errors of the job end it and are never raised.

        ``queue``: where the notification came from. A job that waits in another queue by now is left to that one.
        """
        if self._process.shutdown.is_set():
            with suppress(StoreUnavailable):
                self._claims.note_missed(job_id)
            return
        claimed_at = time.monotonic()
        job = self._dispatcher.claim(job_id, queue)
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
                lease_seconds=self._limits.lease_seconds,
                hard_limit_seconds=self._limits.hard_limit_seconds,
                stall_seconds=self._limits.stall_seconds if self._kinds.queue_of(job) in _WATCHED_QUEUES else math.inf,
                shutdown=self._process.shutdown,
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

    def _renew(self, job: VideoJob, lease: Lease, latest: list[VideoJob]) -> None:
        found = self._claims.of(job).renew(job.id, lease, lease_seconds=self._limits.lease_seconds)
        if found is None:
            raise LeaseLost()
        latest[0] = found
        if found.cancel_requested:
            raise Cancelled()

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
                if not self._claims.is_at_work(wait.follows):  # it ended before this job was registered as waiting
                    self._dispatcher.notify_followers(wait.follows)
        if handed is not None and wait.queue is not None and seconds == 0 and handed.waiting:
            with suppress(StoreUnavailable):  # then the reconciler notifies
                self._dispatcher.notify(handed)
        return handed

    def _abandon(self, job: VideoJob, reason: AppError, claimed_at: float) -> None:
        """Record why work that ignores its stop request ends, then end the process and its programs.

        Otherwise a call that never returns would block a worker, and FFmpeg, forever.
        """
        if self._process.end is None:
            return
        log.critical("job %s hangs (%s): this process ends itself", job.id, reason.code)
        if job.lease is not None and not isinstance(reason, LeaseLost):
            ended = self._fail_or_retry(job, job.lease, reason)
            self._files.drop_work(job.id, job.lease.fence)
            if ended is not None:
                self._end(job, ended, time.monotonic() - claimed_at)
        self._process.end()

    def _end(self, claimed: VideoJob, ended: VideoJob, seconds: float, *, retains: bool = False) -> None:
        """Do what follows the end of an attempt, of a job or of a repair."""
        if not claimed.repairing:
            self._finisher.finish(ended, seconds, retains=retains)
            left = self._kinds.queue_of(claimed)
            if left != self._kinds.queue_of(ended):  # it leaves its place there to another job
                self._dispatcher.notify_next(left)
            return
        self._repairs.finish(ended, retains=retains)
        self._dispatcher.notify_next(self._kinds.queue_of(ended))

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
                return self._jobs.cancel(job.id, keep_seconds=self._limits.keep_seconds)
        return back

    def _fail_or_retry(self, job: VideoJob, lease: Lease, error: AppError) -> VideoJob | None:
        try:
            if isinstance(error, HandedBack):
                log.info("job %s is handed back", job.id)
                return self._hand_back(job, lease, 0, count_attempt=False, waiting_for=job.waiting_for)
            if job.repairing:
                return self._repairs.fail_or_postpone(job, lease, error)
            # Attempts that died with their worker say nothing about the cause, so they do not count as retries.
            if error.retried and job.retries + 1 < self._limits.retry_limit:
                # Full jitter: retries of many jobs are spread over time.
                delay = random.uniform(0.5, 1) * self._limits.retry_base_seconds * 2**job.retries  # noqa: S311
                delay = min(delay, LONGEST_WAIT_SECONDS)
                log.info("job %s: %s, retried in %.0f s", job.id, error.code, delay)
                self._counters.retried(job.kind, error.code)
                return self._hand_back(job, lease, delay, count_attempt=True, waiting_for=job.waiting_for)
            log.info("job %s: %s %s", job.id, error.code, error.message)
            failure = Failure(error.code, error.message)
            return self._claims.fail(job.id, lease, failure, keep_seconds=self._limits.keep_seconds)
        except StoreUnavailable:
            log.warning("job %s: its end cannot be written; the lease will expire", job.id)
            return None
