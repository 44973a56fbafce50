"""Ensures that DOWNLOADS_DIR and UPLOADS_DIR belong to this database before any file is deleted.

Both folders contain a mark with the id of the database. A folder without a mark is adopted if no file can be lost.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from src.config import SettingsError
from src.data.installation_data import InstallationData
from src.data.path_data import PathData
from src.services.file_store import BELONGS_FILE, DATABASE_FILE, INCOMING_FOLDER, MARKS, WORK_FOLDER
from src.utils.cli_command import cli_command

ADOPT_COMMAND = "adopt-folders"
EMBEDDED_DATABASE = "mongodb"
"""The folder in DATA_DIR that holds an embedded database."""
SPARED = timedelta(days=1)
"""After folders with files are adopted, no file of unknown origin is deleted for this time."""
_OWN_ENTRIES = MARKS | {WORK_FOLDER, INCOMING_FOLDER}
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


class FoldersOfAnother(SettingsError):
    """The files belong, or may belong, to another database; the message is one line and includes the remedy."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """The marks of the folders (by setting; ``None``: no mark), and the id of the database in use, if it has one."""

    marks: dict[str, str | None]
    own: str | None

    @property
    def foreign(self) -> list[str]:
        return [name for name, mark in self.marks.items() if mark is not None and mark != self.own]

    @property
    def missing(self) -> list[str]:
        return [name for name, mark in self.marks.items() if mark is None]


class FolderOwner:
    """Links the two folders of files to the database that owns them. Methods may raise ``StoreUnavailable``."""

    def __init__(
        self,
        installation: InstallationData,
        names: PathData,
        *,
        downloads: Path,
        uploads: Path,
        data_dir: Path,
        embedded: bool = False,
    ) -> None:
        """Set the folders. ``embedded``: the database is the one in ``data_dir``."""
        self._installation, self._names = installation, names
        self._folders = {"DOWNLOADS_DIR": downloads.resolve(), "UPLOADS_DIR": uploads.resolve()}
        self._data_dir, self._embedded = data_dir, embedded

    def claim(self) -> None:
        """Give the database an id and mark the folders if they have no mark and nothing contradicts it.

        Both folders are judged together; if one belongs to this database already, the other is judged alone. Several
        processes may do this at the same time.

        Raises:
            FoldersOfAnother: the files belong to another database, or may do so.
            SettingsError: a folder cannot be read or written, or contains DATA_DIR.
        """
        self._require_apart()
        try:
            # Try twice: another process may have claimed the folders and added files after the first check.
            done = self._try_to_claim() or self._try_to_claim()
        except OSError as error:
            raise SettingsError(_unusable(error)) from None
        if not done:
            raise FoldersOfAnother(
                f"The database in use knows none of the files in {self._titles(self._folders)}, and would delete them: "
                f"correct MONGODB_URI, DATA_DIR or the folders or, if this database is to own these files, run: "
                f"{cli_command(ADOPT_COMMAND)}"
            )

    def adopt(self) -> str:
        """Claim the folders whatever they contain; return the id of the database.

        Raises:
            SettingsError: a folder cannot be written, or contains DATA_DIR.
        """
        self._require_apart()
        own = self._installation.ensure_id()
        self._spare()
        try:
            for folder in self._folders.values():
                _write_mark(folder, own, lambda draft, mark: draft.replace(mark))
        except OSError as error:
            raise SettingsError(_unusable(error)) from None
        return own

    def problem(self) -> str | None:
        """Return in one line why nothing may be deleted; ``None`` if no folder belongs to another database."""
        try:
            marks = self._read_marks()
        except OSError as error:
            return _unusable(error)
        if marks.foreign:
            return self._foreign(marks)
        if marks.missing and marks.own is not None:
            return (
                f"{self._titles(marks.missing)} lost the mark {DATABASE_FILE}: if a disk is missing, bring it back, "
                f"otherwise start the service again or run: {cli_command(ADOPT_COMMAND)}"
            )
        return None

    def _try_to_claim(self) -> bool:
        marks = self._read_marks()
        if not marks.foreign and marks.missing:
            if not self._adoptable(marks.missing):
                return False
            own = self._installation.ensure_id()
            if not all(_holds_only_own(self._folders[name]) for name in marks.missing):
                self._spare()
            # A folder that would not be adopted alone comes first, so that a process that is killed in between can
            # restart.
            for name in sorted(marks.missing, key=lambda name: self._adoptable([name])):
                _write_mark(self._folders[name], own, _put_once)
            marks = self._read_marks()
        if marks.foreign:
            raise FoldersOfAnother(self._foreign(marks))
        return True

    def _spare(self) -> None:
        self._installation.spare_until(datetime.now(UTC) + SPARED)

    def _require_apart(self) -> None:
        """Refuse folders that contain the embedded databases and the secrets, because unknown files there are
        deleted."""
        private = self._data_dir.resolve()
        for name, folder in self._folders.items():
            if private.is_relative_to(folder):
                raise SettingsError(
                    f"DATA_DIR ({private}) is inside {name} ({folder}), where files without a record are deleted: "
                    f"choose a folder outside"
                )

    def _read_marks(self) -> _Marks:
        # The marks are read first: a database has its id before a folder has its mark.
        marks = {name: _mark_of(folder) for name, folder in self._folders.items()}
        return _Marks(marks, self._installation.id())

    def _adoptable(self, names: Collection[str]) -> bool:
        folders = [self._folders[name] for name in names]
        if all(_holds_only_own(folder) for folder in folders) or self._were_of_data_dir(folders):
            return True
        return any(
            place.is_file() and any(place.is_relative_to(folder) for folder in folders)
            for place in self._names.places()
        )

    def _were_of_data_dir(self, folders: Collection[Path]) -> bool:
        """Whether the mark of an older version names the embedded database of this DATA_DIR as the owner of the
        files."""
        if not self._embedded and (self._data_dir / EMBEDDED_DATABASE).is_dir():
            return False  # the embedded database owns them, and another one is in use
        owners = [owner for folder in folders if (owner := _older_owner(folder)) is not None]
        return bool(owners) and self._data_dir.exists() and all(owner.samefile(self._data_dir) for owner in owners)

    def _foreign(self, marks: _Marks) -> str:
        return (
            f"The files in {self._titles(marks.foreign)} belong to another database than the one in use, which would "
            f"delete them: correct MONGODB_URI, DATA_DIR or the folders or, if this database is to own these files, "
            f"run: {cli_command(ADOPT_COMMAND)}"
        )

    def _titles(self, names: Collection[str]) -> str:
        return " and ".join(f"{name} ({self._folders[name]})" for name in names)


def _unusable(error: OSError) -> str:
    return f"The folder {error.filename} cannot be created or used ({error.strerror})"


def _mark_of(folder: Path) -> str | None:
    try:
        return (folder / DATABASE_FILE).read_text("utf-8", "replace").strip() or None
    except FileNotFoundError:
        return None


def _older_owner(folder: Path) -> Path | None:
    """Return the DATA_DIR that the mark of an older version names, if it still exists."""
    try:
        owner = folder / (folder / BELONGS_FILE).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    return owner if owner.exists() else None


def _holds_only_own(folder: Path) -> bool:
    """Whether the folder contains nothing that could be lost: only marks, work folders and folders without files."""
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return True
    return all(
        entry.name in _OWN_ENTRIES or entry.name.startswith(f"{DATABASE_FILE}.") or _holds_no_file(entry)
        for entry in entries
    )


def _holds_no_file(entry: Path) -> bool:
    if entry.is_symlink() or not entry.is_dir():
        return False
    if entry.name == "lost+found":  # at the root of every ext4 file system, readable only by root
        return True
    return all(_holds_no_file(inner) for inner in entry.iterdir())


def _write_mark(folder: Path, own: str, put: Callable[[Path, Path], object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{DATABASE_FILE}.{secrets.token_hex(8)}"
    try:
        _write(draft, own, os.O_CREAT | os.O_EXCL)
        put(draft, folder / DATABASE_FILE)
    except OSError as error:
        error.filename = str(folder)  # a write to a full disk names no file
        raise
    finally:
        draft.unlink(missing_ok=True)


def _put_once(draft: Path, mark: Path) -> None:
    """Rename the draft to the mark unless a mark exists; the first process wins."""
    try:
        try:
            os.link(draft, mark)
        except OSError as error:  # some network file systems have no hard links
            if error.errno not in _NO_LINKS:
                raise
            _write(mark, draft.read_text("utf-8"), os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        if _mark_of(mark.parent) is None:  # its writer died before completing it
            draft.replace(mark)


def _write(path: Path, text: str, flags: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | flags, 0o644), "w") as file:
        file.write(text.strip() + "\n")
        file.flush()
        os.fsync(file.fileno())
