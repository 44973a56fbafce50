"""Errors of the service itself: its programs, its disk and its stores."""

from __future__ import annotations

import errno

from src.errors.base import AppError, ErrorKind, Remedy


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


_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (errno.EROFS, errno.EIO)


def means_full_disk(error: BaseException) -> bool:
    """Return whether an error of the system or of a library says that there is no room: they all carry its number."""
    return getattr(error, "errno", None) in _FULL


def disk_fault(error: BaseException) -> AppError | None:
    """Return the fact behind an error of the system or of a library that a full, read-only or damaged disk causes."""
    if means_full_disk(error):
        return DiskFull()
    return DiskUnwritable() if getattr(error, "errno", None) in _UNWRITABLE else None
