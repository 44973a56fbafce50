"""Defines the errors of uploads, encodes and the engines."""

from __future__ import annotations

from src.errors.base import AppError, ErrorKind, Remedy


class UploadMissing(AppError):
    """No file was sent in the form field that this endpoint expects."""

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
    """There is no such unfinished upload: it never started, was cancelled, has expired, or is complete."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class UploadOffsetMismatch(AppError):
    """The upload is at another offset than this request; ask for its current offset."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class UploadLocked(AppError):
    """Another request is continuing this upload now."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.LATER


class UploadTooLong(AppError):
    """More bytes were sent than the upload announced."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class TusVersionUnsupported(AppError):
    """Resumable uploads use tus 1.0.0: send the header 'Tus-Resumable: 1.0.0'."""

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
    """FFmpeg was killed by the system, usually because memory ran out."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER


class EngineInterrupted(AppError):
    """The process that cuts the clip ended unexpectedly, usually because memory ran out."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.LATER
