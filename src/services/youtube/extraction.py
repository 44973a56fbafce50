"""Runs yt-dlp in this process for one link; no other module creates a ``YoutubeDL``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from src.errors import AppError, LiveEndedNotReady, LiveNotStarted, SourceError
from src.models.source import Extraction, LiveStatus, MediaAddress, VideoInfo
from src.services.youtube.formats import read_info, read_numbered
from src.services.youtube.messages import site_error, texts_of
from src.services.youtube.options import SiteOptions, build_options

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

log = logging.getLogger(__name__)
_OUR_SELECTOR = "Requested format is not available"  # a warning about our selector, which selects no format on purpose
_BROKEN = "please report this issue"


class MessageCollector:
    """Collects yt-dlp's messages: the cause of several failures is only in a warning."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Ignore steps."""

    def warning(self, message: str) -> None:
        """Collect a warning, which may explain a later failure."""
        if _OUR_SELECTOR not in message:
            self.warnings.append(message)

    def error(self, message: str) -> None:
        """Collect an error, whose exception follows."""
        self.warnings.append(message)


def look_up(url: str, site: SiteOptions) -> Extraction:
    """Look up the video of a canonical link.

    A video without formats is an error, except a live stream that has not started: its facts are known.

    Raises:
        SourceError: the site or the network failed. Exceptions of yt-dlp never leave this function.
    """
    with ytdlp_session(site) as (downloader, messages):
        raw = downloader.extract_info(url, download=False)
        if not raw or raw.get("_type", "video") != "video":
            raise site_error(["not available: this link does not lead to a single video", *messages.warnings])
        extraction = _read(raw, url, downloader, tuple(messages.warnings))
    has_formats = extraction.info.formats or extraction.numbered
    if not has_formats and extraction.info.live_status is LiveStatus.POST_LIVE:
        raise _logged(LiveEndedNotReady(), messages)
    if not has_formats and extraction.info.live_status is not LiveStatus.IS_UPCOMING:
        raise _logged(site_error([*messages.warnings, _BROKEN]), messages)
    return extraction


@contextmanager
def ytdlp_session(site: SiteOptions, **changes: Any) -> Iterator[tuple[YoutubeDL, MessageCollector]]:
    """Open a ``YoutubeDL`` with our options and ``changes``, and a collector of its messages.

    Raises:
        SourceError: for all exceptions of yt-dlp inside the block.
    """
    from yt_dlp import YoutubeDL  # imported late: it takes most of a second and 40 MB
    from yt_dlp.utils import YoutubeDLError

    messages = MessageCollector()
    options = {**build_options(site, messages), **changes}
    try:
        with YoutubeDL(options) as downloader:
            yield downloader, messages
    except YoutubeDLError as error:
        raise _logged(site_error([*texts_of(error), *messages.warnings]), messages, error) from None
    except AppError:
        raise
    except Exception as error:
        # The site sent an answer that the extractor does not support.
        raise _logged(site_error([f"{error}; {_BROKEN}", *messages.warnings]), messages, error) from None


def require_formats(extraction: Extraction, *, numbered: bool = False) -> Extraction:
    """Return the extraction if it has formats. ``numbered``: the segments of a stream will do.

    Raises:
        LiveNotStarted: the live stream or premiere has not started yet.
        LiveEndedNotReady: the stream is over, and only its segments are there.
    """
    if numbered and extraction.numbered:
        return extraction
    ended = extraction.info.live_status is LiveStatus.POST_LIVE
    if ended and extraction.numbered and all(entry.segmented for entry in extraction.info.formats):
        raise LiveEndedNotReady()  # its playlists have only the last hours
    if extraction.info.formats:
        return extraction
    if extraction.numbered:
        raise site_error(["not available: this stream has no playlist"])
    raise not_started(extraction.info)


def not_started(info: VideoInfo) -> LiveNotStarted:
    """Create the error of a stream that has not started, with its time if known."""
    at = info.release_at
    return LiveNotStarted(f"The live stream starts at {at:%Y-%m-%d %H:%M} UTC." if at else None)


def _logged(found: SourceError, messages: MessageCollector, error: Exception | None = None) -> SourceError:
    """Log yt-dlp's messages. Returns ``found``."""
    texts = [*messages.warnings, *([f"{type(error).__name__}: {error}"] if error else [])]
    log.warning("%s: messages of yt-dlp: %s", found.code, " | ".join(texts))
    return found


def _read(raw: Mapping[str, Any], url: str, downloader: YoutubeDL, warnings: tuple[str, ...]) -> Extraction:
    info = read_info(raw, url)
    by_id = {str(entry.get("format_id")): entry for entry in raw.get("formats") or ()}
    numbered = read_numbered(raw)
    media = {entry.id: _address(by_id[entry.id], downloader) for entry in (*info.formats, *numbered)}
    return Extraction(info=info, media=media, warnings=warnings, numbered=numbered)


def _address(raw: Mapping[str, Any], downloader: YoutubeDL) -> MediaAddress:
    headers = {str(name): str(value) for name, value in (raw.get("http_headers") or {}).items()}
    cookies = downloader.cookiejar.get_cookie_header(raw["url"])
    return MediaAddress(raw["url"], {**headers, "Cookie": cookies} if cookies else headers)
