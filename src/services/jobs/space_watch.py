"""Stops downloads that exceed the owner's quota or the free disk space while the data arrives."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from src.errors import QuotaExceeded, StoreUnavailable
from src.models.params import RecordingParams, StreamParams
from src.models.progress import Phase, Progress
from src.models.video import VideoJob
from src.services.file_store import FileStore
from src.services.jobs.owner_space import HOLD_SECONDS, OwnerSpace

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
# Space is reserved in advance, so that the database is not queried for every packet.
_STEP_BYTES = 4_000_000


class SpaceWatch:
    """The space that one attempt reserves from its owner's quota. Thread-safe."""

    def __init__(self, space: OwnerSpace, files: FileStore, job: VideoJob) -> None:
        """Start without a reservation."""
        self._files, self._job = files, job
        self._space = space if space.is_limited(job.owner) else None
        self._lock = threading.Lock()
        self._held = 0
        self._checked = self._extended = self._seen_bytes = 0.0
        # Data of earlier attempts counts too; otherwise each attempt could fetch up to the whole quota again.
        self._before = files.retained_bytes(job.id)
        # A recording is joined into a second file before its parts are deleted.
        self._joined = job.kind in (StreamParams.kind, RecordingParams.kind)

    def check(self, progress: Progress) -> None:
        """Check a reading against the owner's quota and the disk.

        Only downloads are checked: once everything is fetched, the work is finished even if it takes more space.

        Raises:
            QuotaExceeded: the owner's quota is used up.
            DiskFull: the disk has less free space than ``MIN_FREE_DISK_MB``.
        """
        if progress.phase is not Phase.DOWNLOADING:
            return
        fetched = self._before + (progress.bytes_done or 0)
        with self._lock:
            now = time.monotonic()
            if fetched > self._held or now - self._extended > HOLD_SECONDS / 3:
                self._hold(fetched, now)
            if now - self._checked >= CHECK_SECONDS or fetched - self._seen_bytes >= _STEP_BYTES:
                self._checked, self._seen_bytes = now, fetched
                self._files.require_room(fetched if self._joined else 0)

    def hold_result(self, size_bytes: int) -> None:
        """Reserve the size of the finished file.

        For an account the file is accepted even if it exceeds the quota: the size of a result is not known in advance,
        and no new work starts until there is room.

        Raises:
            QuotaExceeded: an owner without an account would exceed its quota.
        """
        if self._space is None:
            return
        try:
            self._space.hold(self._job.owner, self._job.id, size_bytes)
        except QuotaExceeded:
            if self._job.owner.is_anonymous:
                raise
        except StoreUnavailable:
            log.warning("job %s: the space that its owner's files take is unknown now", self._job.id)

    def end(self) -> None:
        """Release the reservation: the record names the file, or the job has no file."""
        if self._space is not None:
            with suppress(StoreUnavailable):  # then it expires
                self._space.release(self._job.owner, self._job.id)

    def _hold(self, fetched: int, now: float) -> None:
        if self._space is None:
            return
        ahead = max(self._held, fetched + max(_STEP_BYTES, fetched // 8))
        for size_bytes in (ahead, fetched):
            try:
                self._space.hold(self._job.owner, self._job.id, size_bytes)
            except StoreUnavailable:
                return  # retried with the next reading
            except QuotaExceeded:
                if size_bytes == fetched:
                    raise
                continue
            self._held, self._extended = size_bytes, now
            return
