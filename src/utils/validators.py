"""Links and ids of videos: what is accepted, and the one canonical link that is built from an id."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

from src.errors import UrlInvalid, VideoIdInvalid

WATCH_HOSTS = frozenset(
    prefix + domain
    for domain in ("youtube.com", "youtube-nocookie.com", "youtubekids.com")
    for prefix in ("", "www.", "m.", "music.", "gaming.")
)
SHORT_HOSTS = frozenset({"youtu.be", "www.youtu.be"})
_MAX_CHARACTERS = 2048
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ID_IN_PATH = re.compile(r"/(?:shorts|live|embed|v|e)/([^/?#]+)/?")
# Words of eleven characters that stand where an id would: players of a playlist and of a channel's live stream.
_NOT_IDS = frozenset({"videoseries", "live_stream"})


def validate_video_id(video_id: object) -> str:
    """The id itself: exactly 11 characters of ``A-Z a-z 0-9 _ -``.

    Raises:
        VideoIdInvalid: it is anything else.
    """
    if not isinstance(video_id, str) or not _VIDEO_ID.fullmatch(video_id):
        raise VideoIdInvalid
    return video_id


def canonical_url(video_id: str) -> str:
    """The one link that is ever given to an extractor, built from a checked id."""
    return f"https://www.youtube.com/watch?v={validate_video_id(video_id)}"


def parse_video_id_from_url(url: object) -> str:
    """The id of the video that a YouTube link leads to.

    The link is parsed once; its host must be one of a fixed list, without port, user name or tricks of spelling.
    The scheme may be left out. Links to playlists or channels alone have no video and are refused.

    Raises:
        UrlInvalid: it is not a link to a YouTube video.
        VideoIdInvalid: it is one, and its id cannot be an id.
    """
    parts = _split(url)
    host = parts.netloc.lower()
    if host in SHORT_HOSTS:
        found = parts.path.removeprefix("/").removesuffix("/")
    elif host in WATCH_HOSTS and parts.path.rstrip("/") in ("/watch", "/watch_popup"):
        found = _single(parts.query, "v")
    elif host in WATCH_HOSTS and (match := _ID_IN_PATH.fullmatch(parts.path)):
        found = match[1]
    else:
        raise UrlInvalid("This is not a link to a YouTube video")
    # A '&' where the first '?' should be is a frequent slip of hand-made links.
    video_id = found.partition("&")[0]
    if not video_id or video_id in _NOT_IDS:
        raise UrlInvalid("This link does not lead to a single video")
    return validate_video_id(video_id)


def _split(url: object) -> SplitResult:
    if not isinstance(url, str) or not 0 < len(url) <= _MAX_CHARACTERS:
        raise UrlInvalid
    text = url.strip(" \t\r\n")
    if _FORBIDDEN.search(text):
        raise UrlInvalid("A link must not contain spaces, backslashes or control characters")
    if not _SCHEME.match(text):
        text = "https:" + text if text.startswith("//") else "https://" + text
    try:
        parts = urlsplit(text.replace("&amp;", "&"))
    except ValueError:
        raise UrlInvalid from None
    if not parts.netloc.isascii():  # some letters of other scripts become ASCII when lowered
        raise UrlInvalid
    return parts


def _single(query: str, name: str) -> str:
    try:
        values = set(parse_qs(query, max_num_fields=100).get(name, ()))
    except ValueError:
        raise UrlInvalid from None
    if len(values) > 1:
        raise UrlInvalid("This link names more than one video")
    return next(iter(values), "")
