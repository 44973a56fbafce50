"""Ends work that fetches more than its owner may have, or than the disk has room for, while the bytes arrive."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from src.errors import QuotaExceeded, StoreUnavailable
from src.models.params import StreamParams
from src.models.progress import Phase, Progress
from src.models.video import VideoJob
from src.services.file_store import FileStore
from src.services.jobs.owner_space import HOLD_SECONDS, OwnerSpace

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
# Room is held ahead of what was fetched, so that the database is not asked for every packet.
_STEP_BYTES = 4_000_000


class SpaceWatch:
    """What one attempt holds of its owner's share. Its methods may be called from any thread."""

    def __init__(self, space: OwnerSpace | None, files: FileStore, job: VideoJob) -> None:
        """Without ``space`` no owner has a limit."""
        self._files, self._job = files, job
        self._space = space if space is not None and space.is_limited(job.owner) else None
        self._lock = threading.Lock()
        self._held = 0
        self._looked = self._prolonged = self._seen_bytes = 0.0
        # What earlier attempts left counts too, or each attempt could fetch the whole share again.
        self._before = files.kept_bytes(job.id)
        # What a recording has captured is joined into a second file before the first is deleted.
        self._joined = job.kind == StreamParams.kind

    def look(self, progress: Progress) -> None:
        """Check a reading against the owner's share and the disk.

        Only while bytes arrive: what was fetched is finished, even where that takes some more room.

        Raises:
            QuotaExceeded: the owner may have no more.
            DiskFull: the disk has less room than ``MIN_FREE_DISK_MB``.
        """
        if progress.phase is not Phase.DOWNLOADING:
            return
        fetched = self._before + (progress.bytes_done or 0)
        with self._lock:
            now = time.monotonic()
            if fetched > self._held or now - self._prolonged > HOLD_SECONDS / 3:
                self._hold(fetched, now)
            if now - self._looked >= LOOK_SECONDS or fetched - self._seen_bytes >= _STEP_BYTES:
                self._looked, self._seen_bytes = now, fetched
                self._files.require_room(fetched if self._joined else 0)

    def settle(self, size_bytes: int) -> None:
        """Hold what the finished file takes. Of an account it is accepted even where it takes more than was left: what
        a job makes is not known before, and nothing new begins until there is room.

        Raises:
            QuotaExceeded: an owner without an account would have more than it may.
        """
        if self._space is None:
            return
        try:
            self._space.hold(self._job.owner, self._job.id, size_bytes)
        except QuotaExceeded:
            if self._job.owner.is_anonymous:
                raise
        except StoreUnavailable:
            log.warning("job %s: what its owner's files take cannot be known now", self._job.id)

    def end(self) -> None:
        """Hold nothing any more: the record names the file, or there is none."""
        if self._space is not None:
            with suppress(StoreUnavailable):  # then it runs out by itself
                self._space.release(self._job.owner, self._job.id)

    def _hold(self, fetched: int, now: float) -> None:
        if self._space is None:
            return
        ahead = max(self._held, fetched + max(_STEP_BYTES, fetched // 8))
        for size_bytes in (ahead, fetched):
            try:
                self._space.hold(self._job.owner, self._job.id, size_bytes)
            except StoreUnavailable:
                return  # asked again with the next reading
            except QuotaExceeded:
                if size_bytes == fetched:
                    raise
                continue
            self._held, self._prolonged = size_bytes, now
            return
