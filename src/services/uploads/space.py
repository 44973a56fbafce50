"""Room for a file while its bytes arrive: its owner's share and the disk, taken before they are written."""

from __future__ import annotations

import time

from src.errors import QuotaExceeded
from src.models.video import Owner
from src.services.file_store import FileStore
from src.services.jobs.owner_space import HOLD_SECONDS, OwnerSpace

# How far ahead room is taken where nobody has said how much will come.
STEP_BYTES = 4_000_000


class Arriving:
    """One file. What was taken for it is given back with ``end``; its bytes count as soon as a record names it."""

    def __init__(self, space: OwnerSpace, files: FileStore, owner: Owner, hold_id: str, file: int) -> None:
        """``file`` is the descriptor that is written to; ``hold_id`` the id of the record that will name the file."""
        self._space, self._files, self._owner, self._hold_id, self._file = space, files, owner, hold_id, file
        self._held = self._taken = 0
        self._prolong_at = 0.0
        self._limited = space.is_limited(owner)

    def expect(self, size_bytes: int) -> None:
        """Take room for a file whose size was announced. Raises as ``need``."""
        if size_bytes > 0:
            self._hold(size_bytes)
            self._take(size_bytes)

    def need(self, end: int) -> None:
        """Before the byte before ``end`` is written.

        Raises:
            QuotaExceeded: its owner may have no more.
            DiskFull: the disk would have less room than ``MIN_FREE_DISK_MB``.
        """
        if self._limited and (end > self._held or time.monotonic() > self._prolong_at):
            try:
                self._hold(max(end, self._held) if end <= self._held else end + STEP_BYTES)
            except QuotaExceeded:
                if end <= self._held:
                    raise
                self._hold(end)
        if end > self._taken:
            self._take(end + STEP_BYTES, at_least=end)

    def end(self) -> None:
        """Hold nothing any more: there is a record of the file, or there is no file."""
        if self._limited and self._held:
            self._space.release(self._owner, self._hold_id)
            self._held = 0

    def _hold(self, size_bytes: int) -> None:
        if self._limited:
            self._space.hold(self._owner, self._hold_id, size_bytes)
            self._held = size_bytes
            self._prolong_at = time.monotonic() + HOLD_SECONDS / 3

    def _take(self, end: int, *, at_least: int | None = None) -> None:
        self._taken = self._files.take_room(self._file, self._taken, end, at_least=at_least)
