"""Manages finished files and work folders on disk: complete files only, deleted when they are not needed any more."""

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
from src.utils.capture_pools import bytes_of_pools, delete_unused, is_pool, pools_in
from src.utils.moved_file import move_file

# A resumable upload is deleted after this time without new data.
STRAY_SECONDS = 3600.0
BELONGS_FILE = ".data-dir"
"""Marks a folder of files with the DATA_DIR that uses it: see ``src/launcher/data_folder.py``."""
DATABASE_FILE = ".database-id"
"""Holds the id of the database that owns the files of the folder: see ``src/services/operations/folder_owner.py``."""
MARKS = frozenset({".gitkeep", BELONGS_FILE, DATABASE_FILE})
WORK_FOLDER, INCOMING_FOLDER = ".work", ".incoming"
SHARED_FOLDER = "fetched.shared"
"""In ``WORK_FOLDER``: the fetched media that clips share, see ``src/services/cutting/shared_media.py``."""
# A partial upload without a lock may be one that is about to be locked.
_ARRIVING_SECONDS = 60.0
_RESUMABLE = "tus-"
_ATTEMPT = re.compile(r"([0-9a-f]{24})\.(\d+)(?:\.|$)")
# A web server that sends finished files for the service (nginx, X_ACCEL_PREFIX) is in its group. Uploads (0600) are
# private.
ARTIFACT_MODE = 0o640


