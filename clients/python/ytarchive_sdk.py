"""``from ytarchive_sdk import YTArchiveClient``, or ``YTArchiveSyncClient`` for programs that do not ``await``."""

from __future__ import annotations

from yt_downloader_client import YTArchiveClient, YTArchiveSyncClient

__all__ = ["YTArchiveClient", "YTArchiveSyncClient"]
