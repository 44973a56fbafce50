"""Long encodes by many hands: the worker of a job lays out its chunks, and workers that are free take one at a time.

The owner works on chunks itself, so a job ends though nobody helps; it waits only for chunks that somebody has now.
A chunk is claimed with a lease and a fence, as jobs are: a worker's death costs the chunk it had, the owner's too, for
finished chunks lie in the job's kept folder until the job has ended.
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
HELPERS_TRY = 2  # a chunk that helpers began so often in vain is left to the owner, whose error ends the job
WAIT_SECONDS = 0.3


class ChunkWorkers:
    """The workers of all hosts that share the folders, as seen by one of them."""

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
        """``helpers``: how many workers are asked to help with one encode; with 0 it stays one piece."""
        self._chunks, self._encoder, self._files, self._progress = chunks, encoder, files, progress
        self._bell, self._worker, self._helpers = notifier, worker, helpers
        self._lease_seconds, self._hard_limit_seconds, self._shutdown = lease_seconds, hard_limit_seconds, shutdown

    @contextmanager
    def runner(self, job: VideoJob, monitor: Monitor) -> Iterator[ChunkRunner | None]:
        """What encodes the chunks of this job, for the owner; ``None`` when nobody would help.

        When the block ends, the chunks are forgotten, unless another worker will go on with them.
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
        """Take one chunk of somebody's job, if there is one, and ask for more help. Never raises for what a chunk can
        do wrong.

        One, and then to the end of the queue: jobs that wait there come first.
        """
        if self._shutdown.is_set():
            return
        chunk = self._claim(job_id, most_attempts=HELPERS_TRY)
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
            pass  # to whichever worker is notified
        except AppError as error:
            log.info("job %s: chunk %d is left to others: %s %s", job_id, chunk.number, error.code, error.message)
            with suppress(StoreUnavailable):
                self._chunks.give_back(chunk, count_attempt=True)
            return
        self._bell.request_help(job_id)

    def forget(self, job_id: str) -> None:
        """Have nobody work on this job's chunks any more: it has ended. Never raises."""
        with suppress(StoreUnavailable):  # then they go by themselves, at the latest
            self._chunks.forget(job_id)

    def _run(self, job_id: str, monitor: Monitor, task: ChunkTask, chunks: Sequence[Chunk]) -> list[Path]:
        """Have all chunks made; where they lie, in order."""
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
            records = _patiently(monitor, progress.look)
            if len(records) != len(chunks):
                raise LeaseLost()  # they are another's now, or none's
            if all(record.path is not None for record in records):
                return [folder / record.path.name for record in records if record.path is not None]
            chunk = _patiently(monitor, lambda: self._claim(job_id))  # one that was lost on the way is free in a while
            if chunk is None:
                monitor.check()
                time.sleep(WAIT_SECONDS)
                continue
            self._invite(job_id, [record for record in records if record.path is None and record.id != chunk.id])
            try:
                self._work(chunk, folder, progress.of(chunk))
            except LeaseLost:
                monitor.check()  # the whole job, or just this chunk?
                log.warning("job %s: chunk %d was lost to another worker", job_id, chunk.number)

    def _claim(self, job_id: str, *, most_attempts: int | None = None) -> ChunkRecord | None:
        return self._chunks.claim(job_id, self._worker, lease_seconds=self._lease_seconds, most_attempts=most_attempts)

    def _invite(self, job_id: str, left: Sequence[ChunkRecord]) -> None:
        """Ask for help, unless somebody helps already: who has made a chunk asks for the next one by itself."""
        if not any(record.lease is not None for record in left):
            for _ in left[: self._helpers]:
                self._bell.request_help(job_id)

    def _work(self, chunk: ChunkRecord, folder: Path, monitor: OneChunk) -> None:
        """Encode one chunk under its lease.

        Raises:
            LeaseLost: another worker has it now, or the whole job.
            EncodeFailed, DiskFull, and what ``monitor`` raises: nothing is left behind.
        """

        def renew() -> None:
            if not self._chunks.renew(chunk, lease_seconds=self._lease_seconds, frames_done=monitor.frames):
                raise LeaseLost()

        keeper = LeaseRenewer(
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
            with keeper:
                monitor.keeper = keeper
                place = Chunk(chunk.number, chunk.start_seconds, chunk.frames, path)
                self._encoder.encode_chunk(TASK.validate_json(chunk.task), place, monitor)
                kept = self._finish(chunk, path, monitor)
        except HandedBack:
            with suppress(StoreUnavailable):
                self._chunks.give_back(chunk, count_attempt=False)
            raise
        if not kept:
            path.unlink(missing_ok=True)
            raise LeaseLost()

    def _finish(self, chunk: ChunkRecord, path: Path, monitor: Monitor) -> bool:
        """Tell where the chunk lies, again and again while the database is away and the lease lasts: the work was done.

        An answer that got lost is recognised by the file that the record names.
        """
        size = _written(path)
        return _patiently(
            monitor, lambda: self._chunks.finish(chunk, path, size) or self._chunks.is_finished(chunk, path)
        )

    def _tidy(self, job_id: str, folder: Path) -> None:
        """Files and records of an earlier attempt: what belongs together stays."""
        found = list(folder.iterdir())  # before the records: a file is made after its claim is written
        records = self._chunks.of_job(job_id)
        needed = {_name(record) for record in records if record.lease is not None}
        for record in records:
            if record.path is not None:
                # By its name: the folder may have been moved since.
                path = folder / record.path.name
                if path.is_file() and path.stat().st_size == record.size_bytes:
                    needed.add(path.name)
                else:
                    self._chunks.reopen(record)
        for path in found:
            if path.name not in needed:
                path.unlink(missing_ok=True)


def _patiently(monitor: Monitor, ask: Callable[[], _T]) -> _T:
    """The answer of the database, waited for until ``monitor`` says why to stop: most often that the lease has run out.

    ``ask`` must do no harm when it is repeated.
    """
    while True:
        try:
            return ask()
        except StoreUnavailable:
            monitor.check()
            time.sleep(WAIT_SECONDS)


def _written(path: Path) -> int:
    """The size of a file that is on disk for good."""
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise EncodeFailed("A chunk was deleted while it was made") from None


def _key(task: str, chunks: Sequence[Chunk]) -> str:
    """What chunks are made of, in short: a finished one serves only the same encode."""
    places = ",".join(f"{chunk.start_seconds:.6f}+{chunk.frames}" for chunk in chunks)
    return hashlib.sha256(f"{task} {places}".encode()).hexdigest()[:16]


def _name(chunk: ChunkRecord) -> str:
    """The file of one claim: the fence keeps a worker that lost its lease from writing into another's file."""
    assert chunk.lease is not None
    return f"{chunk.id}.{chunk.lease.fence}.mp4"
