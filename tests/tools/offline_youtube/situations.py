"""The films that this site has: one id for each situation a caller can meet, and what is special about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tests.tools.offline_youtube.faults import NO_FAULT, Fault

Formats = Literal[
    "ladder",
    "fps_30000_1001",
    "fps_60",
    "variable",
    "mixed_rates",
    "late_low",
    "no_audio",
    "progressive",
    "hls",
    "live",
    "numbered",
    "withheld",
    "none",
]
Liveness = Literal["never", "now", "upcoming", "was", "processing"]


class VideoId(StrEnum):
    """Ids of eleven characters, as the site's links carry them."""

    # What plays.
    LADDER = "ladder_____"
    FPS_30000_1001 = "fps30000___"
    FPS_60 = "fps60______"
    FPS_VARIABLE = "fpsvariable"
    MIXED_RATES = "mixedrates_"
    LATE_LOW = "latelow____"
    NO_AUDIO = "noaudio____"
    ONLY_PROGRESSIVE = "itag18only_"
    ONLY_HLS = "hlsonly____"
    CAPTIONS = "captions___"
    CAPTIONS_RATE_LIMITED = "captions429"
    ENCIPHERED = "enciphered_"
    WAS_LIVE = "waslive____"
    LIVE_NOW = "livenow____"
    LIVE_BY_NUMBER = "bynumber___"
    LIVE_BY_NUMBER_2 = "bynumber__2"
    LIVE_BY_NUMBER_3 = "bynumber__3"
    LIVE_BY_NUMBER_4 = "bynumber__4"
    LIVE_BY_NUMBER_5 = "bynumber__5"
    LIVE_BY_NUMBER_6 = "bynumber__6"
    LIVE_BY_NUMBER_7 = "bynumber__7"
    LIVE_BY_NUMBER_8 = "bynumber__8"
    MARKUP_IN_TITLE = "markup_____"

    # What does not play, and the site says so.
    PRIVATE = "private____"
    REMOVED = "removed____"
    UNAVAILABLE = "unavailable"
    ACCOUNT_TERMINATED = "terminated_"
    COPYRIGHT = "copyright__"
    AGE_RESTRICTED = "agegated___"
    GEO_BLOCKED = "geoblocked_"
    GEO_BLOCKED_BY_OWNER = "geoowner___"
    MEMBERS_ONLY = "membersonly"
    PREMIUM_ONLY = "premiumonly"
    PAYMENT_REQUIRED = "paymentonly"
    BOT_CHECK = "botcheck___"
    SESSION_RATE_LIMITED = "trylater___"
    RATE_LIMITED = "ratelimited"
    IP_BLOCKED = "ipblocked__"
    DRM = "drm________"
    UPCOMING = "upcoming___"
    PREMIERE = "premiere___"
    LIVE_ENDED_NOT_READY = "liveended__"
    RECORDING_NOT_READY = "norecording"
    EXTRACTOR_BROKEN = "reloadpage_"
    APP_OUTDATED = "oldapp_____"
    FORMATS_WITHHELD = "withheld___"
    LIVE_WITHHELD = "livesabr___"
    CIPHER_UNSOLVABLE = "unsolvable_"
    SLOW_EXTRACTION = "slowanswer_"

    # What the media servers do wrong.
    MEDIA_FORBIDDEN = "media403___"
    MEDIA_EXPIRES = "expires____"
    MEDIA_GONE = "media404___"
    MEDIA_UNAVAILABLE_TWICE = "media503x2_"
    CUTS_EVERY_20_KB = "cuts20kb___"
    CUT_FOR_GOOD = "cutforgood_"
    STALLS = "stalls_____"
    SLOW = "slow_______"
    NO_RANGES = "noranges___"


SITUATIONS = VideoId
"""The table of situations: ``SITUATIONS.LADDER`` and so on."""


