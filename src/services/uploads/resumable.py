"""Uploads that survive a broken connection: announced, continued where they stopped, and then accepted like any other.

The size of the file on disk is how much has arrived: bytes are counted when they are written, never when they
were promised. A lock on the file keeps two continuations of one upload apart.
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
from src.services.uploads.arriving import STEP_BYTES
from src.services.uploads.uploads import UploadService
from src.utils.allocation import give_back
from src.utils.clock import Clock

PIECE_BYTES = 256 * 1024
UPLOADS_AT_ONCE = 10


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end, or when the sender has gone."""


class ResumableUploadService:
    """Announce, ask, continue, give up. The names of the steps are those of the tus protocol."""

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
        """Announce a file of so many bytes.

        Raises:
            UploadTypeUnsupported, BodyTooLarge: it would be refused in the end, so it is now.
            TooManyPending: the owner has as many uploads under way as allowed.
            QuotaExceeded, DiskFull: there is no room for it.
        """
        name = self._accepting.require_acceptable(filename)
        if length > self.max_bytes:
            raise BodyTooLarge(max_bytes=self.max_bytes)
        self._require_place(owner, more=1)
        now = self._clock.now()
        upload = ResumableUpload(VideoData.new_id(), owner, name, length, now, now + timedelta(seconds=STRAY_SECONDS))
        self._hold(upload)
        try:
            self._uploads.insert(upload)
            self._require_place(owner, more=0)  # once more: of several at the same time none goes over the limit
            self._path(upload).touch(mode=0o600)
        except BaseException:
            self._forget(upload)
            raise
        return upload

    def find(self, upload_id: str, owner: Owner) -> tuple[ResumableUpload, int]:
        """The owner's upload and how many of its bytes are here.

        Raises:
            UploadNotFound: there is none, or it was forgotten, or it is whole and an encode request by now.
            NotOwner: it belongs to someone else.
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
        """Like ``find``. An upload whose last byte came in the moment when the service died becomes whole now."""
        upload, here = self.find(upload_id, owner)
        if here == upload.length:
            with self._locked(self._path(upload)):
                self._finish(upload)
        return upload, here

    def append(self, upload_id: str, owner: Owner, offset: int, source: Readable) -> tuple[ResumableUpload, int]:
        """Write what ``source`` gives behind ``offset``; the upload and how much of it is here now.

        A source that ends early leaves what has arrived. With the last byte the file is checked and becomes the
        encode request with the upload's id.

        Raises:
            UploadOffsetMismatch: so many bytes are not here.
            UploadLocked: another request is writing now.
            UploadTooLong: more than was announced.
            UploadTypeUnsupported, MediaInvalid, TooManyPending: the whole file was refused and deleted.
            QuotaExceeded, DiskFull: there is no room for these bytes; what has arrived stays.
        """
        upload, _ = self.find(upload_id, owner)
        path = self._path(upload)
        with self._locked(path) as file:
            here = file.seek(0, os.SEEK_END)
            if here != offset:
                raise UploadOffsetMismatch(offset=here)
            here += self._write(file, source, here, upload.length - here)
            if here == upload.length:
                self._finish(upload)
            else:
                self._hold(upload)
                self._uploads.prolong(upload.id, self._clock.now() + timedelta(seconds=STRAY_SECONDS))
        return upload, here

    def terminate(self, upload_id: str, owner: Owner) -> None:
        """Forget an upload and delete what has arrived of it."""
        upload, _ = self.find(upload_id, owner)
        self._forget(upload)
        self._path(upload).unlink(missing_ok=True)

    def _hold(self, upload: ResumableUpload) -> None:
        """The owner has to have the room for all of it, for as long as it may be continued. The disk's room is taken
        when bytes arrive: what was only promised must not keep others from it."""
        self._space.hold(upload.owner, upload.id, upload.length, seconds=STRAY_SECONDS)

    def _forget(self, upload: ResumableUpload) -> None:
        self._uploads.delete(upload.id)
        self._space.release(upload.owner, upload.id)

    def _require_place(self, owner: Owner, *, more: int) -> None:
        if self._uploads.count(owner) + more > UPLOADS_AT_ONCE:
            raise TooManyPending("This account has as many uploads under way as it may have.", limit=UPLOADS_AT_ONCE)

    def _finish(self, upload: ResumableUpload) -> None:
        try:
            self._accepting.accept(upload.owner, self._path(upload), upload.filename, job_id=upload.id)
        except (StoreUnavailable, Busy):  # it is all here: whoever asks for its offset later finds it accepted
            raise
        except BaseException:
            self._forget(upload)
            raise
        self._forget(upload)

    def _write(self, file: Writable, source: Readable, here: int, wanted: int) -> int:
        written, taken = 0, here
        try:
            while piece := source.read(PIECE_BYTES):
                end = here + written + len(piece)
                if end > here + wanted:
                    raise UploadTooLong()
                if end > taken:
                    ahead = min(end + STEP_BYTES, here + wanted)
                    taken = self._files.take_room(file.fileno(), taken, ahead, at_least=end)
                file.write(piece)
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


class Writable(Protocol):
    """An open file."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to a place; where it is."""

    def write(self, data: bytes, /) -> int | None:
        """Write bytes."""

    def fileno(self) -> int:
        """Its descriptor."""
