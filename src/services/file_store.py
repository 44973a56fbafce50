"""Finished files and work folders on disk: made whole or not at all, and swept when nobody needs them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from src.errors import DiskFull, disk_fault
from src.utils.allocation import allocate
from src.utils.moved_file import move_file

# An upload that is continued in pieces is forgotten when nobody has written to it for so long.
STRAY_SECONDS = 3600.0
BELONGS_FILE = ".data-dir"
"""Lies in a folder of files and names the DATA_DIR that uses it: see ``src/launcher/data_folder.py``."""
DATABASE_FILE = ".database-id"
"""Holds the id of the database that owns the files beside it: see ``src/services/operations/folder_owner.py``."""
MARKS = frozenset({".gitkeep", BELONGS_FILE, DATABASE_FILE})
WORK_FOLDER, INCOMING_FOLDER = ".work", ".incoming"
# Half an upload without a lock may be one whose lock is about to be taken.
_ARRIVING_SECONDS = 60.0
_RESUMABLE = "tus-"
_ATTEMPT = re.compile(r"([0-9a-f]{24})\.(\d+)(?:\.|$)")
# Whoever sends finished files for us (nginx, X_ACCEL_PREFIX) is in our group; uploads (0600) are nobody else's matter.
ARTIFACT_MODE = 0o640


class FileStore:
    """``DOWNLOADS_DIR``: artifacts as ``<job>.<fence><suffix>``, work folders as ``.work/<job>.<fence>``.

    What attempts of a job leave for each other lies in ``.work/<job>.kept``.

    Artifacts lie in the folder itself or in folders of their owners (``services/jobs/paths.py``).
    """

    def __init__(self, downloads: Path, uploads: Path, *, min_free_mb: int = 0) -> None:
        self.downloads = downloads.resolve()
        self.uploads = uploads.resolve()
        self.incoming = self.uploads / INCOMING_FOLDER
        self._work = self.downloads / WORK_FOLDER
        self.min_free_bytes = min_free_mb * 1024 * 1024
        for folder in (self.downloads, self.uploads, self.incoming, self._work):
            folder.mkdir(parents=True, exist_ok=True)

    def require_room(self, more_bytes: int = 0) -> None:
        """Refuse new work, or so many bytes more, while the disk is nearly full.

        Raises:
            DiskFull: less than ``MIN_FREE_DISK_MB`` would be free.
        """
        if not self.has_room(more_bytes):
            raise DiskFull()

    def take_room(self, file: int, start: int, end: int, *, at_least: int | None = None) -> int:
        """Keep the disk's room for what will be written to this open file between two places, or as far as
        ``at_least`` where there is not so much; the place up to which there is.

        One after the other, over all processes: of two who want the last room, one gets it.

        Raises:
            DiskFull: less than ``MIN_FREE_DISK_MB`` would be left.
        """
        turn = os.open(self.incoming, os.O_RDONLY)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            for place in dict.fromkeys((end, end if at_least is None else at_least)):
                disk = os.fstatvfs(file)
                if disk.f_bavail * disk.f_frsize - (place - start) >= self.min_free_bytes:
                    allocate(file, start, place - start)
                    return place
            raise DiskFull()
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise
        finally:
            os.close(turn)

    def work_folder(self, job_id: str, fence: int) -> Path:
        """A new, empty, private folder for one attempt."""
        folder = self._work / f"{job_id}.{fence}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def keep(self, made: Path, job_id: str, fence: int, folder: PurePath | str = "") -> Path:
        """Move a finished file out of its work folder: on disk for good before it appears under its name.

        ``folder`` is relative to ``DOWNLOADS_DIR`` and made of ids of our own.
        """
        target = self.downloads / folder / f"{job_id}.{fence}{made.suffix}"
        try:
            # Whoever made it read what strangers sent: a link to another file must not become that file's second name.
            with os.fdopen(os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                os.fchmod(file.fileno(), ARTIFACT_MODE)
                os.fsync(file.fileno())
            try:
                move_file(made, target)
            except FileNotFoundError:  # the folder was empty and swept in this moment
                move_file(made, target)
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise
        return target

    def kept_folder(self, job_id: str) -> Path:
        """Where the attempts of one job leave what later ones can go on with. Not made here."""
        return self._work / f"{job_id}.kept"

    def drop_kept(self, job_id: str) -> None:
        """Delete what the attempts of a job left for each other."""
        shutil.rmtree(self.kept_folder(job_id), ignore_errors=True)

    def drop_work(self, job_id: str, fence: int) -> None:
        """Delete the work folder of an attempt."""
        shutil.rmtree(self._work / f"{job_id}.{fence}", ignore_errors=True)

    def delete(self, path: Path | str | None) -> None:
        """Delete a file of ours; one that is being sent still arrives whole, for only its name goes."""
        if path and self._is_ours(Path(path)):
            Path(path).unlink(missing_ok=True)
            self._drop_empty_folders(Path(path).resolve().parent)

    def artifacts(self) -> list[Path]:
        """All finished files, in all folders of owners."""
        return list(self._all_artifacts())

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether new work, or so many bytes more, is accepted."""
        return shutil.disk_usage(self.downloads).free - more_bytes >= self.min_free_bytes

    def kept_bytes(self, job_id: str) -> int:
        """How much earlier attempts of a job have left for later ones."""
        total = 0
        with suppress(FileNotFoundError):
            for path in self.kept_folder(job_id).iterdir():
                total += path.stat().st_size
        return total

    def is_writable(self) -> bool:
        """Whether files can be written: false on a disk that was mounted read-only, or in folders of another user."""
        return all(os.access(folder, os.W_OK | os.X_OK) for folder in (self._work, self.incoming))

    def inputs(self) -> list[Path]:
        """All uploaded files."""
        return [path for path in self.uploads.iterdir() if path.name not in MARKS and path.is_file()]

    def half_uploads(self) -> list[Path]:
        """Uploads that nobody sends any more: whoever receives one holds its lock."""
        return [
            path
            for path in self.incoming.iterdir()
            if is_old_file(path, STRAY_SECONDS if path.name.startswith(_RESUMABLE) else _ARRIVING_SECONDS)
            and not _is_locked(path)
        ]

    def work_folders(self) -> list[Path]:
        """The folder of every attempt that has left one, and what attempts have kept for each other."""
        return list(self._work.iterdir())

    def drop_folder(self, folder: Path) -> None:
        """Delete a work folder that ``work_folders`` named."""
        shutil.rmtree(folder, ignore_errors=True)

    def _all_artifacts(self) -> Iterator[Path]:
        for folder, subfolders, files in os.walk(self.downloads):
            # UPLOADS_DIR may be this folder or lie in it.
            subfolders[:] = [name for name in subfolders if Path(folder, name) not in (self._work, self.incoming)]
            yield from (Path(folder, name) for name in files if name not in MARKS)

    def _drop_empty_folders(self, folder: Path) -> None:
        lasting = (self.downloads, self._work, self.uploads, self.incoming)
        while folder.is_relative_to(self.downloads) and folder not in lasting:
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone already
                return
            folder = folder.parent

    def _is_ours(self, path: Path) -> bool:
        resolved = path.resolve()
        return any(resolved.is_relative_to(folder) for folder in (self.downloads, self.uploads))


def attempt_of(path: Path) -> tuple[str, int] | None:
    """(job, fence) of the attempt that made this artifact or work folder; ``None``: its name does not tell."""
    found = _ATTEMPT.match(path.name)
    return (found[1], int(found[2])) if found else None


def is_old_file(path: Path, seconds: float) -> bool:
    """Whether this is a file that was written at least so long ago."""
    try:
        return path.is_file() and path.stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False


def is_old_folder(folder: Path, seconds: float) -> bool:
    """Whether nothing in this folder was written for so long."""
    limit = time.time() - seconds
    try:
        return all(path.lstat().st_mtime < limit for path in (folder, *folder.rglob("*")))
    except OSError:  # an attempt works in it
        return False


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
