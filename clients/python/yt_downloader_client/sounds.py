"""The words of the sound service that both of its clients share."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict
from urllib.parse import unquote, urlsplit

Quality = Literal["best", "worst", "128k", "192k", "320k"]
Format = Literal["mp3", "wav", "flac"]
PATH = "/audio_dl/api/auto-download/"
# The service answers when the file is there, at the latest after five minutes of its own.
TIMEOUT_SECONDS = 330.0


class AudioDownload(TypedDict):
    """A finished download. ``download_url`` works for whoever has it, until it expires."""

    success: bool
    file_path: str
    download_url: str
    title: str | None
    artist: str | None
    file_size: int
    duration: str
    quality: str
    format: str
    session_id: str
    job_id: str
    database_session_id: str
    database_download_id: str
    linked_to_user: NotRequired[str]


def file_name(result: AudioDownload) -> str:
    """The name under which a download is saved."""
    name = unquote(urlsplit(result["download_url"]).path).rsplit("/", 1)[-1]
    return name.lstrip(".") or f"sound.{result['format']}"
