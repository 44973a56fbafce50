"""Saves, starts, waits for, finds, lists, cancels and deletes jobs of any kind: what every surface calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
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
from src.models.video import Owner, Status, VideoJob
from src.services.file_store import FileStore
from src.services.jobs.open_places import OpenPlaces
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.queues import Queue, queues_of
from src.services.jobs.runner import JobRunner
from src.services.progress_cache import ProgressCache
from src.utils.clock import Clock

log = logging.getLogger(__name__)


class JobService:
    """The one place where jobs begin. All methods may raise ``StoreUnavailable``."""

    def __init__(
        self,
        jobs: VideoData,
        files: FileStore,
        progress: ProgressCache,
        runner: JobRunner,
        clock: Clock,
        kinds: KindTable,
        *,
        max_open: int,
        keep_seconds: float,
        space: OwnerSpace | None = None,
        anonymous_life: timedelta = timedelta(hours=168),
        max_waiting: int = 32,
    ) -> None:
        """``anonymous_life``: how long what others saved for an owner waits to be asked for. ``keep_seconds``: how long
        what belongs to a cancelled job stays. ``max_waiting``: how many callers of this process may wait at once; the
        others' threads stay free."""
        self._jobs, self._files, self._progress, self._runner = jobs, files, progress, runner
        self._clock, self._places = clock, OpenPlaces(jobs, clock, most=max_open)
        self.kinds = kinds
        self._keep_seconds, self._space = keep_seconds, space
        self._anonymous_life = anonymous_life
        self._waiters = threading.BoundedSemaphore(max_waiting)

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
        """Keep a request for later. ``keep_seconds`` is for the finished file: see ``VideoJob``.

        With a ``job_id`` that there is already, nothing is stored and the job of that id is the answer.
        ``anonymous``: somebody else saves it for the owner. It counts against a limit of its own, and expires when
        nobody starts it.

        Raises:
            TooManyPending: the owner has as many open jobs as allowed, or others have saved as many as they may.
        """
        job = VideoJob(
            id=job_id or VideoData.new_id(),
            owner=owner,
            params=params,
            status=Status.PENDING,
            created_at=self._clock.now(),
            expires_at=self._clock.now() + self._anonymous_life if anonymous and expires_at is None else expires_at,
            facts=dict(facts or {}),
            keep_seconds=keep_seconds,
            anonymous=anonymous,
        )
        self._places.require_for(job)
        if job_id is None:
            self._jobs.insert(job)
        elif not self._jobs.insert_once(job):
            return self._jobs.find(job_id) or job
        try:
            self._places.require_with(job)
        except BaseException:
            self._jobs.delete(job.id)
            raise
        return job

    def clear_anonymous(self, owner: Owner) -> int:
        """Forget all that others saved for this owner and that was never started; how many there were."""
        gone = self._jobs.delete_anonymous(owner)
        for job_id in gone:
            self._progress.clear(job_id)
            self._progress.announce_change(job_id)
        return len(gone)

    def start(self, job: VideoJob, changes: Mapping[str, Any] | None = None) -> VideoJob:
        """Ask for the file of a job; what is waiting or processing already stays as it is.

        ``changes`` are fields of the job's parameters. The record is written first and the worker woken second:
        a lost wake-up is made good by the reconciler. A failure that its owner has not heard of yet stays, too, so
        that a client which asks again and again hears it once before it tries again; not for a request with other
        parameters, whose failure it is not.

        Raises:
            DiskFull: there is no room for new work.
            QuotaExceeded: the owner's files take all that they may.
        """
        other = any(getattr(job.params, name) != value for name, value in (changes or {}).items())
        if job.failure is not None and not job.failure.reported and not other:
            return job
        self.require_room(job.owner)
        queued = self._jobs.enqueue(job.id, dict(changes or {}))
        if queued is None:
            return self._jobs.find(job.id) or job
        if job.artifact is not None:
            self._files.delete(job.artifact.path)
        self._progress.clear(job.id)
        self._runner.notify(queued)
        self._progress.announce_change(job.id)
        return queued

    def start_new(self, job: VideoJob) -> VideoJob:
        """Start a job that was saved just now for nothing else: where that is refused, nothing is left of it.

        Raises as ``start``.
        """
        try:
            return self.start(job)
        except BaseException:
            with suppress(StoreUnavailable):
                self.forget(job)
            raise

    def require_room(self, owner: Owner, more_bytes: int = 0, *, hold_id: str = "") -> None:
        """Refuse new work, or a file of so many bytes, for which there is no room. ``hold_id``: see ``OwnerSpace``.

        Raises:
            DiskFull: the disk is nearly full.
            QuotaExceeded: the owner's files take all that they may, or would with this one.
        """
        self._files.require_room()
        if self._space is not None:
            self._space.require(owner, more_bytes, without=hold_id)

    def retry(self, job: VideoJob) -> VideoJob:
        """Start a failed or cancelled job anew; others stay as they are.

        Raises:
            DiskFull: there is no room for new work.
        """
        if job.status not in (Status.FAILED, Status.CANCELLED):
            return job
        return self.start(replace(job, failure=None))  # whoever asks for another try has heard of the failure

    def wait(self, job: VideoJob, seconds: float) -> VideoJob:
        """The job when it has ended, or as it is after ``seconds``; at once when too many wait already."""
        if job.ended or not self._waiters.acquire(blocking=False):
            return job
        try:
            for _ in self._progress.watch(job.id, seconds):
                found = self._jobs.find(job.id)
                if found is None or found.ended:
                    return found or job
                job = found
                if self._runner.shutdown.is_set():
                    break  # this process is asked to end: the caller hears "not yet" instead of nothing
            return job
        finally:
            self._waiters.release()

    def require_success(self, job: VideoJob) -> None:
        """Answer a failed or cancelled job with its error, and remember that it was told.

        Raises:
            AppError: the one that ended the job.
        """
        if job.failure is not None:
            self._jobs.note_reported(job.id)
            raise error_from_code(job.failure.code, job.failure.message)
        if job.status is Status.CANCELLED:
            raise Cancelled()

    def find(self, job_id: str, owner: Owner, kinds: Collection[str], missing: type[AppError]) -> VideoJob:
        """The owner's job with this id.

        Raises:
            AppError: ``missing``, when there is no such job of these kinds.
            NotOwner: it belongs to someone else.
        """
        job = self.find_of_kind(job_id, kinds, missing)
        if job.owner != owner:
            raise NotOwner()
        return job

    def find_of_kind(self, job_id: str, kinds: Collection[str], missing: type[AppError]) -> VideoJob:
        """The job with this id, whoever owns it: for callers who have shown in another way that they may see it.

        Raises:
            AppError: ``missing``, when there is no such job of these kinds.
        """
        job = self._jobs.find(job_id)
        if job is None or job.kind not in kinds:
            raise missing()
        return job

    def count_open(self, kinds: Collection[str], owner: Owner | None = None, *, running: bool = True) -> int:
        """How many jobs of these kinds have not ended, or (``running=False``) not begun: of an owner, or of all."""
        states = (Status.PENDING, Status.PROCESSING) if running else (Status.PENDING,)
        return self._jobs.count_of_kinds(kinds, states, owner)

    def page(self, owner: Owner, kinds: Collection[str], *, page: int, per_page: int) -> tuple[list[VideoJob], int]:
        """One page (from 1) of the owner's jobs, newest first, and how many there are in all."""
        return self._jobs.page(owner, kinds, skip=(page - 1) * per_page, limit=per_page)

    def some(
        self, owner: Owner, kinds: Collection[str], *, offset: int, limit: int, states: Collection[Status] = ()
    ) -> tuple[list[VideoJob], int]:
        """Some of the owner's jobs (in these states, if any are named), newest first, and how many there are in all."""
        return self._jobs.page(owner, kinds, skip=offset, limit=limit, states=states)

    def page_of_all(
        self, *, page: int, per_page: int, kind: str | None = None, status: str | None = None
    ) -> tuple[list[VideoJob], int]:
        """One page (from 1) of everybody's jobs, for the operators; newest first, and how many there are in all."""
        return self._jobs.page_of_all(skip=(page - 1) * per_page, limit=per_page, kind=kind, status=status)

    def queues(self) -> tuple[Queue, ...]:
        """What waits and what runs in each queue."""
        return queues_of(self.kinds, self._jobs.backlog(), self._clock.now())

    def idle_queues(self, seconds: float) -> list[str]:
        """The queues in which a job has been due for so long, and none has begun meanwhile."""
        kept = sorted({self.kinds[kind].queue for kind in self._jobs.overdue_kinds(seconds)})
        return [queue for queue in kept if not self._jobs.started_lately(self.kinds.in_queue(queue).all, seconds)]

    def progress(self, job: VideoJob) -> dict[str, Any] | None:
        """The last reading of a job that is being worked on."""
        return self._progress.get_progress(job.id) if job.status is Status.PROCESSING else None

    def cancel(self, job: VideoJob) -> VideoJob:
        """Stop a job: at once when it waits, within seconds when it runs; an ended one stays as it is."""
        asked = self._jobs.cancel(job.id, keep_seconds=self._keep_seconds)
        if asked is None:
            return self._jobs.find(job.id) or job
        self._progress.ask_cancel(job.id)
        if asked.ended:
            self._runner.settle(asked)
        return asked

    def dismiss(self, job: VideoJob) -> tuple[VideoJob, bool]:
        """Cancel a job that goes on, forget one that has ended; the job, and whether it was forgotten."""
        if not job.ended:
            return self.cancel(job), False
        return job, self.forget(job)

    def forget(self, job: VideoJob) -> bool:
        """Delete the record and the files of a job that nobody works on; whether it was deleted."""
        if not self._jobs.delete(job.id):
            return False
        self._files.delete(job.artifact.path if job.artifact else None)
        self._files.delete(getattr(job.params, "input_file_path", None))
        self._files.drop_kept(job.id)
        self._progress.clear(job.id)
        self._progress.announce_change(job.id)
        return True

    def learn(self, job_id: str, facts: Mapping[str, Any]) -> None:
        """Keep what was found out about a job's source."""
        self._jobs.set_facts(job_id, facts)

    def has_kept(self, job: VideoJob) -> bool:
        """Whether more of a job's source was kept than its file shows."""
        return self._files.kept_folder(job.id).is_dir()

    def peek(self, job_id: str) -> VideoJob | None:
        """A job for the service itself, if there is one with this id."""
        return self._jobs.find(job_id)

    def find_any(self, job_id: str) -> VideoJob:
        """A job for the service itself, whoever owns it.

        Raises:
            VideoNotFound: there is none.
        """
        return self.find_of_kind(job_id, JobParams.kinds(), missing=VideoNotFound)
