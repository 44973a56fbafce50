"""Every way a request or a job can fail: one class a fact, each with a stable code and the one who can act.

Nothing here knows HTTP: ``middleware/errors.py`` chooses the status by kind and the envelope by surface.
The docstring of a class is the message a caller reads when nothing more precise is known, and
``docs/errors.md`` is written from this file.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ErrorKind(StrEnum):
    """What sort of fact an error is; the border turns it into a status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    UNPROCESSABLE = "unprocessable"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    UPGRADE_REQUIRED = "upgrade_required"
    TOO_MANY = "too_many"
    TOO_SLOW = "too_slow"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    JOB_FAILED = "job_failed"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"


class Remedy(StrEnum):
    """Who can act on a failure. What the service retries by itself says ``AppError.retried``."""

    USER = "user"
    OPERATOR = "operator"
    LATER = "later"
    DEVELOPER = "developer"


class AppError(Exception):
    """Something went wrong."""

    code: ClassVar[str]
    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    remedy: ClassVar[Remedy] = Remedy.DEVELOPER
    passes_soon: ClassVar[bool] = True
    """Whether what passes by itself may do so within seconds; otherwise it is told at once and not tried again."""
    retried: ClassVar[bool] = False
    """Whether the service tries again by itself, whoever can act: set for every ``LATER`` that may pass soon."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = _WORD_BORDER.sub("_", cls.__name__).upper()
        if "retried" not in vars(cls):
            cls.retried = cls.remedy is Remedy.LATER and cls.passes_soon

    def __init__(self, message: str | None = None, **details: object) -> None:
        """``message`` defaults to the class docstring; ``details`` are JSON values told to the caller."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.details = details
        super().__init__(self.message)


AppError.code = "APP_ERROR"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (errno.EROFS, errno.EIO)


def means_full_disk(error: BaseException) -> bool:
    """Whether an error of the system or of a library says that there is no room: they all carry its number."""
    return getattr(error, "errno", None) in _FULL


def disk_fault(error: BaseException) -> AppError | None:
    """The fact behind an error of the system or of a library that a full, read-only or damaged disk causes."""
    if means_full_disk(error):
        return DiskFull()
    return DiskUnwritable() if getattr(error, "errno", None) in _UNWRITABLE else None


def catalogue() -> dict[str, type[AppError]]:
    """All concrete errors by code, in the order they are written below."""
    found: dict[str, type[AppError]] = {}
    pending = list(AppError.__subclasses__())
    while pending:
        error = pending.pop(0)
        pending.extend(error.__subclasses__())
        found[error.code] = error
    return found


def error_from_code(code: str, message: str) -> AppError:
    """The error that a stored failure was, for callers who ask after the job has ended."""
    return catalogue().get(code, InternalError)(message)


# --- requests ---------------------------------------------------------------------------------------------------


class RequestInvalid(AppError):
    """The request is not valid."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UrlInvalid(AppError):
    """This is not a link that can be downloaded."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UrlForbidden(AppError):
    """This link leads to an address that the service does not fetch from."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class VideoIdInvalid(AppError):
    """This is not a video id."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class AdjustmentInvalid(AppError):
    """This is not an adjustment: write +20, -15, 45s or 1:30."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipRangeInvalid(AppError):
    """The time range is not valid."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipTooLong(AppError):
    """The time range is longer than this service allows."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class EmailInvalid(AppError):
    """This is not a valid e-mail address."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class PasswordInvalid(AppError):
    """The password must have at least 8 characters."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UserUnknown(AppError):
    """There is no user with this user_id."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class BodyTooLarge(AppError):
    """The request body is larger than this endpoint accepts."""

    kind, remedy = ErrorKind.TOO_LARGE, Remedy.USER


class RequestTooSlow(AppError):
    """The request arrived too slowly: send its headers within 10 seconds, and its body with at least 1 kB/s."""

    kind, remedy = ErrorKind.TOO_SLOW, Remedy.USER