class FileStore:
    """Stores artifacts as ``<job>.<fence><suffix>`` in ``DOWNLOADS_DIR`` and work folders as ``.work/<job>.<fence>``.

    Data that attempts of a job leave for later attempts is in ``.work/<job>.kept``. Artifacts are in the folder itself
    or in folders of their owners (``services/jobs/paths.py``).
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
        """Refuse new work, or ``more_bytes``, while the disk is nearly full.

        Raises:
            DiskFull: less than ``MIN_FREE_DISK_MB`` would be free.
        """
        if not self.has_room(more_bytes):
            raise DiskFull()

    def take_room(self, file: int, start: int, end: int, *, at_least: int | None = None) -> int:
        """Allocate disk space for an open file from offset ``start`` to ``end``, or to ``at_least`` if there is not
        enough; return the offset up to which space is allocated.

        All processes take turns: if two want the last space, one of them gets it.

        Raises:
            DiskFull: less than ``MIN_FREE_DISK_MB`` would be left.
        """
        turn = os.open(self.incoming, os.O_RDONLY)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            for target in dict.fromkeys((end, end if at_least is None else at_least)):
                disk = os.fstatvfs(file)
                if disk.f_bavail * disk.f_frsize - (target - start) >= self.min_free_bytes:
                    allocate(file, start, target - start)
                    return target
            raise DiskFull()
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise
        finally:
            os.close(turn)

    @property
    def pools(self) -> Path:
        """The folder of the pools in which captures of running streams store segments (``utils/capture_pools.py``)."""
        return self._work

    def work_folder(self, job_id: str, fence: int) -> Path:
        """Create an empty, private folder for one attempt."""
        folder = self._work / f"{job_id}.{fence}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def store_artifact(self, source: Path, job_id: str, fence: int, folder: PurePath | str = "") -> Path:
        """Move a finished file out of its work folder, synced to disk before it appears under its final name.

        ``folder`` is relative to ``DOWNLOADS_DIR`` and consists of generated ids.
        """
        target = self.downloads / folder / f"{job_id}.{fence}{source.suffix}"
        try:
            # The file comes from a process that read untrusted input: a link must not expose another file.
            with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                os.fchmod(file.fileno(), ARTIFACT_MODE)
                os.fsync(file.fileno())
            try:
                move_file(source, target)
            except FileNotFoundError:  # the folder was empty and was deleted at this moment
                move_file(source, target)
        except OSError as error:
            fault = disk_fault(error)
            if fault is not None:
                raise fault from error
            raise
        return target

    def retained_folder(self, job_id: str) -> Path:
        """Return the folder for data that later attempts of a job can continue from. It may not exist."""
        return self._work / f"{job_id}.kept"

    def drop_retained(self, job_id: str) -> None:
        """Delete the data that attempts of a job left for later ones."""
        shutil.rmtree(self.retained_folder(job_id), ignore_errors=True)

    def drop_work(self, job_id: str, fence: int) -> None:
        """Delete the work folder of an attempt."""
        shutil.rmtree(self._work / f"{job_id}.{fence}", ignore_errors=True)

    def delete(self, path: Path | str | None) -> None:
        """Delete a file of the service. A transfer in progress still completes, because only the name is removed."""
        if path and self._is_ours(Path(path)):
            Path(path).unlink(missing_ok=True)
            self._drop_empty_folders(Path(path).resolve().parent)

    def artifacts(self) -> list[Path]:
        """Return all finished files, in all folders of owners."""
        return list(self._all_artifacts())

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether there is room for new work, or for ``more_bytes``."""
        return shutil.disk_usage(self.downloads).free - more_bytes >= self.min_free_bytes

    def retained_bytes(self, job_id: str) -> int:
        """Return the size of the data that earlier attempts of a job left for later ones."""
        total = 0
        for folder, _, names in os.walk(self.retained_folder(job_id)):
            for name in names:
                with suppress(FileNotFoundError):
                    total += Path(folder, name).stat().st_size
        return total

    def is_writable(self) -> bool:
        """Whether files can be written: false on a read-only disk or in folders of another user."""
        return all(os.access(folder, os.W_OK | os.X_OK) for folder in (self._work, self.incoming))

    def inputs(self) -> list[Path]:
        """Return all uploaded files."""
        return [path for path in self.uploads.iterdir() if path.name not in MARKS and path.is_file()]

    def partial_uploads(self) -> list[Path]:
        """Return abandoned partial uploads: those without a lock, which every receiver holds."""
        return [path for path in self.incoming.iterdir() if _is_abandoned(path) and not _is_locked(path)]

    def work_folders(self) -> list[Path]:
        """Return the folders of all attempts, and the folders with retained data; without those of captures and
        without the media that clips share."""
        return [path for path in self._work.iterdir() if not is_pool(path) and path.name != SHARED_FOLDER]

    def drop_unused_pools(self) -> int:
        """Delete what captures of running streams left, unless a process uses it or did so lately; return how many."""
        return sum(delete_unused(pool) for pool in pools_in(self._work))

    def capture_bytes(self) -> int:
        """Return the size of the segments that captures of running streams share now."""
        return bytes_of_pools(self._work)

    def drop_folder(self, folder: Path) -> None:
        """Delete a folder that ``work_folders`` returned."""
        shutil.rmtree(folder, ignore_errors=True)

    def _all_artifacts(self) -> Iterator[Path]:
        for folder, subfolders, files in os.walk(self.downloads):
            # UPLOADS_DIR may be this folder or a folder in it.
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
    """Return (job, fence) of the attempt that produced this artifact or work folder; ``None`` for other names."""
    found = _ATTEMPT.match(path.name)
    return (found[1], int(found[2])) if found else None


def is_old_file(path: Path, seconds: float) -> bool:
    """Whether this is a file that was last written at least so many seconds ago."""
    try:
        return path.is_file() and path.stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False


def is_old_folder(folder: Path, seconds: float) -> bool:
    """Whether nothing in this folder was written in the last ``seconds``."""
    limit = time.time() - seconds
    try:
        return all(path.lstat().st_mtime < limit for path in (folder, *folder.rglob("*")))
    except OSError:  # an attempt changes it now
        return False


def _is_abandoned(path: Path) -> bool:
    seconds = STRAY_SECONDS if path.name.startswith(_RESUMABLE) else _ARRIVING_SECONDS
    return is_old_file(path, seconds)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
