"""A small server that plays YouTube, for tests and the demo: the real extractor of yt-dlp runs against it unchanged."""

from __future__ import annotations

from tests.offline_youtube.faults import Fault
from tests.offline_youtube.http import Request
from tests.offline_youtube.pages import PLAYLIST_ID, PLAYLIST_PAGES, QUIET_HANDLE
from tests.offline_youtube.player import CHANNEL_HANDLE, CHANNEL_ID
from tests.offline_youtube.site import OfflineYoutube
from tests.offline_youtube.situations import SITUATIONS, VideoId

__all__ = [
    "CHANNEL_HANDLE",
    "CHANNEL_ID",
    "PLAYLIST_ID",
    "PLAYLIST_PAGES",
    "QUIET_HANDLE",
    "SITUATIONS",
    "Fault",
    "OfflineYoutube",
    "Request",
    "VideoId",
]
