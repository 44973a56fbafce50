"""``from ytarchive_sdk import YTArchiveClient``."""

from __future__ import annotations

from yt_downloader_client.archive import YTArchiveClient

__all__ = ["YTArchiveClient"]
