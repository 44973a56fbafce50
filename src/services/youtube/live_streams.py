"""Finds the video that a channel is streaming now."""

from __future__ import annotations

from src.errors import ChannelNotLive, LiveNotStarted, UrlInvalid, VideoIdInvalid
from src.services.youtube.extraction import ytdlp_session
from src.services.youtube.options import SiteOptions
from src.utils.stream_names import NameKind, StreamName
from src.utils.validators import parse_video_id_from_url

_EXTRACTORS = ["^youtube$", "^youtube:tab$"]


def find_live_stream(name: StreamName, site: SiteOptions) -> str:
    """Return the id of the video of this stream.

    Raises:
        ChannelNotLive: the channel is not live now.
        SourceError: the site or the network failed.
    """
    if name.kind is NameKind.VIDEO:
        return name.value
    try:
        with ytdlp_session(site, allowed_extractors=_EXTRACTORS, extract_flat=True) as (downloader, _):
            raw = downloader.extract_info(name.url, download=False, process=False) or {}
        if raw.get("_type") in ("url", "url_transparent"):
            return parse_video_id_from_url(raw.get("url"))
        if raw.get("_type", "video") == "video" and raw.get("id"):
            return parse_video_id_from_url(f"https://www.youtube.com/watch?v={raw['id']}")
    except (LiveNotStarted, UrlInvalid, VideoIdInvalid):
        raise ChannelNotLive() from None
    raise ChannelNotLive()
