"""Moves a file, also to another disk, so that the target is never incomplete."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

_COPIED_BYTES = 1024 * 1024
# Another disk; a file system without links, or one whose files may have no more of them.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def move_file(made: Path, target: Path) -> None:
    """Move a file completely or not at all; it is on disk for good when this returns.

    Between two disks the file is copied first, to the target's name with ``.half`` appended, so that the cleanup knows
    to which file an interrupted copy belongs.

    Raises:
        OSError: the file was not moved.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_to_other_disk(made, target)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that is never changed a second name; where the file system has no links, copy it.

    A target that exists is left as it is.

    Raises:
        OSError: the file has no second name.
    """
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        half = target.with_name(target.name + ".half")
        _copy(source, half)
        half.replace(target)


def _move_to_other_disk(made: Path, target: Path) -> None:
    half = target.with_name(target.name + ".half")
    try:
        _copy(made, half)
        half.replace(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    made.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with (
        os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as read,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as written,
    ):
        shutil.copyfileobj(read, written, _COPIED_BYTES)
        written.flush()
        found = os.fstat(read.fileno())
        os.fchmod(written.fileno(), stat.S_IMODE(found.st_mode))
        os.utime(written.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
        os.fsync(written.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
