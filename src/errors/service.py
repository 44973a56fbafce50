"""Defines the errors of the service itself: its programs, its disk and its stores."""

from __future__ import annotations

import errno

from src.errors.base import AppError, ErrorKind, Remedy


class InternalError(AppError):
    """Internal server error."""

    kind, remedy = ErrorKind.INTERNAL, Remedy.DEVELOPER


class FfmpegMissing(AppError):
    """FFmpeg was not found."""

    kind, remedy = ErrorKind.INTERNAL, Remedy.OPERATOR


class CapturesFull(AppError):
    """The disk space for captures of running streams is used up."""

    kind, remedy, retried = ErrorKind.STORAGE_FULL, Remedy.OPERATOR, True


class DiskFull(AppError):
    """The disk is full."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.OPERATOR


class DiskUnwritable(AppError):
    """The disk accepts no writes: it is mounted read-only, damaged, or its folders belong to another user."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.OPERATOR


class QuotaExceeded(AppError):
    """The files of this account use all the space that it may use: delete some, or wait until some expire."""

    kind, remedy = ErrorKind.STORAGE_FULL, Remedy.USER


class StoreUnavailable(AppError):
    """The database cannot be reached at the moment."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


class Busy(AppError):
    """The service is busy; please try again shortly."""

    kind, remedy = ErrorKind.UNAVAILABLE, Remedy.LATER


_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (errno.EROFS, errno.EIO)


def means_full_disk(error: BaseException) -> bool:
    """Return whether an exception of the system or a library means a full disk; all of them carry its ``errno``."""
    return getattr(error, "errno", None) in _FULL


def disk_fault(error: BaseException) -> AppError | None:
    """Return the error for an exception that a full, read-only or damaged disk causes, or ``None``."""
    if means_full_disk(error):
        return DiskFull()
    return DiskUnwritable() if getattr(error, "errno", None) in _UNWRITABLE else None
