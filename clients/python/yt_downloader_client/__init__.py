"""Clients of the yt-downloader service."""

from __future__ import annotations

from yt_downloader_client.archive import YTArchiveClient
from yt_downloader_client.audio import AsyncAutoDownloadClient, AudioDownload, AutoDownloadClient
from yt_downloader_client.client import AsyncClient, Client
from yt_downloader_client.errors import JobFailed, ServiceError
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
]
