"""Receives uploaded files: streamed to disk with a size limit, and deleted unless the request accepts them."""

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
    """A request whose files are written directly to the uploads folder, regardless of their size."""

    # For fields that are not files. The parser counts its buffer as well, so 64 kB would refuse large files.
    max_form_memory_size = 1024 * 1024
    max_form_parts = 20
    accepts: Media = "video"
    """The type of files that this request may contain."""
    field = "video"
    """The form field of the file."""
    arrives_for: Owner | None = None
    """The owner whose space the files use."""
    largest = 0
    """The largest file that is accepted, in bytes."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not filename or self.arrives_for is None:  # no file, or an endpoint that expects none
            raise _missing(self.field)
        services().uploads.require_acceptable(filename, self.accepts)
        folder = services().files.incoming
        received = tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False)  # noqa: SIM115
        # Locked while this process receives the file, so that files of killed processes can be recognised. The lock
        # belongs to the open file description, not to the file object, which is closed before the file is checked.
        fcntl.flock(received, fcntl.LOCK_EX)
        hold_id = VideoData.new_id()
        space = services().upload_space(self.arrives_for, hold_id, received.fileno())
        entry = _Entry(Path(received.name), os.dup(received.fileno()), hold_id, space)
        self.environ.setdefault(_RECEIVED, []).append(entry)
        # The form's other content takes a part of the announced length.
        space.expect(min((total_content_length or 0) - FORM_OVERHEAD_BYTES, self.largest))
        return cast("IO[bytes]", _Counted(received, space))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that is being received: its path, its lock, and its reserved space."""

    path: Path
    lock: int
    hold_id: str
    space: UploadSpace


class _Counted:
    """A file that reserves space before each write."""

    def __init__(self, file: IO[bytes], space: UploadSpace) -> None:
        self._file, self._space = file, space
        self._size = 0

    def write(self, data: bytes) -> int:
        """Append data.

        Raises:
            QuotaExceeded, DiskFull: there is not enough space.
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
    """A complete file of a form. Its space stays reserved until a record has this id, or the block ends."""

    path: Path
    filename: str
    fields: dict[str, str]
    record_id: str


@contextlib.contextmanager
def received_file(owner: Owner, field: str, *, media: Media = "video", max_mb: int | None = None) -> Iterator[Received]:
    """Yield the file of this form field, of at most ``max_mb`` (by default ``MAX_UPLOAD_SIZE_MB``), and other fields.

    The file uses ``owner``'s space. If it still exists at the end of the block, it is deleted.

    Raises:
        UploadMissing: no form, no such field, or no file in it.
        UploadTooLarge: larger than the limit.
        UploadIncomplete: the connection ended early.
        RequestTooSlow: the connection was closed because the file came too slowly.
        UploadTypeUnsupported: an extension that is not accepted; raised before any bytes are stored.
        QuotaExceeded, DiskFull: not enough space; raised before the bytes are written.
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
            with contextlib.suppress(StoreUnavailable):  # the reservation then expires by itself
                entry.space.end()


def _missing(field: str) -> UploadMissing:
    return UploadMissing(f"No file was sent: use the form field '{field}'.")
