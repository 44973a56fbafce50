"""Saves, starts, awaits, finds, lists, cancels and deletes jobs of any kind, for every API surface."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from src.data.video_data import VideoData
from src.errors import (
    AppError,
    Cancelled,
    NotOwner,
    StoreUnavailable,
    VideoNotFound,
    error_from_code,
)
from src.models.job_kinds import KindTable
from src.models.params import JobParams
from src.models.progress import Phase, Progress
from src.models.video import Owner, Status, VideoJob
from src.services.jobs.bursts import BurstNotices
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.finishing import Finisher
from src.services.jobs.lease import ShutdownFlag
from src.services.jobs.open_job_limits import OpenJobLimits
from src.services.jobs.queues import Queue, queues_of
from src.services.jobs.stores import JobStores
from src.services.progress_cache import minutes_text, to_fields
from src.utils.clock import Clock

log = logging.getLogger(__name__)


class JobService:
    """Manages the life of jobs. All methods may raise ``StoreUnavailable``."""

    def __init__(
        self,
        stores: JobStores,
        dispatcher: Dispatcher,
        finisher: Finisher,
        clock: Clock,
        kinds: KindTable,
        *,
        max_open: int,
        keep_seconds: float,
        anonymous_life: timedelta = timedelta(hours=168),
        max_waiting: int = 32,
        shutdown: ShutdownFlag | None = None,
        bursts: BurstNotices | None = None,
    ) -> None:
        """Set the limits.

        ``bursts`` notifies workers of jobs that are saved and started in one write; without it, they are notified
        before the reply.

        ``anonymous_life``: how long jobs that other callers saved for an owner wait to be started. ``keep_seconds``:
        the lifetime of the data of a cancelled job. ``max_waiting``: how many callers of this process may wait at the
        same time, so that some threads stay free; ``shutdown`` ends their waits.
        """
        self._jobs, self._files, self._progress, self._space = stores.jobs, stores.files, stores.progress, stores.space
        self._dispatcher, self._finisher, self._bursts = dispatcher, finisher, bursts
        self._clock, self._limits = clock, OpenJobLimits(stores.jobs, clock, most=max_open)
        self.kinds = kinds
        self._keep_seconds, self._anonymous_life = keep_seconds, anonymous_life
        self._waiters, self._shutdown = threading.BoundedSemaphore(max_waiting), shutdown or ShutdownFlag()

    def save(
        self,
        owner: Owner,
        params: JobParams,
        *,
        job_id: str | None = None,
        expires_at: datetime | None = None,
        facts: Mapping[str, Any] | None = None,
        keep_seconds: float | None = None,
        anonymous: bool = False,
    ) -> VideoJob:
        """Save a request for later. ``keep_seconds`` applies to the finished file: see ``VideoJob``.

        If a job with ``job_id`` exists, it is returned and nothing is stored. ``anonymous``: another caller saves the
        job for the owner. Such jobs have a separate limit and expire unless they are started.

        Raises:
            TooManyPending: the owner has too many open jobs, or others have saved too many for the owner.
        """
        job = self._new(
            owner, params, job_id, expires_at=expires_at, facts=facts, keep_seconds=keep_seconds, anonymous=anonymous
        )
        if job_id is None:
            self._jobs.insert(job)
        elif not self._jobs.insert_once(job):
            return self._jobs.find(job_id) or job
        try:
            self._limits.require_after_save(job)
        except BaseException:
            self._jobs.delete(job.id)
            raise
        return job

    def save_started(
        self, owner: Owner, params: JobParams, *, job_id: str | None = None, anonymous: bool = False
    ) -> VideoJob:
        """Save and start a job in one write: for requests that come many at once, and whose moment passes.

        If a job with ``job_id`` exists, it is returned and nothing is stored. ``anonymous``: as for ``save``.

        Raises:
            TooManyPending, DiskFull, QuotaExceeded: as ``save`` and ``start`` do; nothing is left.
        """
        self.require_room(owner)
        job = self._new(owner, params, job_id, anonymous=anonymous)
        queued = self._jobs.insert_queued(job, queue=self.kinds[job.kind].starts_in, notified=self._bursts is None)
        if queued is None:
            return self._jobs.find(job.id) or job
        try:
            self._limits.require_after_save(queued)
        except BaseException:
            # No worker was notified; only after seconds could one have found the job by itself.
            if not self._jobs.delete(queued.id):
                self._cancel(queued)
            raise
        if self._bursts is None:
            self._dispatcher.notify(queued, noted=True)
        else:
            self._bursts.add(queued)
        self._progress.announce_change(queued.id)
        return queued

    def _new(
        self,
        owner: Owner,
        params: JobParams,
        job_id: str | None,
        *,
        anonymous: bool,
        expires_at: datetime | None = None,
        facts: Mapping[str, Any] | None = None,
        keep_seconds: float | None = None,
    ) -> VideoJob:
        now = self._clock.now()
        return VideoJob(
            id=job_id or VideoData.new_id(),
            owner=owner,
            params=params,
            status=Status.PENDING,
            created_at=now,
            expires_at=now + self._anonymous_life if anonymous and expires_at is None else expires_at,
            facts=dict(facts or {}),
            keep_seconds=keep_seconds,
            anonymous=anonymous,
        )

    def require_possible(self, owner: Owner, params: JobParams, *, anonymous: bool = False) -> None:
        """Raise what saving and starting such a job would raise now: TooManyPending, DiskFull, QuotaExceeded."""
        now = self._clock.now()
        self._limits.require_before_save(VideoJob("", owner, params, Status.PENDING, now, anonymous=anonymous))
        self.require_room(owner)

    def clear_anonymous(self, owner: Owner) -> int:
        """Delete all jobs that others saved for this owner and that were never started; return their number."""
        deleted = self._jobs.delete_anonymous(owner)
        for job_id in deleted:
            self._progress.clear(job_id)
            self._progress.announce_change(job_id)
        return len(deleted)

    def start(self, job: VideoJob, changes: Mapping[str, Any] | None = None) -> VideoJob:
        """Request the file of a job; a job that is waiting or processing stays as it is.

        ``changes`` are fields of the job's parameters. The record is written before the worker is notified; the
        reconciler repeats a lost notification. A failure that was not reported yet also stays, so that a client that
        polls by repeating its request sees the failure once before a new attempt starts. For the same reason a job
        that has ended since the caller read it stays. A request with other parameters starts at once.

        Raises:
            DiskFull: the disk has no room for new work.
            QuotaExceeded: the owner's files take the whole quota.
        """
        other = any(getattr(job.params, name) != value for name, value in (changes or {}).items())
        if job.failure is not None and not job.failure.reported and not other:
            return job
        self.require_room(job.owner)
        queued = self._jobs.enqueue(
            job.id,
            dict(changes or {}),
            seen=None if other else job,
            queue=self.kinds[job.kind].starts_in,
            notified=True,
        )
        if queued is None:
            return self._jobs.find(job.id) or job
        if job.artifact is not None:
            self._files.delete(job.artifact.path)
        if job.status is not Status.PENDING:  # one that was only saved has no reading and no cancel flag
            self._progress.clear(job.id)
        self._dispatcher.notify(queued, noted=True)
        self._progress.announce_change(job.id)
        return queued

    def start_always(self, job: VideoJob, changes: Mapping[str, Any] | None = None) -> VideoJob:
        """Like ``start``, also after a failure that was not reported: for callers that learn of failures otherwise.

        Raises as ``start``.
        """
        started = self.start(replace(job, failure=None), changes)
        if started.status in (Status.FAILED, Status.CANCELLED):  # it ended after the caller read it
            started = self.start(replace(started, failure=None), changes)
        return started

    def start_new(self, job: VideoJob) -> VideoJob:
        """Start a job that was saved only for this; if it cannot be started, delete it.

        Raises as ``start``.
        """
        try:
            return self.start(job)
        except BaseException:
            with suppress(StoreUnavailable):
                self.forget(job)
            raise

    def require_room(self, owner: Owner, more_bytes: int = 0, *, hold_id: str = "") -> None:
        """Refuse new work, or a file of ``more_bytes``, if there is no room. ``hold_id``: see ``OwnerSpace``.

        Raises:
            DiskFull: the disk is nearly full.
            QuotaExceeded: the owner's files exceed the quota, or would with this file.
        """
        self._files.require_room()
        self._space.require(owner, more_bytes, without=hold_id)

    def retry(self, job: VideoJob) -> VideoJob:
        """Start a failed or cancelled job again; other jobs stay as they are.

        Raises:
            DiskFull: the disk has no room for new work.
        """
        if job.status not in (Status.FAILED, Status.CANCELLED):
            return job
        return self.start(replace(job, failure=None))  # a caller that requests another try has seen the failure

    def wait(self, job: VideoJob, seconds: float) -> VideoJob:
        """Return the job when it has ended, or its state after ``seconds``; at once if too many callers wait."""
        if job.ended or not self._waiters.acquire(blocking=False):
            return job
        try:
            for _ in self._progress.watch(job.id, seconds):
                found = self._jobs.find(job.id)
                if found is None or found.ended:
                    return found or job
                job = found
                if self._shutdown.is_set():
                    break  # the process is ending: an unfinished job is a better answer than no answer
            return job
        finally:
            self._waiters.release()

    def require_success(self, job: VideoJob) -> None:
        """Raise the error of a failed or cancelled job, and record that it was reported.

        Raises:
            AppError: the error that ended the job.
        """
        if job.failure is not None:
            self._jobs.note_reported(job.id)
            raise error_from_code(job.failure.code, job.failure.message)
        if job.status is Status.CANCELLED:
            raise Cancelled()

    def find(self, job_id: str, owner: Owner, kinds: Collection[str], missing: type[AppError]) -> VideoJob:
        """Return the owner's job with this id.

        Raises:
            AppError: ``missing``, if no job of these kinds has this id.
            NotOwner: the job belongs to another owner.
        """
        job = self.find_of_kind(job_id, kinds, missing)
        if job.owner != owner:
            raise NotOwner()
        return job

    def find_of_kind(self, job_id: str, kinds: Collection[str], missing: type[AppError]) -> VideoJob:
        """Return the job with this id, for callers that are authorized otherwise than as its owner.

        Raises:
            AppError: ``missing``, if no job of these kinds has this id.
        """
        job = self._jobs.find(job_id)
        if job is None or job.kind not in kinds:
            raise missing()
        return job

    def count_open(self, kinds: Collection[str], owner: Owner | None = None, *, running: bool = True) -> int:
        """Count jobs of these kinds that have not ended, or (``running=False``) not started, of one owner or all."""
        states = (Status.PENDING, Status.PROCESSING) if running else (Status.PENDING,)
        return self._jobs.count_of_kinds(kinds, states, owner)

    def page(
        self, owner: Owner, kinds: Collection[str], *, page: int, per_page: int, status: str | None = None
    ) -> tuple[list[VideoJob], int]:
        """Return one page (from 1) of the owner's jobs, newest first, and their total number. ``status``: as shown."""
        shown = None if status is None else Status(status)
        return self._jobs.page(owner, kinds, skip=(page - 1) * per_page, limit=per_page, shown=shown)

    def some(
        self, owner: Owner, kinds: Collection[str], *, offset: int, limit: int, states: Collection[Status] = ()
    ) -> tuple[list[VideoJob], int]:
        """Return some of the owner's jobs, newest first, and their total number. ``states``: empty for all."""
        return self._jobs.page(owner, kinds, skip=offset, limit=limit, states=states)

    def page_of_all(
        self, *, page: int, per_page: int, kind: str | None = None, status: str | None = None
    ) -> tuple[list[VideoJob], int]:
        """Return one page (from 1) of all jobs for operators, newest first, and their total number."""
        return self._jobs.page_of_all(skip=(page - 1) * per_page, limit=per_page, kind=kind, status=status)

    def queues(self) -> tuple[Queue, ...]:
        """Return the numbers of waiting and running jobs of each queue."""
        return queues_of(self.kinds, self._jobs.backlog(), self._clock.now())

    def idle_queues(self, seconds: float) -> list[str]:
        """Return the queues in which a job has been due for ``seconds`` while no job has started."""
        overdue = self._jobs.overdue_kinds(seconds)
        waiting = sorted({queue or self.kinds[kind].queue for kind, queue in overdue})
        return [queue for queue in waiting if not self._jobs.started_lately(self.kinds.in_queue(queue), seconds)]

    def progress(self, job: VideoJob) -> dict[str, Any] | None:
        """Return the last reading of a job that is being processed.

        For a job that waits for its stream or its recording, it says what for, and ``eta`` is the time until the
        service looks again.
        """
        if job.shown_status is not Status.PROCESSING:
            return None
        reading = self._progress.get_progress(job.id)
        if job.waiting_for is None:
            return reading
        reading = reading or to_fields(Progress(Phase.INITIALIZING))
        if job.status is Status.PENDING and job.not_before is not None:
            seconds = max((job.not_before - self._clock.now()).total_seconds(), 0.0)
            reading = {**reading, "eta": minutes_text(seconds)}
        return {**reading, "waiting_for": job.waiting_for.value}

    def cancel(self, job: VideoJob) -> VideoJob:
        """Cancel a job: at once if it waits, within seconds if it runs. A job that has ended stays as it is.

        One of a kind that ``delivers`` ends early instead, with the file of what it has; without any it is cancelled.
        """
        if self.kinds[job.kind].delivers and job.queued_at is not None:
            return self._end_early(job)
        return self._cancel(job)

    def _end_early(self, job: VideoJob) -> VideoJob:
        if job.ended:
            return job
        ended_at = getattr(job.params, "end_requested_at", None)
        if ended_at is None or ended_at < job.queued_at:
            self._jobs.set_facts(job.id, {"end_requested_at": self._clock.now(), "not_before": None})
            self._progress.ask_cancel(job.id)  # a worker that has it reads the record at once
            self._dispatcher.notify(job)
        return self._jobs.find(job.id) or job

    def _cancel(self, job: VideoJob) -> VideoJob:
        cancelled = self._jobs.cancel(job.id, keep_seconds=self._keep_seconds)
        if cancelled is None:
            return self._jobs.find(job.id) or job
        self._progress.ask_cancel(job.id)
        if cancelled.ended:
            self._finisher.finish(cancelled)
        return cancelled

    def dismiss(self, job: VideoJob) -> tuple[VideoJob, bool]:
        """Cancel a job that is waiting or running, delete one that has ended or was only saved; return the job and
        whether it was deleted."""
        if not job.ended and job.queued_at is not None:
            return self._cancel(job), False
        return job, self.forget(job)

    def forget(self, job: VideoJob) -> bool:
        """Delete the record and the files of a job unless it is being processed; return whether it was deleted."""
        if not self._jobs.delete(job.id):
            return False
        self._files.delete(job.artifact.path if job.artifact else None)
        self._files.delete(getattr(job.params, "input_file_path", None))
        self._files.drop_retained(job.id)
        self._progress.clear(job.id)
        self._progress.announce_change(job.id)
        return True

    def set_facts(self, job_id: str, facts: Mapping[str, Any]) -> None:
        """Store facts about a job's source."""
        self._jobs.set_facts(job_id, facts)

    def has_retained(self, job: VideoJob) -> bool:
        """Whether more of a job's source is retained than its file shows."""
        return self._files.retained_folder(job.id).is_dir()

    def without_repair(self, job_ids: Collection[str]) -> set[str]:
        """Return those of these jobs whose file will not be repaired any more."""
        return self._jobs.without_repair(job_ids)

    def peek(self, job_id: str) -> VideoJob | None:
        """Return the job with this id for internal use, or ``None``."""
        return self._jobs.find(job_id)

    def peek_first(self, job_ids: Sequence[str]) -> VideoJob | None:
        """Return the first of these jobs that exists, for internal use, or ``None``."""
        return self._jobs.find_first(job_ids)

    def find_any(self, job_id: str) -> VideoJob:
        """Return the job with this id for internal use.

        Raises:
            VideoNotFound: no job has this id.
        """
        return self.find_of_kind(job_id, JobParams.kinds(), missing=VideoNotFound)