@dataclass(frozen=True, kw_only=True)
class Playability:
    """What the player answers in place of a film: the site's status word and its two lines of text."""

    status: str
    reason: str
    subreason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What differs from a film that simply plays."""

    formats: Formats = "ladder"
    refusal: Playability | None = None
    live: Liveness = "never"
    captions: bool = False
    enciphered: bool = False
    player: Literal["good", "unsolvable"] = "good"
    drm: bool = False
    answers_for: VideoId | None = None
    """Another film whose id the player answers with."""
    fault: Fault = NO_FAULT


def _refused(status: str, reason: str, subreason: str | None = None, live: Liveness = "never") -> Situation:
    return Situation(formats="none", refusal=Playability(status=status, reason=reason, subreason=subreason), live=live)


LIVE_BY_NUMBER = tuple(video_id for video_id in VideoId if video_id.name.startswith("LIVE_BY_NUMBER"))
"""Eight streams that run at the same time, with the same segments."""

_SITUATIONS: dict[VideoId, Situation] = {
    **dict.fromkeys(LIVE_BY_NUMBER, Situation(formats="numbered", live="now")),
    VideoId.FPS_30000_1001: Situation(formats="fps_30000_1001"),
    VideoId.FPS_60: Situation(formats="fps_60"),
    VideoId.FPS_VARIABLE: Situation(formats="variable"),
    VideoId.MIXED_RATES: Situation(formats="mixed_rates"),
    VideoId.LATE_LOW: Situation(formats="late_low"),
    VideoId.NO_AUDIO: Situation(formats="no_audio"),
    VideoId.ONLY_PROGRESSIVE: Situation(formats="progressive"),
    VideoId.ONLY_HLS: Situation(formats="hls"),
    VideoId.CAPTIONS: Situation(captions=True),
    VideoId.CAPTIONS_RATE_LIMITED: Situation(captions=True, fault=Fault(captions_status=429)),
    VideoId.ENCIPHERED: Situation(enciphered=True),
    VideoId.WAS_LIVE: Situation(live="was"),
    VideoId.LIVE_NOW: Situation(formats="live", live="now"),
    VideoId.PRIVATE: _refused("LOGIN_REQUIRED", "Private video", "Sign in if you've been granted access to this video"),
    VideoId.REMOVED: _refused("ERROR", "Video unavailable", "This video has been removed by the uploader"),
    VideoId.UNAVAILABLE: _refused("ERROR", "Video unavailable"),
    VideoId.ACCOUNT_TERMINATED: _refused(
        "ERROR",
        "Video unavailable",
        "This video is no longer available because the YouTube account associated with this video has been terminated.",
    ),
    VideoId.COPYRIGHT: _refused(
        "ERROR",
        "Video unavailable",
        "This video is no longer available due to a copyright claim by Example Records.",
    ),
    VideoId.AGE_RESTRICTED: _refused(
        "LOGIN_REQUIRED", "Sign in to confirm your age", "This video may be inappropriate for some users."
    ),
    VideoId.GEO_BLOCKED: _refused(
        "UNPLAYABLE", "Video unavailable", "The uploader has not made this video available in your country"
    ),
    VideoId.GEO_BLOCKED_BY_OWNER: _refused(
        "UNPLAYABLE",
        "Video unavailable",
        "This video contains content from Example Records, who has blocked it in your country on copyright grounds",
    ),
    VideoId.MEMBERS_ONLY: _refused(
        "UNPLAYABLE",
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
    ),
    VideoId.PREMIUM_ONLY: _refused("UNPLAYABLE", "This video is only available to Music Premium members"),
    VideoId.PAYMENT_REQUIRED: _refused("UNPLAYABLE", "This video requires payment to watch"),
    VideoId.BOT_CHECK: _refused(
        "LOGIN_REQUIRED",
        "Sign in to confirm you\N{RIGHT SINGLE QUOTATION MARK}re not a bot",
        "This helps protect our community. Learn more",
    ),
    VideoId.SESSION_RATE_LIMITED: _refused("UNPLAYABLE", "This content isn't available, try again later."),
    VideoId.RATE_LIMITED: Situation(formats="none", fault=Fault(extraction_status=429)),
    VideoId.IP_BLOCKED: Situation(answers_for=VideoId.LADDER),
    VideoId.DRM: Situation(drm=True),
    VideoId.UPCOMING: _refused("LIVE_STREAM_OFFLINE", "This live event will begin in 2 hours.", live="upcoming"),
    VideoId.PREMIERE: _refused("LIVE_STREAM_OFFLINE", "Premieres in 2 hours", live="upcoming"),
    VideoId.LIVE_ENDED_NOT_READY: _refused("LIVE_STREAM_OFFLINE", "This live event has ended.", live="processing"),
    VideoId.RECORDING_NOT_READY: _refused("UNPLAYABLE", "This live stream recording is not available.", live="was"),
    VideoId.EXTRACTOR_BROKEN: _refused("UNPLAYABLE", "The page needs to be reloaded."),
    VideoId.APP_OUTDATED: _refused(
        "UNPLAYABLE",
        "The following content is not available on this app.",
        "Watch on the latest version of YouTube.",
    ),
    VideoId.FORMATS_WITHHELD: Situation(formats="withheld"),
    VideoId.LIVE_WITHHELD: Situation(formats="withheld", live="now"),
    VideoId.CIPHER_UNSOLVABLE: Situation(enciphered=True, player="unsolvable"),
    VideoId.SLOW_EXTRACTION: Situation(fault=Fault(extraction_seconds=10)),
    VideoId.MEDIA_FORBIDDEN: Situation(fault=Fault(status=403)),
    VideoId.MEDIA_EXPIRES: Situation(fault=Fault(expires_after_bytes=100_000)),
    VideoId.MEDIA_GONE: Situation(fault=Fault(status=404)),
    VideoId.MEDIA_UNAVAILABLE_TWICE: Situation(fault=Fault(status=503, times=2)),
    VideoId.CUTS_EVERY_20_KB: Situation(fault=Fault(cut_every_bytes=20_000)),
    VideoId.CUT_FOR_GOOD: Situation(fault=Fault(cut_at=0.5)),
    VideoId.STALLS: Situation(fault=Fault(stall_at=0.5)),
    VideoId.SLOW: Situation(fault=Fault(bytes_per_second=1)),
    VideoId.NO_RANGES: Situation(fault=Fault(ignores_range=True)),
}


def situation(video_id: VideoId) -> Situation:
    """What is special about ``video_id``; a film that is not in the table simply plays."""
    return _SITUATIONS.get(video_id, Situation())
