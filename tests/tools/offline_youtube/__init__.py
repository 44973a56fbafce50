"""A small server that plays YouTube, for tests and the demo: the real extractor of yt-dlp runs against it unchanged."""

from __future__ import annotations

from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.http import Request
from tests.tools.offline_youtube.pages import PLAYLIST_ID, PLAYLIST_PAGES, QUIET_HANDLE
from tests.tools.offline_youtube.player import CHANNEL_HANDLE, CHANNEL_ID
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import SITUATIONS, VideoId

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
