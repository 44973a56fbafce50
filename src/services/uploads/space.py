"""Reserves space for an upload before its bytes are written: in the owner's quota and on the disk."""

from __future__ import annotations

import time

from src.errors import QuotaExceeded
from src.models.video import Owner
from src.services.file_store import FileStore
from src.services.jobs.owner_space import HOLD_SECONDS, OwnerSpace

# How much space is reserved in advance if the size is unknown.
STEP_BYTES = 4_000_000


class UploadSpace:
    """The space of one upload. ``end`` releases the reservation; the bytes count as soon as a record names the file."""

    def __init__(self, space: OwnerSpace, files: FileStore, owner: Owner, hold_id: str, file: int) -> None:
        """Start without a reservation. ``file``: the descriptor that is written to; ``hold_id``: the id of the
        future record."""
        self._space, self._files, self._owner, self._hold_id, self._file = space, files, owner, hold_id, file
        self._held = self._taken = 0
        self._extend_at = 0.0
        self._limited = space.is_limited(owner)

    def expect(self, size_bytes: int) -> None:
        """Reserve space for a file of known size. Raises as ``need``."""
        if size_bytes > 0:
            self._hold(size_bytes)
            self._take(size_bytes)

    def need(self, end: int) -> None:
        """Require space for the bytes up to ``end`` before they are written.

        Raises:
            QuotaExceeded: the owner's quota is used up.
            DiskFull: less than ``MIN_FREE_DISK_MB`` would be left on the disk.
        """
        if self._limited and (end > self._held or time.monotonic() > self._extend_at):
            try:
                self._hold(self._held if end <= self._held else end + STEP_BYTES)
            except QuotaExceeded:
                if end <= self._held:
                    raise
                self._hold(end)
        if end > self._taken:
            self._take(end + STEP_BYTES, at_least=end)

    def end(self) -> None:
        """Release the reservation: the file has a record, or will not exist."""
        if self._limited and self._held:
            self._space.release(self._owner, self._hold_id)
            self._held = 0

    def _hold(self, size_bytes: int) -> None:
        if self._limited:
            self._space.hold(self._owner, self._hold_id, size_bytes)
            self._held = size_bytes
            self._extend_at = time.monotonic() + HOLD_SECONDS / 3

    def _take(self, end: int, *, at_least: int | None = None) -> None:
        self._taken = self._files.take_room(self._file, self._taken, end, at_least=at_least)
