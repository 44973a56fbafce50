"""Validates links and ids of videos, and builds the canonical link from an id."""

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
STUDIO_HOST = "studio.youtube.com"
_MAX_CHARACTERS = 2048
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ID_IN_PATH = re.compile(r"/(?:shorts|live|embed|v|e|watch)/([^/?#]+)/?")
_STUDIO_PATH = re.compile(r"/video/([^/?#]+)(?:/[a-z_]*)*")
_CLIP_PATH = re.compile(r"/clip/[^/]+/?")
_ID_IN_QUERY = frozenset({"/watch", "/watch_popup", "/live_chat", "/live_chat_replay"})
# Path segments of eleven characters in the place of an id: players of playlists and of a channel's live stream.
_NOT_IDS = frozenset({"videoseries", "live_stream"})


def validate_video_id(video_id: object) -> str:
    """Return the id: exactly 11 characters of ``A-Z a-z 0-9 _ -``.

    Raises:
        VideoIdInvalid: anything else.
    """
    if not isinstance(video_id, str) or not _VIDEO_ID.fullmatch(video_id):
        raise VideoIdInvalid
    return video_id


def canonical_url(video_id: str) -> str:
    """Return the only link that is given to an extractor, built from a checked id."""
    return f"https://www.youtube.com/watch?v={validate_video_id(video_id)}"


def parse_video_id_from_url(url: object) -> str:
    """Return the id of the video to which a YouTube link leads.

    The link is parsed once; its host must be in a fixed list, without port, user name or unusual encoding. The scheme
    may be missing, the link may be in angle brackets, and a further ``?`` counts as ``&``. Links to playlists or
    channels alone name no video and are refused.

    Raises:
        UrlInvalid: not a link to a YouTube video.
        VideoIdInvalid: a link to a video whose id is not valid.
    """
    parts = _split(url)
    host = parts.netloc.lower()
    known = host in WATCH_HOSTS or host in SHORT_HOSTS
    pattern = _STUDIO_PATH if host == STUDIO_HOST else _ID_IN_PATH
    match = pattern.fullmatch(parts.path) if known or host == STUDIO_HOST else None
    if known and parts.path.rstrip("/") in _ID_IN_QUERY:
        found = _single(parts, "v")
    elif match is not None:
        found = match[1]
    elif host in WATCH_HOSTS and _CLIP_PATH.fullmatch(parts.path):
        raise UrlInvalid(
            "Links to YouTube clips (/clip/) are not supported: open the video of the clip and copy the link of that"
        )
    elif host in SHORT_HOSTS:
        found = parts.path.removeprefix("/").removesuffix("/")
    else:
        raise UrlInvalid("This is not a link to a YouTube video")
    # Hand-written links often have '&' in place of the first '?'.
    video_id = found.partition("&")[0]
    if not video_id or video_id in _NOT_IDS:
        raise UrlInvalid("This link does not lead to a single video")
    return validate_video_id(video_id)


def query_fields(parts: SplitResult) -> dict[str, list[str]]:
    """Return the fields of a link's query; a further ``?``, common in hand-written links, separates fields too.

    Raises:
        ValueError: the query has more than 100 fields.
    """
    return parse_qs(parts.query.replace("?", "&"), max_num_fields=100)


def unwrapped(text: str) -> str:
    """Return a link without surrounding spaces and without the angle brackets that chats and mails add."""
    text = text.strip(" \t\r\n")
    return text[1:-1].strip(" \t\r\n") if text.startswith("<") and text.endswith(">") else text


def _split(url: object) -> SplitResult:
    if not isinstance(url, str) or not 0 < len(url) <= _MAX_CHARACTERS:
        raise UrlInvalid
    text = unwrapped(url)
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


def _single(parts: SplitResult, name: str) -> str:
    try:
        values = set(query_fields(parts).get(name, ()))
    except ValueError:
        raise UrlInvalid from None
    if len(values) > 1:
        raise UrlInvalid("This link names more than one video")
    return next(iter(values), "")