class TooManyConnections(AppError):
    """This address has too many connections open."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class MediaTypeUnsupported(AppError):
    """The request has a content type that this endpoint does not accept."""

    kind, remedy = ErrorKind.UNSUPPORTED_TYPE, Remedy.USER


class RangeNotSatisfiable(AppError):
    """The requested byte range lies outside the file."""

    kind, remedy = ErrorKind.RANGE_NOT_SATISFIABLE, Remedy.USER


class EndpointNotFound(AppError):
    """There is no such endpoint."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class MethodNotAllowed(AppError):
    """This endpoint does not answer this method."""

    kind, remedy = ErrorKind.METHOD_NOT_ALLOWED, Remedy.USER


# --- identity ---------------------------------------------------------------------------------------------------


class TokenMissing(AppError):
    """A token is required: send it as 'Authorization: Bearer <token>'."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class TokenInvalid(AppError):
    """The token is not valid."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class TokenExpired(AppError):
    """The token has expired."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class CredentialsInvalid(AppError):
    """The e-mail address or the password is wrong."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class CurrentPasswordWrong(AppError):
    """The current password is wrong."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class EmailTaken(AppError):
    """This e-mail address is already registered."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class TooManyAttempts(AppError):
    """Too many attempts; please wait before you try again."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class RateLimitExceeded(AppError):
    """Too many requests; please slow down."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class SessionMissing(AppError):
    """A session is required: create one with POST /api/sessions/ and send its id as 'X-Session-ID'."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class SessionInvalid(AppError):
    """There is no such session, or it has expired; please create a new one."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class SessionNotFound(AppError):
    """There is no such session, or it has expired."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManySessions(AppError):
    """As many sessions as this service allows are in use; please try again later."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class SessionFull(AppError):
    """This session has as many jobs as it may have: delete one, or create a new session."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


# --- jobs and files ---------------------------------------------------------------------------------------------


class AdminOnly(AppError):
    """This is for the operators of the service only."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class NotOwner(AppError):
    """This belongs to someone else."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class VideoNotFound(AppError):
    """There is no such video."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class EncodeNotFound(AppError):
    """There is no such encode request."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class FileGone(AppError):
    """The file has expired and was deleted."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class FileNotReady(AppError):
    """The file has not been made yet: start the job first."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManyPending(AppError):
    """This account already has as many saved or waiting jobs as it may have."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class JobNotFound(AppError):
    """There is no such job."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class ChannelTokenNotFound(AppError):
    """There is no such channel token."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManyChannelTokens(AppError):
    """This account has as many channel tokens as it may have: revoke one first."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


class ScopeMissing(AppError):
    """This channel token may not do that; its owner can make one that may."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class CooldownActive(AppError):
    """A clip was saved a moment ago; please wait a little."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class NothingClipped(AppError):
    """There is no clip yet."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class ShareNotFound(AppError):
    """This link has expired or was taken back."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class WebhookInvalid(AppError):
    """This address cannot be told when a clip is ready."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipBusy(AppError):
    """This clip is being made now; move its times when it is ready."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class JobEnded(AppError):
    """The job has already ended."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class QueueFull(AppError):
    """As many downloads wait as this service takes; please try again later."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class LinkExpired(AppError):
    """This link is not valid, or has expired."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class TooManyListeners(AppError):
    """As many event streams are open as this service can serve; please try again later."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class TooManyOwnListeners(AppError):
    """As many event streams and WebSockets are open for this account, session or address as it may have; close one."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


class WebSocketInvalid(AppError):
    """This request opens no WebSocket: it needs Upgrade, Connection, Host, and a Sec-WebSocket-Key of 16 bytes."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class WebSocketVersionUnsupported(AppError):
    """WebSockets are spoken in version 13: send the header 'Sec-WebSocket-Version: 13'."""

    kind, remedy = ErrorKind.UPGRADE_REQUIRED, Remedy.USER


class IdempotencyKeyInvalid(AppError):
    """An Idempotency-Key has 1 to 200 visible ASCII characters."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class IdempotencyKeyReused(AppError):
    """This Idempotency-Key was sent before, with another request."""

    kind, remedy = ErrorKind.UNPROCESSABLE, Remedy.USER


