"""Encodes long videos in chunks on several workers: the worker of the job plans the chunks, free workers encode them.

The job's worker encodes chunks too, so a job completes without helpers; it waits only for chunks that are in progress.
Like jobs, chunks are claimed with a lease and a fence: the death of a worker, also of the job's own, costs only the
chunk in progress, because finished chunks stay in the job's retained folder until the job has ended.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from src.data.chunk_data import ChunkData
from src.errors import AppError, EncodeFailed, StoreUnavailable
from src.models.chunk import Chunk, ChunkRecord, ChunkTask
from src.models.progress import Monitor
from src.models.video import VideoJob
from src.services.encoding.chunks import ChunkRunner
from src.services.encoding_service import EncodingService
from src.services.file_store import FileStore
from src.services.jobs.lease import HandedBack, LeaseLost, LeaseRenewer, ShutdownFlag
from src.services.jobs.notifier import WorkerNotifier
from src.services.progress_cache import ProgressCache
from src.services.uploads.chunk_progress import ChunkProgress, OneChunk

log = logging.getLogger(__name__)

_T = TypeVar("_T")
TASK = TypeAdapter(ChunkTask)
# After this number of failed attempts of helpers only the job's worker takes the chunk; its error ends the job.
HELPER_ATTEMPTS = 2
WAIT_SECONDS = 0.3


class ChunkWorkers:
    """The workers of all hosts that share the folders, from the view of one worker."""

    def __init__(
        self,
        chunks: ChunkData,
        encoder: EncodingService,
        files: FileStore,
        progress: ProgressCache,
        notifier: WorkerNotifier,
        *,
        worker: str,
        helpers: int,
        lease_seconds: float,
        hard_limit_seconds: float,
        shutdown: ShutdownFlag,
    ) -> None:
        """Set the limits. ``helpers``: how many workers are asked to help with one encode; 0 disables chunks."""
        self._chunks, self._encoder, self._files, self._progress = chunks, encoder, files, progress
        self._notifier, self._worker, self._helpers = notifier, worker, helpers
        self._lease_seconds, self._hard_limit_seconds, self._shutdown = lease_seconds, hard_limit_seconds, shutdown

    @contextmanager
    def runner(self, job: VideoJob, monitor: Monitor) -> Iterator[ChunkRunner | None]:
        """Provide the function that encodes the chunks of this job; ``None`` without helpers.

        After the block the chunks are deleted, unless another worker will continue them.
        """
        if not self._helpers:
            yield None
            return
        try:
            yield lambda task, chunks: self._run(job.id, monitor, task, chunks)
        except (LeaseLost, HandedBack, StoreUnavailable):
            raise
        except BaseException:
            self.forget(job.id)
            raise
        self.forget(job.id)

    def help(self, job_id: str) -> None:
        """Encode one chunk of another worker's job, if available, then request more help. Errors of the chunk are not
        raised.

        Only one chunk is taken and the request goes to the end of the queue, so that waiting jobs come first.
        """
        if self._shutdown.is_set():
            return
        chunk = self._claim(job_id, most_attempts=HELPER_ATTEMPTS)
        if chunk is None:
            return
        folder = self._files.retained_folder(job_id)
        if not folder.is_dir() or not TASK.validate_json(chunk.task).source.is_file():
            log.warning("job %s: this host does not have its files and cannot help", job_id)
            self._chunks.give_back(chunk, count_attempt=False)
            return
        try:
            self._work(chunk, folder, OneChunk(chunk.frames))
        except LeaseLost:
            log.warning("job %s: chunk %d was lost to another worker", job_id, chunk.number)
            return
        except HandedBack:
            pass  # another worker is notified
        except AppError as error:
            log.info("job %s: chunk %d is left to others: %s %s", job_id, chunk.number, error.code, error.message)
            with suppress(StoreUnavailable):
                self._chunks.give_back(chunk, count_attempt=True)
            return
        self._notifier.request_help(job_id)

    def forget(self, job_id: str) -> None:
        """Delete the chunks of a job that has ended. Never raises."""
        with suppress(StoreUnavailable):  # then they expire
            self._chunks.forget(job_id)

    def _run(self, job_id: str, monitor: Monitor, task: ChunkTask, chunks: Sequence[Chunk]) -> list[Path]:
        """Encode all chunks; return their paths in order."""
        folder = self._files.retained_folder(job_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        text = TASK.dump_json(task).decode()
        key = _key(text, chunks)
        _patiently(
            monitor, lambda: self._chunks.lay_out(job_id, key, text, chunks, keep_seconds=self._hard_limit_seconds)
        )
        _patiently(monitor, lambda: self._tidy(job_id, folder))
        progress = ChunkProgress(monitor, lambda: self._chunks.of_job(job_id), task.plan.duration_seconds)
        while True:
            records = _patiently(monitor, progress.read_records)
            if len(records) != len(chunks):
                raise LeaseLost()  # the chunks belong to another attempt, or were deleted
            if all(record.path is not None for record in records):
                return [folder / record.path.name for record in records if record.path is not None]
            chunk = _patiently(monitor, lambda: self._claim(job_id))  # a lost chunk becomes free when its lease expires
            if chunk is None:
                monitor.check()
                time.sleep(WAIT_SECONDS)
                continue
            self._request_help(job_id, [record for record in records if record.path is None and record.id != chunk.id])
            try:
                self._work(chunk, folder, progress.of(chunk))
            except LeaseLost:
                monitor.check()  # raises if the whole job was lost, not only this chunk
                log.warning("job %s: chunk %d was lost to another worker", job_id, chunk.number)

    def _claim(self, job_id: str, *, most_attempts: int | None = None) -> ChunkRecord | None:
        return self._chunks.claim(job_id, self._worker, lease_seconds=self._lease_seconds, most_attempts=most_attempts)

    def _request_help(self, job_id: str, left: Sequence[ChunkRecord]) -> None:
        """Request help unless a helper is at work: a helper that completes a chunk requests the next helper."""
        if not any(record.lease is not None for record in left):
            for _ in left[: self._helpers]:
                self._notifier.request_help(job_id)

    def _work(self, chunk: ChunkRecord, folder: Path, monitor: OneChunk) -> None:
        """Encode one chunk under its lease.

        Raises:
            LeaseLost: another worker has the chunk now, or the whole job. EncodeFailed, DiskFull, and errors of
                ``monitor``: the chunk's file is deleted.
        """

        def renew() -> None:
            if not self._chunks.renew(chunk, lease_seconds=self._lease_seconds, frames_done=monitor.frames):
                raise LeaseLost()

        renewer = LeaseRenewer(
            chunk.job_id,
            renew,
            self._progress,
            lease_seconds=self._lease_seconds,
            hard_limit_seconds=self._hard_limit_seconds,
            shutdown=self._shutdown,
            claimed_at=time.monotonic(),
        )
        path = folder / _name(chunk)
        try:
            with renewer:
                monitor.renewer = renewer
                placed = Chunk(chunk.number, chunk.start_seconds, chunk.frames, path)
                self._encoder.encode_chunk(TASK.validate_json(chunk.task), placed, monitor)
                recorded = self._finish(chunk, path, monitor)
        except HandedBack:
            with suppress(StoreUnavailable):
                self._chunks.give_back(chunk, count_attempt=False)
            raise
        if not recorded:
            path.unlink(missing_ok=True)
            raise LeaseLost()

    def _finish(self, chunk: ChunkRecord, path: Path, monitor: Monitor) -> bool:
        """Record the path of the chunk; repeat while the database is unavailable and the lease lasts.

        If the reply to an earlier write was lost, the file that the record names shows that the write succeeded.
        """
        size = _written(path)
        return _patiently(
            monitor, lambda: self._chunks.finish(chunk, path, size) or self._chunks.is_finished(chunk, path)
        )

    def _tidy(self, job_id: str, folder: Path) -> None:
        """Delete files and reopen records of an earlier attempt; matching pairs stay."""
        found = list(folder.iterdir())  # before the records: a file is created after its claim is recorded
        records = self._chunks.of_job(job_id)
        needed = {_name(record) for record in records if record.lease is not None}
        for record in records:
            if record.path is not None:
                # Compare by name: the folder may have been moved.
                path = folder / record.path.name
                if path.is_file() and path.stat().st_size == record.size_bytes:
                    needed.add(path.name)
                else:
                    self._chunks.reopen(record)
        for path in found:
            if path.name not in needed:
                path.unlink(missing_ok=True)


def _patiently(monitor: Monitor, ask: Callable[[], _T]) -> _T:
    """Return the answer of the database; wait until ``monitor`` raises, usually because the lease has expired.

    ``ask`` must be safe to repeat.
    """
    while True:
        try:
            return ask()
        except StoreUnavailable:
            monitor.check()
            time.sleep(WAIT_SECONDS)


def _written(path: Path) -> int:
    """Sync a file to disk and return its size."""
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise EncodeFailed("A chunk was deleted while it was encoded") from None


def _key(task: str, chunks: Sequence[Chunk]) -> str:
    """Return a short key of the encode: a finished chunk can be reused only for the same encode."""
    ranges = ",".join(f"{chunk.start_seconds:.6f}+{chunk.frames}" for chunk in chunks)
    return hashlib.sha256(f"{task} {ranges}".encode()).hexdigest()[:16]


def _name(chunk: ChunkRecord) -> str:
    """Return the file name of one claim; the fence prevents a worker that lost its lease from writing another's
    file."""
    assert chunk.lease is not None
    return f"{chunk.id}.{chunk.lease.fence}.mp4"
