"""Sentences of yt-dlp and FFmpeg, as their sources and real servers write them, and what each means."""

from __future__ import annotations

import pytest

from src import errors
from src.errors import Remedy
from src.services.youtube.messages import media_error, media_status_error, sentence, site_error, texts_of

BUG = (
    "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue "
    "template. Confirm you are on the latest version using  yt-dlp -U"
)
LOGIN = (
    "Use --cookies-from-browser or --cookies for the authentication. "
    "See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies."
)


def told(reason: str) -> str:
    return f"DownloadError: ERROR: [youtube] dQw4w9WgXcQ: {reason}"


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ([told(f"Sign in to confirm you’re not a bot. {LOGIN}")], errors.BotCheck),
        ([told(f"Sign in to confirm you're not a bot. {LOGIN}")], errors.BotCheck),
        ([told("Video unavailable. YouTube is requiring a captcha challenge before playback")], errors.BotCheck),
        ([told(f"Please sign in. {LOGIN}")], errors.BotCheck),
        (
            [
                told(
                    "Video unavailable. This content isn’t available, try again later. The current session has been "
                    "rate-limited by YouTube for up to an hour. It is recommended to use `-t sleep` to add a delay"
                )
            ],
            errors.RateLimited,
        ),
        (
            [
                told(f"Failed to extract any player response{BUG}"),
                "[youtube] Unable to download API page: HTTP Error 429: Too Many Requests (caused by <HTTPError 429>)",
            ],
            errors.RateLimited,
        ),
        (["CookieLoadError: failed to load cookies"], errors.CookiesInvalid),
        (
            [
                told("Requested format is not available"),
                "[youtube] The provided YouTube account cookies are no longer valid. They have likely been rotated",
            ],
            errors.CookiesInvalid,
        ),
        (
            [told(f"Sign in to confirm your age. This video may be inappropriate for some users. {LOGIN}")],
            errors.AgeRestricted,
        ),
        ([told("This video is age-restricted and only available on YouTube")], errors.AgeRestricted),
        (
            [told(f"Private video. Sign in if you've been granted access to this video. {LOGIN}")],
            errors.VideoPrivate,
        ),
        ([told("Video unavailable. This video is private")], errors.VideoPrivate),
        (
            [told("Join this channel to get access to members-only content like this video, and other perks.")],
            errors.MembersOnly,
        ),
        (
            [told("This video is available to this channel's members on level: Friend (or any higher level).")],
            errors.MembersOnly,
        ),
        ([told("This video is only available to Music Premium members")], errors.PremiumOnly),
        ([told("This video requires payment to watch.")], errors.PremiumOnly),
        (
            [
                "GeoRestrictedError: [youtube] dQw4w9WgXcQ: The uploader has not made this video available in your "
                "country\nThis video is available in Germany.\nYou might want to use a VPN or a proxy server"
            ],
            errors.GeoBlocked,
        ),
        (
            [
                told(
                    "Video unavailable. This video contains content from SME, who has blocked it in your country "
                    "on copyright grounds"
                )
            ],
            errors.GeoBlocked,
        ),
        (
            [told("Video unavailable. This video contains content from SME, who has blocked it on copyright grounds")],
            errors.CopyrightBlocked,
        ),
        (
            [told("Video unavailable. This video is no longer available due to a copyright claim by Example Ltd")],
            errors.CopyrightBlocked,
        ),
        ([told("Video unavailable. This video has been removed by the uploader")], errors.VideoRemoved),
        (
            [told("This video has been removed for violating YouTube's Community Guidelines")],
            errors.VideoRemoved,
        ),
        (
            [
                told(
                    "Video unavailable. This video is no longer available because the YouTube account associated with "
                    "this video has been terminated."
                )
            ],
            errors.VideoRemoved,
        ),
        ([told("Video unavailable")], errors.VideoUnavailable),
        ([told("Video unavailable. This video is not available")], errors.VideoUnavailable),
        ([told("This video isn't available anymore")], errors.VideoUnavailable),
        ([told("This video is unavailable")], errors.VideoUnavailable),
        (
            [told("Video unavailable. Playback on other websites has been disabled by the video owner")],
            errors.VideoUnavailable,
        ),
        ([told("This live event will begin in 3 hours.")], errors.LiveNotStarted),
        ([told("Premieres in 42 minutes")], errors.LiveNotStarted),
        (["UserNotLive: [youtube:tab] The channel is not currently live"], errors.LiveNotStarted),
        ([told("This live stream recording is not available.")], errors.LiveEndedNotReady),
        ([told("This live event has ended.")], errors.LiveEndedNotReady),
        ([told("This video is DRM protected")], errors.DrmProtected),
        (
            [
                told("Requested format is not available. Use --list-formats for a list of available formats"),
                "[youtube] dQw4w9WgXcQ: Some tv client https formats have been skipped as they are DRM protected. "
                "The current session may have an experiment that applies DRM to all videos on the tv client.",
            ],
            errors.DrmProtected,
        ),
        (
            [told("Requested format is not available. Use --list-formats for a list of available formats")],
            errors.FormatNotAvailable,
        ),
        (
            [
                told("Requested format is not available"),
                "[youtube] dQw4w9WgXcQ: n challenge solving failed: Some formats may be missing. Ensure you have a "
                "supported JavaScript runtime and challenge solver script distribution installed.",
            ],
            errors.JsRuntimeRequired,
        ),
        (
            [
                told("Requested format is not available"),
                "[youtube] dQw4w9WgXcQ: Signature solving failed: Some formats may be missing.",
            ],
            errors.JsRuntimeRequired,
        ),
        (
            [
                told(f"No video formats found!{BUG}"),
                "[youtube] No supported JavaScript runtime could be found. Only deno is enabled by default",
            ],
            errors.JsRuntimeRequired,
        ),
        (
            [
                told("Requested format is not available"),
                "[youtube] dQw4w9WgXcQ: ios client https formats require a GVS PO Token which was not provided. They "
                "will be skipped as they may yield HTTP Error 403.",
            ],
            errors.PoTokenRequired,
        ),
        (
            [
                told("Requested format is not available"),
                "[youtube] dQw4w9WgXcQ: Some tv client https formats have been skipped as they are missing a URL. "
                "YouTube may have enabled the SABR-only streaming experiment for the current session.",
            ],
            errors.FormatsWithheld,
        ),
        ([told("The page needs to be reloaded.")], errors.ExtractorBroken),
        (
            [told("The following content is not available on this app. Watch on the latest version of YouTube.")],
            errors.ExtractorBroken,
        ),
        ([told(f"Unable to extract initial data{BUG}")], errors.ExtractorBroken),
        ([told(f"Failed to extract any player response{BUG}")], errors.ExtractorBroken),
        ([told(f"No video formats found!{BUG}")], errors.ExtractorBroken),
        (
            [told("All player responses are invalid. Your IP is likely being blocked by Youtube")],
            errors.IpBlocked,
        ),
        (
            [
                told(f"Failed to extract any player response{BUG}"),
                "[youtube] Unable to download API page: HTTP Error 403: Forbidden (caused by <HTTPError 403>)",
            ],
            errors.IpBlocked,
        ),
        (
            [
                told("Unable to download API page: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
                "CertificateVerifyError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            ],
            errors.TlsError,
        ),
        (
            [
                told(
                    "Unable to download API page: ('Unable to connect to proxy', OSError('Tunnel connection failed'))"
                ),
                "ProxyError: ('Unable to connect to proxy', OSError('Tunnel connection failed: 502 Bad Gateway'))",
            ],
            errors.ProxyError,
        ),
        ([told("Unable to download API page: The read operation timed out (caused by ...)")], errors.NetworkTimeout),
        (
            [told("Unable to download API page: Connection to www.youtube.com timed out. (connect timeout=15.0)")],
            errors.NetworkTimeout,
        ),
        ([told("Unable to download API page: HTTP Error 503: Service Unavailable")], errors.Network),
        (
            [
                told(f"Failed to extract any player response{BUG}"),
                "[youtube] Unable to download API page: ('Connection aborted.', RemoteDisconnected('Remote end closed "
                "connection without response'))",
            ],
            errors.Network,
        ),
        (
            [told("Unable to download webpage: [Errno -3] Temporary failure in name resolution")],
            errors.Network,
        ),
        ([told("Giving up after 3 retries")], errors.Network),
        (["DownloadError: ERROR: No suitable extractor (Youtube) found for URL"], errors.VideoUnavailable),
        (["something nobody has seen before"], errors.Unknown),
        ([], errors.Unknown),
    ],
)
def test_what_the_site_says_becomes_one_code(texts: list[str], error: type[errors.SourceError]) -> None:
    assert type(site_error(texts)) is error


