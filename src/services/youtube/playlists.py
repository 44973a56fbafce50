"""Fetches playlists: their facts and their videos in order, without a lookup of each video."""

from __future__ import annotations

import re

from src.errors import VideoIdInvalid
from src.models.source import Channel, Playlist, PlaylistEntry
from src.services.youtube.extraction import ytdlp_session
from src.services.youtube.options import SiteOptions

# Letters, digits, - and _, with or without one of the site's prefixes: 2 (Watch later) to 64 characters.
_PLAYLIST_ID = re.compile(r"[A-Za-z0-9_-]{2,64}")
_EXTRACTORS = ["^youtube:tab$"]


def validate_playlist_id(playlist_id: str) -> str:
    """Return the id if it is valid.

    Raises:
        VideoIdInvalid: it is not the id of a playlist.
    """
    if not _PLAYLIST_ID.fullmatch(playlist_id):
        raise VideoIdInvalid("This is not the id of a playlist.")
    return playlist_id


def fetch_playlist(playlist_id: str, site: SiteOptions, *, limit: int) -> Playlist:
    """Fetch the playlist with at most ``limit`` of its videos, whose positions count from 1.

    Raises:
        VideoIdInvalid: it is not the id of a playlist.
        SourceError: the site or the network failed.
    """
    url = f"https://www.youtube.com/playlist?list={validate_playlist_id(playlist_id)}"
    changes = {"allowed_extractors": _EXTRACTORS, "noplaylist": False, "extract_flat": "in_playlist"}
    with ytdlp_session(site, **changes, playlistend=limit) as (downloader, _):
        raw = downloader.extract_info(url, download=False)
        entries = [entry for entry in raw.get("entries") or () if entry and entry.get("id")]
    return Playlist(
        id=playlist_id,
        title=str(raw.get("title") or ""),
        description=str(raw.get("description") or ""),
        channel=Channel(raw.get("channel_id"), raw.get("channel") or raw.get("uploader")),
        video_count=raw.get("playlist_count") or len(entries),
        entries=tuple(
            PlaylistEntry(str(entry["id"]), str(entry.get("title") or ""), number, entry.get("duration"))
            for number, entry in enumerate(entries, 1)
        ),
    )