class RequestInProgress(AppError):
    """A request with this Idempotency-Key is being answered right now."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.LATER


class AnonymousSavesOff(AppError):
    """The owner of this account accepts no anonymous saves."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class Cancelled(AppError):
    """The job was cancelled."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.USER


class JobLost(AppError):
    """The job was interrupted too often and was given up."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.OPERATOR


class JobTimeout(AppError):
    """The job took longer than it may take and was stopped."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.OPERATOR


class JobStalled(AppError):
    """The job made no progress for too long and was stopped."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER


# --- the archive ------------------------------------------------------------------------------------------------


class StoredVideoNotFound(AppError):
    """This video is not stored here."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class WorkPlanNotFound(AppError):
    """There is no such work plan."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


# --- uploads and encodes ----------------------------------------------------------------------------------------


class UploadMissing(AppError):
    """No file was sent in the form field that this endpoint asks for."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UploadTypeUnsupported(AppError):
    """This file type is not accepted."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UploadTooLarge(AppError):
    """The file is larger than this service accepts."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UploadIncomplete(AppError):
    """The upload ended before the whole file had arrived."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UploadNotFound(AppError):
    """There is no such upload under way: it never began, was given up, has expired, or is whole."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class UploadOffsetMismatch(AppError):
    """The upload has another number of bytes than this request continues at; ask for its offset."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class UploadLocked(AppError):
    """Another request is continuing this upload now."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.LATER


class UploadTooLong(AppError):
    """More bytes were sent than the upload announced."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class TusVersionUnsupported(AppError):
    """Resumable uploads speak tus 1.0.0: send the header 'Tus-Resumable: 1.0.0'."""

    kind, remedy = ErrorKind.PRECONDITION_FAILED, Remedy.USER


class MediaInvalid(AppError):
    """This file is not a video that can be read."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class CodecUnsupported(AppError):
    """This codec or quality preset is not known."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class EncodeFailed(AppError):
    """The video could not be encoded."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.DEVELOPER


class EncodeInterrupted(AppError):
    """FFmpeg was killed from outside, most often because memory was short."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER


class EngineInterrupted(AppError):
    """The process that makes the clip ended unexpectedly, most often because memory was short."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER


# --- the video site and the network -----------------------------------------------------------------------------


class SourceError(AppError):
    """The source of the video did not give it."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.USER


class BotCheck(SourceError):
    """The video site asks to prove that this is not a bot; the operator can supply cookies."""

    remedy = Remedy.OPERATOR


class RateLimited(SourceError):
    """The video site limits our requests for now."""

    remedy = Remedy.LATER


class IpBlocked(SourceError):
    """The video site refuses this server's address; the operator can set a proxy."""

    remedy = Remedy.OPERATOR


class AgeRestricted(SourceError):
    """The video is age-restricted; the operator can supply cookies."""

    remedy = Remedy.OPERATOR


class VideoPrivate(SourceError):
    """The video is private."""


class MembersOnly(SourceError):
    """The video is for members of the channel only."""


class PremiumOnly(SourceError):
    """The video needs a payment or a premium membership."""


class GeoBlocked(SourceError):
    """The video is blocked in this server's country; the operator can set a proxy."""

    remedy = Remedy.OPERATOR


class CopyrightBlocked(SourceError):
    """The video was blocked by a copyright claim."""


class VideoRemoved(SourceError):
    """The video has been removed."""


class VideoUnavailable(SourceError):
    """The video is not available."""


class LiveNotStarted(SourceError):
    """The live stream has not started yet."""

    remedy, passes_soon = Remedy.LATER, False


class ChannelNotLive(SourceError):
    """This channel is not live now."""


class LiveMomentGone(SourceError):
    """The stream does not hold this moment any more; its recording may, once the stream has ended."""

    remedy, passes_soon = Remedy.LATER, False