def test_a_warning_decides_only_when_the_exception_is_vague() -> None:
    harmless = "[youtube] dQw4w9WgXcQ: Some tv client https formats have been skipped as they are missing a URL. SABR"
    found = site_error([told("Private video. Sign in if you've been granted access to this video"), harmless])
    assert type(found) is errors.VideoPrivate


@pytest.mark.parametrize("text", ["HTTP Error 429", "confirm you're not a bot"])
def test_nothing_that_would_annoy_the_site_is_tried_again_at_once(text: str) -> None:
    assert site_error([text]).remedy in (Remedy.OPERATOR, Remedy.LATER)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (
            f"DownloadError: ERROR: [youtube] dQw4w9WgXcQ: Private video. Sign in if granted. {LOGIN}",
            "Private video. Sign in if granted",
        ),
        ("ExtractorError: [youtube] dQw4w9WgXcQ: Video unavailable", "Video unavailable"),
        (told(f"Unable to extract x{BUG}"), "Unable to extract x"),
        (
            "ProxyError: cannot connect to http://user:secret@proxy.example:8080 now",
            "cannot connect to now",
        ),
        (
            "Max retries exceeded with url: /videoplayback?sig=SECRET (Caused by X)",
            "Max retries exceeded (Caused by X)",
        ),
        (told("x" * 1000), "x" * 300),
    ],
)
def test_the_sentence_has_no_prefix_no_hint_and_no_address(text: str, short: str) -> None:
    assert sentence(text) == short


