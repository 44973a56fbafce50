"""Translates messages of yt-dlp and FFmpeg to the errors of this service.

yt-dlp has one exception for nearly everything, and the cause of several failures is only in an *earlier warning*, so
all texts of a failure are examined. The rows are tried in order and the first match wins: facts about the video come
first, then causes that the operator can change, then the network, then vague sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from src import errors
from src.errors import AppError, SourceError

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NAME = re.compile(r"^(?:[A-Z]\w*(?:Error|Exception|NotLive|Timeout): )")
_PREFIX = re.compile(r"^(?:ERROR: )?(?:\[[\w:+-]+\] )?(?:[\w-]{11}: )?")
_HINTS = re.compile(
    r"(?:; please report this issue on|[.;,]? (?:Use|Try) (?:`?--|`?-t )|[.;]? ?(?:Also )?[Ss]ee {1,2}https?:|"
    r"\n|\(caused by|[.;]? For (?:more|tips)|[.;]? It is recommended to use).*",
    re.DOTALL,
)
_ADDRESSES = re.compile(r"(?:\bwith url: \S+|\w+://\S+)")

_SITE: tuple[tuple[str, type[SourceError]], ...] = (
    # The site refuses our requests.
    (r"confirm you'?re not a bot|captcha challenge", errors.BotCheck),
    (r"content isn't available, try again later|rate-limited by YouTube|HTTP Error 429", errors.RateLimited),
    (r"CookieLoadError|failed to load cookies|cookies are no longer valid", errors.CookiesInvalid),
    # Facts about the video.
    (r"confirm your age|inappropriate for some users|age-restricted|AGE_VERIFICATION", errors.AgeRestricted),
    (r"Private video|video is private|granted access to this video", errors.VideoPrivate),
    (r"members-only|Join this channel|available to this channel's members", errors.MembersOnly),
    (r"Premium members|requires payment|only available to .{0,40}Premium|paid content|rental", errors.PremiumOnly),
    (
        r"GeoRestrictedError|blocked it in your country|available in your country|geo.?restrict",
        errors.GeoBlocked,
    ),
    (r"copyright (?:claim|grounds)|on copyright", errors.CopyrightBlocked),
    (r"(?:has been|was) removed|(?:has been|was) terminated|account .{0,80}terminated", errors.VideoRemoved),
    (
        r"live event will begin|Premieres? (?:in|will begin)|UserNotLive|not currently live|is_upcoming|"
        r"waiting for .{0,40}(?:stream|premiere)",
        errors.LiveNotStarted,
    ),
    (r"live event has ended|recording is not available|stream recording", errors.LiveEndedNotReady),
    (r"This video is DRM protected", errors.DrmProtected),
    (r"page needs to be reloaded|not available on this app", errors.ExtractorBroken),
    (r"Please sign in", errors.BotCheck),
    (
        r"Video unavailable|video (?:is )?(?:un|not )available|isn't available|no longer available|does not exist|"
        r"Playback on other websites has been disabled",
        errors.VideoUnavailable,
    ),
    # The network between us and the site.
    (r"All player responses are invalid|(?<!may yield )HTTP Error 403", errors.IpBlocked),
    (r"CertificateVerifyError|CERTIFICATE_VERIFY_FAILED|certificate verify failed", errors.TlsError),
    (
        r"ProxyError|Unable to connect to proxy|Cannot connect to proxy|Tunnel connection failed|SOCKS|"
        r"Proxy Authentication Required|HTTP Error 407",
        errors.ProxyError,
    ),
    (r"timed out|timeout|TimeoutError", errors.NetworkTimeout),
    (
        r"HTTP Error 5\d\d|Giving up after \d+ retr|Connection (?:reset|refused|aborted)|RemoteDisconnected|"
        r"IncompleteRead|bytes read|Name or service not known|getaddrinfo|Temporary failure in name resolution|"
        r"No address associated|Network is unreachable|No route to host|TransportError|SSLError|UNEXPECTED_EOF|"
        r"Remote end closed",
        errors.Network,
    ),
    # Formats that exist but are not available.
    (
        r"(?:n challenge|Signature) solving failed|No supported JavaScript runtime|nsig extraction failed",
        errors.JsRuntimeRequired,
    ),
    (r"require a GVS PO Token|PO Token .{0,60}(?:required|not provided)", errors.PoTokenRequired),
    (r"missing a URL|SABR", errors.FormatsWithheld),
    (r"DRM protected", errors.DrmProtected),
    (r"Requested format is not available", errors.FormatNotAvailable),
    (r"No suitable extractor|Unsupported URL|is not a valid URL", errors.VideoUnavailable),
    (
        r"please report this issue|Failed to extract|Unable to extract|No video formats found|Cannot identify player",
        errors.ExtractorBroken,
    ),
)
# Errors with our message only: the texts of these come from Python and name hosts and the proxy.
_NOT_THE_SITE = frozenset({errors.ProxyError, errors.TlsError, errors.NetworkTimeout, errors.Network})
_SITE_ROWS = tuple((re.compile(pattern, re.IGNORECASE), error) for pattern, error in _SITE)

_MEDIA_STATUS = re.compile(r"(?:HTTP error|Server returned|returned HTTP)\s+([45])(\d\d|XX)", re.IGNORECASE)
_MEDIA: tuple[tuple[str, type[AppError]], ...] = (
    (r"No space left on device", errors.DiskFull),
    (r"certificate verif|self.signed certificate|unable to get local issuer", errors.TlsError),
    (r"proxy", errors.ProxyError),
    (r"timed out|timeout|made no progress", errors.NetworkTimeout),
    (
        r"Connection (?:reset|refused|aborted)|Input/output error|Stream ends prematurely|End of file|"
        r"Failed to resolve|Network is unreachable|Broken pipe|partial file",
        errors.Network,
    ),
)
_MEDIA_ROWS = tuple((re.compile(pattern, re.IGNORECASE), error) for pattern, error in _MEDIA)


def site_error(texts: Sequence[str]) -> SourceError:
    """Find the error for the texts of exceptions (with the names of their causes) and of warnings.

    Its message is ours, followed by the matching sentence if that comes from the site.
    """
    plain = [_plain(text) for text in texts]
    for pattern, error in _SITE_ROWS:
        for text in plain:
            if pattern.search(text):
                return _with_sentence(error, sentence(text))
    return _with_sentence(errors.Unknown, sentence(plain[0]) if plain else "")


def media_error(log: Iterable[str], status: int | None = None) -> AppError | None:
    """Find the error in FFmpeg's log of a media request; None if the request did not fail.

    ``status``: the HTTP status, if known.
    """
    text = "\n".join(_plain(line) for line in log)
    if status is None and (found := _MEDIA_STATUS.search(text)):
        status = int(found[1] + found[2].upper().replace("XX", "00"))
    if status is not None:
        return media_status_error(status)
    for pattern, error in _MEDIA_ROWS:
        if pattern.search(text):
            return error()
    return None


def media_status_error(status: int) -> SourceError:
    """Return the error for the HTTP status of a media server."""
    if status in (401, 403, 410):
        return errors.MediaForbidden(http_status=status)
    if status in (404, 416):
        return errors.MediaGone(http_status=status)
    if status == 429:
        return errors.RateLimited(http_status=status)
    if status == 407:
        return errors.ProxyError(http_status=status)
    return errors.Network("The media server sent an unexpected answer", http_status=status)


def texts_of(error: BaseException) -> list[str]:
    """Return the texts of an exception of yt-dlp and of its causes: ``Name: message``."""
    return [f"{type(link).__name__}: {link}" for link in _chain(error)]


def sentence(text: str) -> str:
    """Remove prefixes, addresses, hints for the command line and the request for a bug report from a message."""
    short = _ADDRESSES.sub("", _HINTS.sub("", _PREFIX.sub("", _NAME.sub("", text))))
    return " ".join(short.split())[:300]


def _with_sentence(error: type[SourceError], site_sentence: str) -> SourceError:
    ours = (error.__doc__ or "").strip()
    if not site_sentence or error in _NOT_THE_SITE:
        return error(ours)
    return error(f"{ours.removesuffix('.')}: {site_sentence}")


def _plain(text: str) -> str:
    return _COLOURS.sub("", text).translate(_APOSTROPHES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        info = getattr(link, "exc_info", None)
        pending += [info[1] if info else None, getattr(link, "cause", None), link.__cause__, link.__context__]
