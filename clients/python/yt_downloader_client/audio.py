"""The sound of a video in one request, without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast
from urllib.parse import unquote, urlsplit

import httpx

from yt_downloader_client.errors import check
from yt_downloader_client.words import service_url

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


class AutoDownloadClient:
    """``client.download(url)`` answers when the file is there."""

    def __init__(
        self, base_url: str | None = None, username: str | None = None, *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        """``username``: the account that downloads are linked to."""
        self.base_url, self.username, self._timeout = service_url(base_url), username, timeout

    def download(self, url: str, quality: Quality = "best", format: Format = "mp3") -> AudioDownload:
        """Have the sound of a YouTube video made.

        Raises:
            ServiceError: it could not be had; the message says why.
        """
        body = _body(url, quality, format, self.username)
        return cast(AudioDownload, check(httpx.post(self.base_url + PATH, json=body, timeout=self._timeout)).json())

    def save(self, result: AudioDownload, folder: Path | str = ".") -> Path:
        """Fetch a finished download into a folder, under its own name."""
        target = Path(folder) / _file_name(result)
        with httpx.stream("GET", result["download_url"], timeout=self._timeout) as reply:
            if not reply.is_success:
                reply.read()
            check(reply)
            with target.open("wb") as file:
                for data in reply.iter_bytes():
                    file.write(data)
        return target


class AsyncAutoDownloadClient:
    """The same with ``await``."""

    def __init__(
        self, base_url: str | None = None, username: str | None = None, *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        """``username``: the account that downloads are linked to."""
        self.base_url, self.username, self._timeout = service_url(base_url), username, timeout

    async def download(self, url: str, quality: Quality = "best", format: Format = "mp3") -> AudioDownload:
        """Have the sound of a YouTube video made. Raises ServiceError."""
        body = _body(url, quality, format, self.username)
        async with httpx.AsyncClient(timeout=self._timeout) as http:
            return cast(AudioDownload, check(await http.post(self.base_url + PATH, json=body)).json())


def _body(url: str, quality: Quality, wanted: Format, username: str | None) -> dict[str, Any]:
    body = {"url": url, "quality": quality, "format": wanted}
    return body if username is None else {**body, "username": username}


def _file_name(result: AudioDownload) -> str:
    name = unquote(urlsplit(result["download_url"]).path).rsplit("/", 1)[-1]
    return name.lstrip(".") or f"sound.{result['format']}"
