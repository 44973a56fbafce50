"""The real yt-dlp and a plain HTTP client, led to the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import yt_dlp

from tests.tools.media_kit import FFMPEG
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId


class Heard:
    """yt-dlp's logger, which keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, text: str) -> None:
        """Dropped."""

    info = error = debug

    def warning(self, text: str) -> None:
        """Kept."""
        self.warnings.append(text)


def extract(site: OfflineYoutube, url: str, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """(what the real yt-dlp finds at ``url``, its warnings)."""
    heard = Heard()
    given = {**site.options(), "logger": heard, "cachedir": False, "ffmpeg_location": FFMPEG, **options}
    with yt_dlp.YoutubeDL(given) as downloader:
        return downloader.extract_info(url, download="outtmpl" in options), heard.warnings


def download(site: OfflineYoutube, video_id: VideoId, itag: int, path: Path, **options: Any) -> Path:
    """The file of one format as yt-dlp's own downloader gets it."""
    given = {"format": str(itag), "outtmpl": str(path), "retry_sleep_functions": {"http": lambda n: 0}, **options}
    extract(site, site.url(video_id), **given)
    return path


def plain_client(site: OfflineYoutube, **options: Any) -> httpx.Client:
    """A client that reaches the site and trusts its certificate blindly."""
    return httpx.Client(proxy=site.proxy_url, verify=False, **{"timeout": 60, **options})  # noqa: S501
