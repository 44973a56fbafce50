"""Errors about jobs, files, clips from chats, webhooks and the archive."""

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


class StoredVideoNotFound(AppError):
    """This video is not stored here."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class WorkPlanNotFound(AppError):
    """There is no such work plan."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER
