"""Receives uploads that can be continued after a broken connection; a complete file is accepted like other uploads.

The size of the file on disk is the number of received bytes: only written bytes count. A lock on the file prevents
two requests from continuing one upload at the same time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from src.data.upload_data import UploadData
from src.data.video_data import VideoData
from src.errors import (
    BodyTooLarge,
    Busy,
    NotOwner,
    StoreUnavailable,
    TooManyPending,
    UploadLocked,
    UploadNotFound,
    UploadOffsetMismatch,
    UploadTooLong,
    disk_fault,
)
from src.models.upload import ResumableUpload
from src.models.video import Owner
from src.services.file_store import STRAY_SECONDS, FileStore
from src.services.jobs.owner_space import OwnerSpace
from src.services.uploads.space import STEP_BYTES
from src.services.uploads.uploads import UploadService
from src.utils.allocation import give_back
from src.utils.clock import Clock

PIECE_BYTES = 256 * 1024
UPLOADS_AT_ONCE = 10


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; empty at the end, or when the sender has disconnected."""


class ResumableUploadService:
    """Creates, reports, continues and terminates uploads. The terms are those of the tus protocol."""

    def __init__(
        self,
        uploads: UploadData,
        accepting: UploadService,
        files: FileStore,
        space: OwnerSpace,
        clock: Clock,
        *,
        max_bytes: int,
    ) -> None:
        self._space = space
        self._uploads, self._accepting, self._files, self._clock = uploads, accepting, files, clock
        self.max_bytes = max_bytes

    def create(self, owner: Owner, filename: str, length: int) -> ResumableUpload:
        """Create an upload of ``length`` bytes.

        Raises:
            UploadTypeUnsupported, BodyTooLarge: the complete file would be refused.
            TooManyPending: the owner has too many uploads in progress.
            QuotaExceeded, DiskFull: there is no room for the file.
        """
        name = self._accepting.require_acceptable(filename)
        if length > self.max_bytes:
            raise BodyTooLarge(max_bytes=self.max_bytes)
        self._require_below_limit(owner, more=1)
        now = self._clock.now()
        upload = ResumableUpload(VideoData.new_id(), owner, name, length, now, now + timedelta(seconds=STRAY_SECONDS))
        self._hold(upload)
        try:
            self._uploads.insert(upload)
            self._require_below_limit(owner, more=0)  # again, so that concurrent requests cannot exceed the limit
            self._path(upload).touch(mode=0o600)
        except BaseException:
            self._forget(upload)
            raise
        return upload

    def find(self, upload_id: str, owner: Owner) -> tuple[ResumableUpload, int]:
        """Return the owner's upload and the number of its received bytes.

        Raises:
            UploadNotFound: the upload is unknown or deleted, or complete and an encode request by now.
            NotOwner: it belongs to another owner.
        """
        upload = self._uploads.find(upload_id)
        if upload is None:
            raise UploadNotFound()
        if upload.owner != owner:
            raise NotOwner()
        try:
            return upload, self._path(upload).stat().st_size
        except FileNotFoundError:
            raise UploadNotFound() from None

    def resume(self, upload_id: str, owner: Owner) -> tuple[ResumableUpload, int]:
        """Like ``find``; also completes an upload whose last byte arrived when the service died."""
        upload, received = self.find(upload_id, owner)
        if received == upload.length:
            with self._locked(self._path(upload)):
                self._finish(upload)
        return upload, received

    def append(self, upload_id: str, owner: Owner, offset: int, source: Readable) -> tuple[ResumableUpload, int]:
        """Write the bytes of ``source`` at ``offset``; return the upload and the number of received bytes.

        If the source ends early, the received bytes stay. After the last byte the file is checked and becomes the
        encode request with the upload's id.

        Raises:
            UploadOffsetMismatch: ``offset`` is not the number of received bytes.
            UploadLocked: another request is writing now.
            UploadTooLong: the source has more bytes than announced.
            UploadTypeUnsupported, MediaInvalid, TooManyPending: the complete file was refused and deleted.
            QuotaExceeded, DiskFull: there is no room for these bytes; the received bytes stay.
        """
        upload, _ = self.find(upload_id, owner)
        path = self._path(upload)
        with self._locked(path) as file:
            received = file.seek(0, os.SEEK_END)
            if received != offset:
                raise UploadOffsetMismatch(offset=received)
            received += self._write(file, source, received, upload.length - received)
            if received == upload.length:
                self._finish(upload)
            else:
                self._hold(upload)
                self._uploads.prolong(upload.id, self._clock.now() + timedelta(seconds=STRAY_SECONDS))
        return upload, received

    def terminate(self, upload_id: str, owner: Owner) -> None:
        """Delete an upload and its received bytes."""
        upload, _ = self.find(upload_id, owner)
        self._forget(upload)
        self._path(upload).unlink(missing_ok=True)

    def _hold(self, upload: ResumableUpload) -> None:
        """Reserve the whole size in the owner's quota for as long as the upload may be continued. Disk space is
        reserved only when bytes arrive, so that announcements do not block other users."""
        self._space.hold(upload.owner, upload.id, upload.length, seconds=STRAY_SECONDS)

    def _forget(self, upload: ResumableUpload) -> None:
        self._uploads.delete(upload.id)
        self._space.release(upload.owner, upload.id)

    def _require_below_limit(self, owner: Owner, *, more: int) -> None:
        if self._uploads.count(owner) + more > UPLOADS_AT_ONCE:
            raise TooManyPending("This account has too many uploads in progress.", limit=UPLOADS_AT_ONCE)

    def _finish(self, upload: ResumableUpload) -> None:
        try:
            self._accepting.accept(upload.owner, self._path(upload), upload.filename, job_id=upload.id)
        except (StoreUnavailable, Busy):  # the file is complete: the next request for its offset accepts it
            raise
        except BaseException:
            self._forget(upload)
            raise
        self._forget(upload)

    def _write(self, file: Writable, source: Readable, start: int, most: int) -> int:
        written, taken = 0, start
        try:
            while piece := source.read(PIECE_BYTES):
                end = start + written + len(piece)
                if end > start + most:
                    raise UploadTooLong()
                if end > taken:
                    ahead = min(end + STEP_BYTES, start + most)
                    taken = self._files.take_room(file.fileno(), taken, ahead, at_least=end)
                _write_all(file, piece)
                written += len(piece)
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise
        finally:
            give_back(file.fileno())
        return written

    @contextmanager
    def _locked(self, path: Path) -> Iterator[Writable]:
        try:
            file = path.open("r+b", buffering=0)
        except FileNotFoundError:
            raise UploadNotFound() from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadLocked() from None
            yield file

    def _path(self, upload: ResumableUpload) -> Path:
        return self._files.incoming / f"tus-{upload.id}"


def _write_all(file: Writable, piece: bytes) -> None:
    """Write a piece completely: where the disk gets full within it, one call stores a part and raises nothing."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


class Writable(Protocol):
    """An open file without a buffer of its own."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move to an offset and return it."""

    def write(self, data: memoryview, /) -> int:
        """Write at least one of these bytes, and return how many."""

    def fileno(self) -> int:
        """Return the descriptor."""