def test_the_message_is_ours_with_the_sentence_of_the_site() -> None:
    found = site_error([told("This live event will begin in 3 hours.")])
    assert found.message == "The live stream has not started yet: This live event will begin in 3 hours."


def test_the_exceptions_behind_an_exception_are_heard_too() -> None:
    try:
        try:
            raise TimeoutError("the socket")
        except TimeoutError as cause:
            raise ValueError("vague") from cause
    except ValueError as error:
        texts = texts_of(error)
    assert texts == ["ValueError: vague", "TimeoutError: the socket"]
    assert type(site_error(texts)) is errors.NetworkTimeout


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (["[https @ 0x55] HTTP error 403 Forbidden", "Error opening input: Server returned 403 Forbidden"],
         errors.MediaForbidden),
        (["[in#0 @ 0x55] Error opening input: Server returned 403 Forbidden (access denied)"], errors.MediaForbidden),
        (["[https @ 0x55] HTTP error 410 Gone"], errors.MediaForbidden),
        (["[https @ 0x55] HTTP error 404 Not Found"], errors.MediaGone),
        (["[https @ 0x55] HTTP error 416 Requested Range Not Satisfiable"], errors.MediaGone),
        (["[https @ 0x55] HTTP error 429 Too Many Requests"], errors.RateLimited),
        (["[https @ 0x55] HTTP error 503 Service Unavailable"], errors.Network),
        (["Server returned 5XX Server Error reply"], errors.Network),
        (["[https @ 0x55] HTTP error 407 Proxy Authentication Required"], errors.ProxyError),
        (["[tcp @ 0x55] Connection to tcp://x:443 failed: Connection timed out"], errors.NetworkTimeout),
        (["[https @ 0x55] Stream ends prematurely at 4096, should be 90210"], errors.Network),
        (["[tls @ 0x55] Connection reset by peer"], errors.Network),
        (["Error writing trailer: No space left on device"], errors.DiskFull),
        (["[tls @ 0x55] certificate verify failed"], errors.TlsError),
    ],
)  # fmt: skip
def test_what_ffmpeg_says_of_the_network(log: list[str], error: type[errors.AppError]) -> None:
    assert type(media_error(log)) is error


def test_what_is_not_about_the_network_is_left_to_others() -> None:
    assert media_error(["[libx264 @ 0x55] height not divisible by 2"]) is None


def test_an_expired_address_is_worth_another_try_later() -> None:
    assert media_status_error(403).remedy is Remedy.LATER
