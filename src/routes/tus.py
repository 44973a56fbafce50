"""Serves ``/api/encode/tus/``: resumable uploads by tus 1.0.0 (core, creation, termination, expiration).

The last part of an upload's address is the id of the encode request that a complete upload becomes.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC
from email.utils import format_datetime

from flask import Blueprint, Response, request
from werkzeug.exceptions import ClientDisconnected

from src.errors import (
    BodyTooLarge,
    Busy,
    MediaInvalid,
    MediaTypeUnsupported,
    NotOwner,
    RequestInvalid,
    TooManyPending,
    TusVersionUnsupported,
    UploadLocked,
    UploadNotFound,
    UploadOffsetMismatch,
    UploadTooLong,
    UploadTypeUnsupported,
)
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import local_address
from src.middleware.contract import Empty, Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.models.upload import ResumableUpload
from src.models.video import Owner

bp = Blueprint("tus", __name__, url_prefix="/api/encode/tus")

VERSION = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"
_NUMBER = re.compile(r"\d{1,15}")


@bp.route("/", methods=["OPTIONS"], provide_automatic_options=False)
@endpoint(auth=Auth.NONE, replies={204: Empty})
def capabilities() -> Reply:
    """Return the supported parts of the protocol and the largest upload."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,termination,expiration",
        "Tus-Max-Size": str(services().resumable.max_bytes),
    }
    return Response(status=204, headers=headers)


@bp.post("/")
@endpoint(
    auth=Auth.PRIVATE,
    replies={201: Empty},
    errors=(TusVersionUnsupported, RequestInvalid, UploadTypeUnsupported, BodyTooLarge, TooManyPending),
)
def announce(caller: Caller) -> Reply:
    """Announce an upload: ``Upload-Length`` and ``Upload-Metadata`` with a ``filename``."""
    _require_version()
    length = _number("Upload-Length")
    upload = services().resumable.create(Owner.user(caller.user_id), _filename(), length)
    return Response(status=201, headers={"Location": local_address(f"{request.path}{upload.id}"), **_expiry(upload)})


@bp.route("/<upload_id>", methods=["HEAD"], provide_automatic_options=False)
@endpoint(auth=Auth.PRIVATE, replies={200: Empty}, errors=(TusVersionUnsupported, NotOwner, UploadNotFound))
def offset(upload_id: str, caller: Caller) -> Reply:
    """Return how much of an upload has arrived."""
    _require_version()
    upload, here = services().resumable.resume(upload_id, Owner.user(caller.user_id))
    headers = {"Upload-Offset": str(here), "Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    return Response(status=200, headers={**headers, **_expiry(upload)})


@bp.patch("/<upload_id>")
@endpoint(
    auth=Auth.PRIVATE,
    limit=Limit.READ,
    replies={204: Empty},
    errors=(
        TusVersionUnsupported,
        RequestInvalid,
        MediaTypeUnsupported,
        NotOwner,
        UploadNotFound,
        UploadOffsetMismatch,
        UploadLocked,
        UploadTooLong,
        MediaInvalid,
        Busy,
    ),
)
def append(upload_id: str, caller: Caller) -> Reply:
    """Continue an upload at ``Upload-Offset``."""
    _require_version()
    if request.mimetype != MEDIA_TYPE:
        raise MediaTypeUnsupported(f"Send the bytes as {MEDIA_TYPE}.")
    request.max_content_length = services().resumable.max_bytes
    source = _BodyUntilDisconnect()
    upload, here = services().resumable.append(upload_id, Owner.user(caller.user_id), _number("Upload-Offset"), source)
    return Response(status=204, headers={"Upload-Offset": str(here), **_expiry(upload)})


@bp.delete("/<upload_id>")
@endpoint(auth=Auth.PRIVATE, replies={204: Empty}, errors=(TusVersionUnsupported, NotOwner, UploadNotFound))
def terminate(upload_id: str, caller: Caller) -> Reply:
    """Delete an unfinished upload."""
    _require_version()
    services().resumable.terminate(upload_id, Owner.user(caller.user_id))
    return Response(status=204)


@bp.after_request
def _add_tus_headers(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    return response


class _BodyUntilDisconnect:
    """The request body, which may end early: the bytes received before are valid."""

    def read(self, size: int, /) -> bytes:
        try:
            return request.stream.read(size)
        except (ClientDisconnected, ConnectionError):
            return b""


def _require_version() -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise TusVersionUnsupported()


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not _NUMBER.fullmatch(text):
        raise RequestInvalid(f"The header {header} must be a number of bytes.")
    return int(text)


def _filename() -> str:
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if key in {"filename", "name"}:
            try:
                return base64.b64decode(value, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeError):
                break
    raise RequestInvalid("The header Upload-Metadata must contain a filename in Base64.")


def _expiry(upload: ResumableUpload) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(upload.expires_at.astimezone(UTC), usegmt=True)}
