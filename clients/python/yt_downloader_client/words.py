"""The words of requests and replies that the sync and the async client share."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from yt_downloader_client.errors import JobFailed

DEFAULT_URL = "http://localhost:5000"
Container = Literal["mp4", "webm", "best"]
Codec = Literal["h264", "h265", "av1"]
Quality = Literal["lossless", "high", "medium"]
ENDED = ("completed", "failed", "cancelled")
_NAME = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]*)\"")


def service_url(given: str | None) -> str:
    """The service's address: given, in YT_DOWNLOADER_URL, or on this machine."""
    return (given or os.environ.get("YT_DOWNLOADER_URL") or DEFAULT_URL).rstrip("/")


@dataclass(frozen=True)
class Status:
    """How far a job is. ``progress`` is a percentage of the whole; ``raw`` is all that the service told.

    Of a finished file, ``complete`` says whether it holds all that was promised, ``gaps`` which parts it lacks
    (``start`` and ``end`` in seconds), and ``notes`` what was changed (``code`` and ``text``).
    """

    id: str
    status: str
    progress: float
    phase: str | None
    speed: str | None
    eta: str | None
    title: str | None
    file_available: bool
    error: str | None
    raw: dict[str, Any]
    complete: bool | None = None
    gaps: tuple[dict[str, Any], ...] = ()
    notes: tuple[dict[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing happens any more."""
        return self.status in ENDED


def status_of(told: dict[str, Any]) -> Status:
    """A status of a video or of an encode."""
    told_progress = told.get("progress")
    reading: dict[str, Any] = told_progress if isinstance(told_progress, dict) else {}
    parts = 0.8 * (reading.get("download_progress") or 0) + 0.2 * (reading.get("encoding_progress") or 0)
    if isinstance(told_progress, int | float):  # of an encode: one number
        parts = told_progress
    error = told.get("error_message") or told.get("error")
    return Status(
        id=str(told.get("video_id") or told.get("encode_id")),
        status=str(told["status"]),
        progress=100.0 if told["status"] == "completed" else float(min(parts, 99)),
        phase=reading.get("current_phase"),
        speed=reading.get("speed"),
        eta=reading.get("eta"),
        title=told.get("title") or told.get("original_filename"),
        file_available=bool(told.get("file_available")),
        error=str(error.get("message")) if isinstance(error, dict) else error,
        raw=told,
        complete=told.get("complete"),
        gaps=tuple(told.get("gaps") or ()),
        notes=tuple(told.get("notes") or ()),
    )


def require_completed(status: Status) -> Status:
    """Pass a status at the end that is a success.

    Raises:
        JobFailed: it is none.
    """
    if status.status != "completed":
        error = status.raw.get("error")
        code = str(error.get("code", "")) if isinstance(error, dict) else ""
        raise JobFailed(status.error or f"The job is {status.status}", code)
    return status


def clip_request(
    url: str, start: float | str, end: float | str, user_id: str, message: str | None = None
) -> dict[str, Any]:
    """The body of ``POST /api/video/save``."""
    body: dict[str, Any] = {"url": url, "start_time": start, "end_time": end, "user_id": user_id}
    return body if message is None else {**body, "additional_message": message}


def choice(container: Container | None, resolution: str | None) -> dict[str, str]:
    """The body of ``POST /api/video/download/{id}``."""
    named = {"format_preference": container, "resolution_preference": resolution}
    return {name: value for name, value in named.items() if value is not None}


def file_name(disposition: str) -> str | None:
    """The name in a ``Content-Disposition``, without any folder."""
    found = _NAME.search(disposition)
    if found is None:
        return None
    return unquote(found[1] or found[2]).replace("\\", "/").rsplit("/", 1)[-1] or None
