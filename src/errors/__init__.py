"""Defines every error of a request or a job: one class per cause, with a stable code and who can act on it.

These classes know nothing of HTTP: ``middleware/errors.py`` chooses the status by kind and the JSON form by API. The
docstring of a class is the default message for callers, and ``docs/errors.md`` is generated from these files.

::

    AppError               base.py       code, kind, remedy, whether it is tried again
    |-- ...                requests.py   what was sent, and who sent it
    |-- ...                jobs.py       jobs, files, chats, webhooks, the archive
    |-- ...                media.py      uploads, encodes, the engines
    |-- SourceError        sources.py    the video site and the network: one class for each cause
    |   `-- ...
    `-- ...                service.py    programs, disk and stores of the service itself
"""

from __future__ import annotations

# fmt: off
# With one name a line these lists would hide the subjects.
from src.errors.base import AppError, ErrorKind, Remedy
from src.errors.catalogue import catalogue, error_from_code
from src.errors.jobs import (
    AdminOnly,
    AnonymousSavesOff,
    Cancelled,
    ChannelTokenNotFound,
    ClipBusy,
    CooldownActive,
    EncodeNotFound,
    FileGone,
    FileNotReady,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    JobEnded,
    JobLost,
    JobNotFound,
    JobStalled,
    JobTimeout,
    LinkExpired,
    NothingClipped,
    NotOwner,
    QueueFull,
    RequestInProgress,
    ScopeMissing,
    ShareNotFound,
    StoredVideoNotFound,
    TooManyChannelTokens,
    TooManyListeners,
    TooManyOwnListeners,
    TooManyPending,
    VideoNotFound,
    WebhookInvalid,
    WebSocketInvalid,
    WebSocketVersionUnsupported,
    WorkPlanNotFound,
)
from src.errors.media import (
    CodecUnsupported,
    EncodeFailed,
    EncodeInterrupted,
    EngineInterrupted,
    MediaInvalid,
    TusVersionUnsupported,
    UploadIncomplete,
    UploadLocked,
    UploadMissing,
    UploadNotFound,
    UploadOffsetMismatch,
    UploadTooLarge,
    UploadTooLong,
    UploadTypeUnsupported,
)
from src.errors.requests import (
    AddressTooLong,
    AdjustmentInvalid,
    BodyTooLarge,
    ClipRangeInvalid,
    ClipTooLong,
    CredentialsInvalid,
    CurrentPasswordWrong,
    EmailInvalid,
    EmailTaken,
    EndpointNotFound,
    MediaTypeUnsupported,
    MethodNotAllowed,
    PasswordInvalid,
    RangeNotSatisfiable,
    RateLimitExceeded,
    RequestInvalid,
    RequestTooSlow,
    SessionFull,
    SessionInvalid,
    SessionMissing,
    SessionNotFound,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TooManyAttempts,
    TooManyConnections,
    TooManySessions,
    UrlForbidden,
    UrlInvalid,
    UserUnknown,
    VideoIdInvalid,
)
from src.errors.service import (
    Busy,
    DiskFull,
    DiskUnwritable,
    FfmpegMissing,
    InternalError,
    QuotaExceeded,
    StoreUnavailable,
    disk_fault,
    means_full_disk,
)
from src.errors.sources import (
    AgeRestricted,
    BotCheck,
    CaptionsUnavailable,
    ChannelNotLive,
    ClipIncomplete,
    CodecNotRemuxable,
    CookiesInvalid,
    CopyrightBlocked,
    DrmProtected,
    ExtractorBroken,
    FileTooLarge,
    FormatNotAvailable,
    FormatRefused,
    FormatsWithheld,
    GeoBlocked,
    IpBlocked,
    JsRuntimeRequired,
    LiveEndedNotReady,
    LiveMomentGone,
    LiveNotStarted,
    LiveNotSupported,
    MediaForbidden,
    MediaGone,
    MembersOnly,
    Network,
    NetworkTimeout,
    PoTokenRequired,
    PremiumOnly,
    ProxyError,
    RateLimited,
    SegmentMissing,
    SourceError,
    StreamUnreadable,
    TlsError,
    Unknown,
    VideoPrivate,
    VideoRemoved,
    VideoUnavailable,
)

__all__ = [
    "AddressTooLong", "AdjustmentInvalid", "AdminOnly", "AgeRestricted", "AnonymousSavesOff", "AppError",
    "BodyTooLarge", "BotCheck",
    "Busy", "Cancelled", "CaptionsUnavailable", "ChannelNotLive", "ChannelTokenNotFound", "ClipBusy",
    "ClipIncomplete", "ClipRangeInvalid", "ClipTooLong", "CodecNotRemuxable", "CodecUnsupported", "CookiesInvalid",
    "CooldownActive", "CopyrightBlocked", "CredentialsInvalid", "CurrentPasswordWrong", "DiskFull",
    "DiskUnwritable", "DrmProtected", "EmailInvalid", "EmailTaken", "EncodeFailed", "EncodeInterrupted",
    "EncodeNotFound", "EndpointNotFound", "EngineInterrupted", "ErrorKind", "ExtractorBroken", "FfmpegMissing",
    "FileGone", "FileNotReady", "FileTooLarge", "FormatNotAvailable", "FormatRefused", "FormatsWithheld", "GeoBlocked",
    "IdempotencyKeyInvalid", "IdempotencyKeyReused", "InternalError", "IpBlocked", "JobEnded", "JobLost",
    "JobNotFound", "JobStalled", "JobTimeout", "JsRuntimeRequired", "LinkExpired", "LiveEndedNotReady",
    "LiveMomentGone", "LiveNotStarted", "LiveNotSupported", "MediaForbidden", "MediaGone", "MediaInvalid",
    "MediaTypeUnsupported", "MembersOnly", "MethodNotAllowed", "Network", "NetworkTimeout", "NotOwner",
    "NothingClipped", "PasswordInvalid", "PoTokenRequired", "PremiumOnly", "ProxyError", "QueueFull",
    "QuotaExceeded", "RangeNotSatisfiable", "RateLimitExceeded", "RateLimited", "Remedy", "RequestInProgress",
    "RequestInvalid", "RequestTooSlow", "ScopeMissing", "SegmentMissing", "SessionFull", "SessionInvalid",
    "SessionMissing", "SessionNotFound", "ShareNotFound", "SourceError", "StoreUnavailable", "StoredVideoNotFound",
    "StreamUnreadable", "TlsError", "TokenExpired", "TokenInvalid", "TokenMissing", "TooManyAttempts",
    "TooManyChannelTokens", "TooManyConnections", "TooManyListeners", "TooManyOwnListeners", "TooManyPending",
    "TooManySessions", "TusVersionUnsupported", "Unknown", "UploadIncomplete", "UploadLocked", "UploadMissing",
    "UploadNotFound", "UploadOffsetMismatch", "UploadTooLarge", "UploadTooLong", "UploadTypeUnsupported",
    "UrlForbidden", "UrlInvalid", "UserUnknown", "VideoIdInvalid", "VideoNotFound", "VideoPrivate", "VideoRemoved",
    "VideoUnavailable", "WebSocketInvalid", "WebSocketVersionUnsupported", "WebhookInvalid", "WorkPlanNotFound",
    "catalogue", "disk_fault", "error_from_code", "means_full_disk",
]
# fmt: on
