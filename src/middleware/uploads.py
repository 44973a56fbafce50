"""Receiving an uploaded file: streamed to disk as it arrives, bounded, and gone again unless it was accepted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from flask import Request, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from src.data.video_data import VideoData
from src.errors import RequestTooSlow, StoreUnavailable, UploadIncomplete, UploadMissing, UploadTooLarge, disk_fault
from src.middleware.services_of_request import services
from src.models.video import Owner
from src.services.uploads.space import UploadSpace
from src.services.uploads.uploads import Media
from src.utils.allocation import give_back
from src.utils.sending import came_too_slowly

# Boundaries and part headers of a form with one file and a few small fields.
FORM_OVERHEAD_BYTES = 64 * 1024
_RECEIVED = "yt_downloader.received"


class StreamingRequest(Request):
    """A request whose files go straight into the uploads folder, whatever their size: one copy, no memory."""

    # Of the fields that are no files. The parser counts its own buffer in, so 64 kB would refuse large files.
    max_form_memory_size = 1024 * 1024
    max_form_parts = 20
    accepts: Media = "video"
    """What the files of this request may be."""
    field = "video"
    """The form field that is asked for."""
    arrives_for: Owner | None = None
    """Who has to have the room for the files."""
    largest = 0
    """The most bytes that are accepted."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not filename:
            raise _missing(self.field)
        services().uploads.require_acceptable(filename, self.accepts)
        folder = services().files.incoming
        received = tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False)  # noqa: SIM115
        # Locked while this process lives and receives: what a killed one leaves is known by that. The lock belongs to
        # what was opened and not to the file object, which is closed before the file is looked at.
        fcntl.flock(received, fcntl.LOCK_EX)
        if self.arrives_for is None:  # nobody asked for a file
            raise _missing(self.field)
        hold_id = VideoData.new_id()
        space = services().upload_space(self.arrives_for, hold_id, received.fileno())
        entry = _Entry(Path(received.name), os.dup(received.fileno()), hold_id, space)
        self.environ.setdefault(_RECEIVED, []).append(entry)
        # What stands around the file in the form takes some of the announced length.
        space.expect(min((total_content_length or 0) - FORM_OVERHEAD_BYTES, self.largest))
        return cast("IO[bytes]", _Counted(received, space))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that is being received: where it lies, its lock, and the room that is held for it."""

    path: Path
    lock: int
    hold_id: str
    space: UploadSpace


class _Counted:
    """A file that asks for room before it is written to."""

    def __init__(self, file: IO[bytes], space: UploadSpace) -> None:
        self._file, self._space = file, space
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write at the end.

        Raises:
            QuotaExceeded, DiskFull: there is no room for it.
        """
        self._space.need(self._size + len(data))
        self._size += len(data)
        try:
            return self._file.write(data)
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@dataclass(frozen=True, slots=True)
class Received:
    """A file of a form, whole on disk. Room is held for it until it has a record of this id, or the block ends."""

    path: Path
    filename: str
    fields: dict[str, str]
    record_id: str


@contextlib.contextmanager
def received_file(owner: Owner, field: str, *, media: Media = "video", max_mb: int | None = None) -> Iterator[Received]:
    """The file of this form field, of at most ``max_mb`` (``MAX_UPLOAD_SIZE_MB`` when not told), and the other fields.
    ``owner`` has to have the room for it.

    Whatever of the file is still there when the block ends, is deleted.

    Raises:
        UploadMissing: no form, no such field, or no file in it.
        UploadTooLarge: more than that.
        UploadIncomplete: the connection ended early. RequestTooSlow: it was ended, because the file came too slowly.
        UploadTypeUnsupported: an extension that is not accepted, noticed before its bytes are kept.
        QuotaExceeded, DiskFull: there is no room for all of it, noticed before it is written.
    """
    max_mb = max_mb or services().settings.max_upload_size_mb
    limit = max_mb * 1_000_000
    request.max_content_length = limit + FORM_OVERHEAD_BYTES
    receiving = cast(StreamingRequest, request)
    receiving.accepts, receiving.field, receiving.arrives_for, receiving.largest = media, field, owner, limit
    try:
        try:
            file: Any = request.files.get(field)
        except RequestEntityTooLarge:
            raise UploadTooLarge(max_mb=max_mb) from None
        except (ClientDisconnected, OSError, HTTPException) as error:
            if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                raise
            if came_too_slowly(request.environ):
                raise RequestTooSlow() from None
            raise UploadIncomplete() from None
        if file is None or not file.filename:
            raise _missing(field)
        file.stream.flush()
        path = Path(file.stream.name)
        give_back(file.stream.fileno())
        file.close()
        if path.stat().st_size > limit:
            raise UploadTooLarge(max_mb=max_mb)
        entries: list[_Entry] = request.environ[_RECEIVED]
        record_id = next(entry.hold_id for entry in entries if entry.path == path)
        yield Received(path, file.filename, request.form.to_dict(), record_id)
    finally:
        for entry in request.environ.pop(_RECEIVED, []):
            entry.path.unlink(missing_ok=True)
            os.close(entry.lock)
            with contextlib.suppress(StoreUnavailable):  # then it runs out by itself
                entry.space.end()


def _missing(field: str) -> UploadMissing:
    return UploadMissing(f"No file was sent: use the form field '{field}'.")
