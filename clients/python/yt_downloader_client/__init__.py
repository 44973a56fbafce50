"""Clients of the yt-downloader service."""

from __future__ import annotations

from yt_downloader_client.aio.archive import YTArchiveClient
from yt_downloader_client.aio.audio import AsyncAutoDownloadClient
from yt_downloader_client.aio.client import AsyncClient
from yt_downloader_client.blocking.archive import YTArchiveSyncClient
from yt_downloader_client.blocking.audio import AutoDownloadClient
from yt_downloader_client.blocking.client import Client
from yt_downloader_client.errors import JobFailed, ServiceError
from yt_downloader_client.sounds import AudioDownload
from yt_downloader_client.words import Status

__all__ = [
    "AsyncAutoDownloadClient",
    "AsyncClient",
    "AudioDownload",
    "AutoDownloadClient",
    "Client",
    "JobFailed",
    "ServiceError",
    "Status",
    "YTArchiveClient",
    "YTArchiveSyncClient",
]
