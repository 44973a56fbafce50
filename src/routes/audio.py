"""Serves ``/audio_dl/api/*``: the audio of a video in one request."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from src.errors import AppError, Busy, DiskFull, ErrorKind, JobTimeout, TooManyPending, UrlInvalid
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.audio import AudioHistory, AudioListed, AutoDownloaded, AutoDownloadRequest
from src.routes.schemas.sessions import JobPage

bp = Blueprint("audio", __name__, url_prefix="/audio_dl/api")

_TEXTS = {
    "URL_INVALID": "Only YouTube URLs are supported",
    "VIDEO_ID_INVALID": "Only YouTube URLs are supported",
    "STORE_UNAVAILABLE": "Audio downloader not available",
    "FFMPEG_MISSING": "Audio downloader not available",
}
_NO_JSON = ("The body", "A JSON body")


def success_body(error: AppError) -> dict[str, Any]:
    """Return ``{"success": false, "error"}`` with the documented texts; ``code`` and ``detail`` are more precise."""
    text = _TEXTS.get(error.code, "Download failed")
    if error.code not in _TEXTS and error.kind is not ErrorKind.JOB_FAILED:
        text = "Invalid JSON in request body" if error.message.startswith(_NO_JSON) else error.message
    return {"success": False, "error": text, "code": error.code, "detail": error.message}


@bp.post("/auto-download/", strict_slashes=False)
@endpoint(
    auth=Auth.NONE,
    limit=Limit.START,
    replies={200: AutoDownloaded},
    errors=(UrlInvalid, TooManyPending, JobTimeout, Busy, DiskFull),
    creates="job_id",
)
def auto_download(body: AutoDownloadRequest, caller: Caller) -> Reply:
    """Download the audio of a YouTube video as mp3, wav or flac; the reply comes when the file is ready."""
    download = services().auto_downloads.fetch(caller.address, body.to_params(), body.username)
    return AutoDownloaded.model_validate(download), 200


@bp.get("/history/", strict_slashes=False)
@endpoint(auth=Auth.PRIVATE, replies={200: AudioHistory})
def history(caller: Caller, query: JobPage) -> Reply:
    """List the audio downloads of the caller's account, newest first."""
    found, total = services().auto_downloads.history(caller.user_id, offset=query.offset, limit=query.limit)
    return AudioHistory(downloads=[AudioListed.model_validate(each) for each in found], total=total), 200
