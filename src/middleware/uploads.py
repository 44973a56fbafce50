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

from src.errors import RequestTooSlow, UploadIncomplete, UploadMissing, UploadTooLarge
from src.middleware.wiring import services
from src.services.upload_service import Media
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
        self.environ.setdefault(_RECEIVED, []).append((Path(received.name), os.dup(received.fileno())))
        return received


@dataclass(frozen=True, slots=True)
class Received:
    """A file of a form, whole on disk."""

    path: Path
    filename: str
    fields: dict[str, str]


@contextlib.contextmanager
def received_file(field: str, *, media: Media = "video", max_mb: int | None = None) -> Iterator[Received]:
    """The file of this form field, of at most ``max_mb`` (``MAX_UPLOAD_SIZE_MB`` when not told), and the other fields.

    Whatever of the file is still there when the block ends, is deleted.

    Raises:
        UploadMissing: no form, no such field, or no file in it.
        UploadTooLarge: more than that.
        UploadIncomplete: the connection ended early. RequestTooSlow: it was ended, because the file came too slowly.
        UploadTypeUnsupported: an extension that is not accepted, noticed before its bytes are kept.
    """
    max_mb = max_mb or services().settings.max_upload_size_mb
    limit = max_mb * 1_000_000
    request.max_content_length = limit + FORM_OVERHEAD_BYTES
    receiving = cast(StreamingRequest, request)
    receiving.accepts, receiving.field = media, field
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
        file.close()
        if path.stat().st_size > limit:
            raise UploadTooLarge(max_mb=max_mb)
        yield Received(path, file.filename, request.form.to_dict())
    finally:
        for path, lock in request.environ.pop(_RECEIVED, []):
            path.unlink(missing_ok=True)
            os.close(lock)


def _missing(field: str) -> UploadMissing:
    return UploadMissing(f"No file was sent: use the form field '{field}'.")
