"""Defines the errors of jobs, files, clips from chats, webhooks and the archive."""

from __future__ import annotations

from src.errors.base import AppError, ErrorKind, Remedy


class AdminOnly(AppError):
    """This is for the operators of the service only."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class NotOwner(AppError):
    """This belongs to someone else."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class VideoNotFound(AppError):
    """There is no such video."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class PreviewNotFound(AppError):
    """There is no such preview, or it has expired: request it again."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class StoryboardNotFound(AppError):
    """There is no such sheet: look the video up with POST /api/video/info first."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class EncodeNotFound(AppError):
    """There is no such encode request."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class FileGone(AppError):
    """The file has expired and was deleted."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class FileNotReady(AppError):
    """The file does not exist yet: start the job first."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManyPending(AppError):
    """This account has reached its limit of saved and waiting jobs."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class JobNotFound(AppError):
    """There is no such job."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class ChannelTokenNotFound(AppError):
    """There is no such channel token."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class LoginNotFound(AppError):
    """The account has no such login, or it has ended."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManyRecordings(AppError):
    """This account records as many whole streams as it may: end one of them first."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


class TooManyChannelTokens(AppError):
    """This account has reached its limit of channel tokens: revoke one first."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


class ScopeMissing(AppError):
    """This channel token does not allow that; its owner can create one that does."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class CooldownActive(AppError):
    """A clip was requested a moment ago; please wait a little."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class NothingClipped(AppError):
    """There is no clip yet."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class ShareNotFound(AppError):
    """This link has expired or was revoked."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class WebhookInvalid(AppError):
    """This address cannot be notified when a clip is ready."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipBusy(AppError):
    """This clip is being produced now; change its times when it is ready."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class JobEnded(AppError):
    """The job has already ended."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class QueueFull(AppError):
    """The queue of downloads is full; please try again later."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class LinkExpired(AppError):
    """This link is not valid, or has expired."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.USER


class TooManyListeners(AppError):
    """The service has reached its limit of event streams; please try again later."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class TooManyOwnListeners(AppError):
    """This account, session or address has reached its limit of event streams and WebSockets; close one."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER


class WebSocketInvalid(AppError):
    """This is not a WebSocket request: it needs Upgrade, Connection, Host, and a Sec-WebSocket-Key of 16 bytes."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class WebSocketVersionUnsupported(AppError):
    """Only WebSocket version 13 is supported: send the header 'Sec-WebSocket-Version: 13'."""

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
    """The job exceeded its time limit and was stopped."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.OPERATOR


class JobStalled(AppError):
    """The job made no progress for too long and was stopped."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER


class StoredVideoNotFound(AppError):
    """This video is not stored here."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class WorkPlanNotFound(AppError):
    """There is no such work plan."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER
