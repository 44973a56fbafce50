# Written by 'make docs' from aio/audio.py: change it there.

"""The sound of a video in one request, without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx

from yt_downloader_client.errors import check, check_file
from yt_downloader_client.files import written_whole
from yt_downloader_client.sounds import PATH, TIMEOUT_SECONDS, AudioDownload, Format, Quality, file_name
from yt_downloader_client.words import service_url


class AutoDownloadClient:
    """``download`` answers when the file is there."""

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
        body: dict[str, Any] = {"url": url, "quality": quality, "format": format}
        if self.username is not None:
            body["username"] = self.username
        with httpx.Client(timeout=self._timeout) as http:
            return cast(AudioDownload, check(http.post(self.base_url + PATH, json=body)).json())

    def save(self, result: AudioDownload, folder: Path | str = ".") -> Path:
        """Fetch a finished download into a folder, under its own name; written whole or not at all."""
        target = Path(folder) / file_name(result)
        with (
            httpx.Client(timeout=self._timeout) as http,
            http.stream("GET", result["download_url"]) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                reply.read()
            check_file(reply)
            with written_whole(target) as file:
                for data in reply.iter_bytes():
                    file.write(data)
        return target
