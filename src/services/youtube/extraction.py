"""One run of yt-dlp, in this process, for one link: the only place that makes one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from src.errors import AppError, LiveNotStarted, SourceError
from src.models.source import Extraction, LiveStatus, MediaAddress, VideoInfo
from src.services.youtube.formats import read_info
from src.services.youtube.messages import site_error, texts_of
from src.services.youtube.options import SiteOptions, build_options

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

log = logging.getLogger(__name__)
_OUR_SELECTOR = "Requested format is not available"  # said of our selector, which selects nothing on purpose
_BROKEN = "please report this issue"


class Listener:
    """Collects what yt-dlp says on the way: several failures are told in a warning only."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Steps, not kept."""

    def warning(self, message: str) -> None:
        """Something that may explain a failure later."""
        if _OUR_SELECTOR not in message:
            self.warnings.append(message)

    def error(self, message: str) -> None:
        """The text of an exception that comes as well."""
        self.warnings.append(message)


def look_up(url: str, site: SiteOptions) -> Extraction:
    """Everything that the site tells about the video behind a canonical link.

    A video without any format is a failure, except a live stream that has not started: its facts are known.

    Raises:
        SourceError: the one that the site's or the network's words mean. No exception of yt-dlp leaves this function.
    """
    with conversation(site) as (downloader, listener):
        raw = downloader.extract_info(url, download=False)
        if not raw or raw.get("_type", "video") != "video":
            raise site_error(["not available: this link does not lead to a single video", *listener.warnings])
        extraction = _read(raw, url, downloader, tuple(listener.warnings))
    if not extraction.info.formats and extraction.info.live_status is not LiveStatus.IS_UPCOMING:
        raise _told(site_error([*listener.warnings, _BROKEN]), listener)
    return extraction


@contextmanager
def conversation(site: SiteOptions, **changes: Any) -> Iterator[tuple[YoutubeDL, Listener]]:
    """A ``YoutubeDL`` with our options and these ``changes``, and what it says on the way.

    Raises:
        SourceError: for whatever yt-dlp raises inside the block.
    """
    from yt_dlp import YoutubeDL  # takes most of a second and 40 MB: only for those who look videos up
    from yt_dlp.utils import YoutubeDLError

    listener = Listener()
    options = {**build_options(site, listener), **changes}
    try:
        with YoutubeDL(options) as downloader:
            yield downloader, listener
    except YoutubeDLError as error:
        raise _told(site_error([*texts_of(error), *listener.warnings]), listener, error) from None
    except AppError:
        raise
    except Exception as error:
        # The site sent something that the extractor was not written for.
        raise _told(site_error([f"{error}; {_BROKEN}", *listener.warnings]), listener, error) from None


def require_formats(extraction: Extraction) -> Extraction:
    """This, if there is something to fetch.

    Raises:
        LiveNotStarted: the live stream or premiere is still to come.
    """
    if extraction.info.formats:
        return extraction
    raise not_started(extraction.info)


def not_started(info: VideoInfo) -> LiveNotStarted:
    """That a stream is still to come, with its time if that is known."""
    at = info.release_at
    return LiveNotStarted(f"The live stream starts at {at:%Y-%m-%d %H:%M} UTC." if at else None)


def _told(found: SourceError, listener: Listener, error: Exception | None = None) -> SourceError:
    """``found``, with everything that yt-dlp said written to the log."""
    said = [*listener.warnings, *([f"{type(error).__name__}: {error}"] if error else [])]
    log.warning("%s: yt-dlp said: %s", found.code, " | ".join(said))
    return found


def _read(raw: Mapping[str, Any], url: str, downloader: YoutubeDL, warnings: tuple[str, ...]) -> Extraction:
    info = read_info(raw, url)
    by_id = {str(entry.get("format_id")): entry for entry in raw.get("formats") or ()}
    media = {entry.id: _address(by_id[entry.id], downloader) for entry in info.formats}
    return Extraction(info=info, media=media, warnings=warnings)


def _address(raw: Mapping[str, Any], downloader: YoutubeDL) -> MediaAddress:
    headers = {str(name): str(value) for name, value in (raw.get("http_headers") or {}).items()}
    cookies = downloader.cookiejar.get_cookie_header(raw["url"])
    return MediaAddress(raw["url"], {**headers, "Cookie": cookies} if cookies else headers)
