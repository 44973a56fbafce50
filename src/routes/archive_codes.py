"""Translates error codes into the documented codes of the archive services, service by service."""

from __future__ import annotations

from typing import Any, Literal

from flask import request

from src import errors
from src.errors import AppError, SourceError
from src.middleware.errors import ErrorBody, envelope_body

Service = Literal["jobs", "metadata", "download", "storage"]

EVERYWHERE: dict[str, tuple[type[AppError], ...]] = {
    "INVALID_VIDEO_ID": (errors.VideoIdInvalid, errors.UrlInvalid),
    "VIDEO_NOT_FOUND": (errors.VideoRemoved, errors.VideoUnavailable, errors.StoredVideoNotFound),
    "QUALITY_NOT_AVAILABLE": (errors.FormatNotAvailable,),
    "DOWNLOAD_TIMEOUT": (errors.NetworkTimeout, errors.JobTimeout),
    "DOWNLOAD_FAILED": (errors.ClipIncomplete, errors.EncodeFailed, errors.FileTooLarge, errors.JobLost),
    "JOB_CANCELLED": (errors.Cancelled,),
    "FILE_NOT_FOUND": (errors.FileGone, errors.FileNotReady, errors.UploadMissing),
    "STORAGE_ERROR": (errors.StoreUnavailable, errors.MediaInvalid, errors.UploadIncomplete),
    "YTDLP_ERROR": (SourceError,),
}
# Exceptions of a service.
OF_SERVICE: dict[Service, dict[str, tuple[type[AppError], ...]]] = {
    "jobs": {"COORDINATION_ERROR": (errors.StoreUnavailable, errors.JobEnded)},
    "metadata": {
        "API_QUOTA_EXCEEDED": (errors.RateLimited,),
        "CACHE_ERROR": (errors.StoreUnavailable,),
        "YOUTUBE_API_ERROR": (SourceError,),
    },
    "download": {"DOWNLOAD_FAILED": (errors.StoreUnavailable,)},
    "storage": {},
}
# Exceptions of a single path.
OF_PATH: dict[str, dict[str, tuple[type[AppError], ...]]] = {
    "/storage/metadata": {"METADATA_INVALID": (errors.RequestInvalid,)},
    "/storage/video": {"METADATA_INVALID": (errors.RequestInvalid,)},
    "/storage/search": {"SEARCH_ERROR": (errors.RequestInvalid, errors.StoreUnavailable)},
}


def documented_code(code: str, service: Service, path: str = "") -> str:
    """Return the documented code for one of our codes on this path of a service; our own where none is documented."""
    error = errors.catalogue().get(code, AppError)
    rows = [*EVERYWHERE.items(), *OF_SERVICE[service].items(), *OF_PATH.get(path, {}).items()]
    documented = {each: name for name, types in rows for each in types}
    return next((documented[each] for each in error.__mro__ if each in documented), code)


def error_body(service: Service) -> ErrorBody:
    """Return the envelope of a service's errors; ``details.reason`` has our own, more precise code."""

    def body(error: AppError) -> dict[str, Any]:
        envelope = envelope_body(error)
        code = documented_code(error.code, service, request.path)
        return {
            **envelope,
            "error": {**envelope["error"], "code": code, "details": {**error.details, "reason": error.code}},
        }

    return body