class LiveEndedNotReady(SourceError):
    """The live stream has ended and its recording is not ready yet."""

    remedy, passes_soon = Remedy.LATER, False


class LiveNotSupported(SourceError):
    """The video is a running live stream; a time range of it cannot be cut this way."""


class DrmProtected(SourceError):
    """The video is DRM protected."""


class FormatNotAvailable(SourceError):
    """The video does not exist in this format."""


class JsRuntimeRequired(SourceError):
    """The links of this video could not be deciphered: a JavaScript runtime is needed."""

    remedy = Remedy.OPERATOR


class PoTokenRequired(SourceError):
    """The video site asks for a proof-of-origin token; the operator can configure a provider."""

    remedy = Remedy.OPERATOR


class FormatsWithheld(SourceError):
    """The video site gave no usable formats to this server."""

    remedy = Remedy.OPERATOR


class ExtractorBroken(SourceError):
    """The video site has changed; yt-dlp needs an update."""

    remedy = Remedy.OPERATOR


class CookiesInvalid(SourceError):
    """The configured cookies cannot be used any more."""

    remedy = Remedy.OPERATOR


class MediaForbidden(SourceError):
    """The media server refused to give the video."""

    remedy = Remedy.LATER


class MediaGone(SourceError):
    """The media server does not have the video any more."""

    remedy = Remedy.LATER


class Network(SourceError):
    """The connection to the video site failed."""

    remedy = Remedy.LATER


class NetworkTimeout(SourceError):
    """The video site did not answer in time."""

    remedy = Remedy.LATER


class ProxyError(SourceError):
    """The configured proxy does not work."""

    # A proxy that restarts or changes its address is back within seconds; if it is not, the operator can act.
    kind, remedy, retried = ErrorKind.UNAVAILABLE, Remedy.OPERATOR, True


class TlsError(SourceError):
    """The certificate of the video site could not be verified."""

    remedy = Remedy.OPERATOR


class CaptionsUnavailable(SourceError):
    """The video has no captions of this kind in this language."""


class FileTooLarge(SourceError):
    """The video is larger than this service fetches."""


class StreamUnreadable(SourceError):
    """This stream is of a kind that cannot be read."""


class CodecNotRemuxable(SourceError):
    """The codecs of this source do not fit into an MP4."""


class ClipIncomplete(SourceError):
    """The finished file did not hold what was asked for and was thrown away."""

    remedy = Remedy.LATER


class SegmentMissing(SourceError):
    """The server lacks a part of the video that lies in the time range."""

    @classmethod
    def at(cls, stretches: Iterable[tuple[Fraction, Fraction]]) -> SegmentMissing:
        """The error for these stretches, in seconds of the video; ``details["missing"]`` lists them for the caller."""
        missing = [{"start": round(float(start), 3), "end": round(float(end), 3)} for start, end in stretches]
        times = ", ".join(f"{one['start']:g} to {one['end']:g} s" for one in missing)
        return cls(
            f"The server of this video lacks a part of it that lies in the time range: {times}.", missing=missing
        )


class Unknown(SourceError):
    """The video could not be fetched."""

    remedy = Remedy.DEVELOPER


# --- the service itself -----------------------------------------------------------------------------------------


class InternalError(AppError):
    """Internal server error."""

    kind, remedy = ErrorKind.INTERNAL, Remedy.DEVELOPER


class FfmpegMissing(AppError):
    """FFmpeg was not found."""

    kind, remedy = ErrorKind.INTERNAL, Remedy.OPERATOR


class DiskFull(AppError):
    """There is no room left on the disk."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.OPERATOR


class DiskUnwritable(AppError):
    """The disk accepts no writes: it is mounted read-only, damaged, or its folders belong to another user."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.OPERATOR


class QuotaExceeded(AppError):
    """The files of this account take all the room that it may have: delete some, or wait until some expire."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.USER


class StoreUnavailable(AppError):
    """The database cannot be reached for now."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class Busy(AppError):
    """The service has as much to do as it can take; please try again shortly."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER
