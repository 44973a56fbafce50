"""Manages the private folder of an embedded instance: one owner at a time, sockets, and the engine of the data."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from src.errors import means_full_disk
from src.launcher.problems import DataFolderInUse, DataFolderUnusable, EngineTooOld
from src.launcher.programs import StoreProgram
from src.launcher.secrets import write_private
from src.services.file_store import BELONGS_FILE

# sockaddr_un.sun_path has 108 bytes including a final NUL: man 7 unix.
SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET_NAME = "mongodb.sock"


def is_unused(folder: Path) -> bool:
    """Return whether no instance has ever used this data folder."""
    return not folder.exists() or not any(folder.iterdir())


def make_private(folder: Path) -> Path:
    """Return the folder as an absolute path, created if needed, with access for its owner only (0700).

    Raises:
        DataFolderUnusable: it cannot be created, is not a folder, or belongs to another user.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise DataFolderUnusable(
            f"The folder {folder} cannot be created or used ({error.strerror}): choose another one with DATA_DIR=..."
        ) from None
    return folder.resolve()


@contextmanager
def only_owner(folder: Path, patience_seconds: float = 5.0) -> Iterator[int]:
    """Own the folder, and yield the descriptor of the lock.

    A server that inherits the descriptor keeps the lock until it ends, even after the launcher was killed. Therefore a
    new launcher waits a little before it gives up.

    Raises:
        DataFolderInUse: another instance owns it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    owner = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
                    raise DataFolderInUse(
                        f"Another instance (process {owner}) already works on {folder}: "
                        "stop it, or give this one other folders: DATA_DIR=... DOWNLOADS_DIR=... UPLOADS_DIR=..."
                    ) from None
                time.sleep(0.05)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def require_unused(files: Iterable[Path], folder: Path) -> None:
    """Refuse folders of files that a running instance with another data folder uses.

    Raises:
        DataFolderInUse: a folder is in use, according to the file that ``belong`` wrote.
    """
    for each in files:
        mark = each / BELONGS_FILE
        with suppress(OSError):  # unreadable folders are refused when they are claimed
            other = each / mark.read_text("utf-8").strip()
            if (other / "lock").exists() and not other.samefile(folder) and is_owned(other):
                raise DataFolderInUse(
                    f"The instance in {other.resolve()} works on the files in {each}: stop it, or give this one "
                    "other folders with DOWNLOADS_DIR=... and UPLOADS_DIR=..."
                )


def belong(files: Iterable[Path], folder: Path) -> None:
    """Record in folders of files which data folder uses them, as a relative path, because all may be moved together.

    Versions before the database had an id use only this record.

    Raises:
        DataFolderUnusable: a folder is not writable.
    """
    for each in files:
        mark, text = each / BELONGS_FILE, os.path.relpath(folder.resolve(), each.resolve()) + "\n"
        try:
            # A full disk does not keep the service from starting, because the cleanup makes room.
            if not mark.is_file() or mark.read_text("utf-8", "replace") != text:
                mark.write_text(text, "utf-8")
        except OSError as error:
            if means_full_disk(error):
                continue  # the record is written at the first start with room
            raise DataFolderUnusable(f"The folder {each} cannot be created or used ({error.strerror})") from None


def is_owned(folder: Path) -> bool:
    """Return whether an instance uses the folder now. Changes nothing in it."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two who ask see no owner in each other
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def socket_folder(folder: Path) -> Iterator[Path]:
    """Yield a private folder for sockets: ``run`` inside the folder, or a short path where that cannot hold sockets."""
    run = make_private(folder / "run")
    if _holds_sockets(run):
        yield run
        return
    short = Path(tempfile.mkdtemp(prefix="ytd-"))  # created with mode 0700
    try:
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)


def _holds_sockets(folder: Path) -> bool:
    path = folder / _LONGEST_SOCKET_NAME
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        return False
    path.unlink(missing_ok=True)
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(path))
    except OSError:  # some network and container file systems do not support sockets
        return False
    path.unlink()
    return True


def check_engine(folder: Path, kind: str, program: StoreProgram) -> None:
    """Record which engine writes this data, and refuse one that would lose or not understand it.

    Raises:
        EngineTooOld: another engine or a newer version wrote the data. (An older Redis opens newer files as empty
            ones without an error.)
    """
    record = folder / "engines.json"
    known: dict[str, dict[str, object]] = json.loads(record.read_text()) if record.exists() else {}
    if kind in known:
        engine, version = str(known[kind]["engine"]), str(known[kind]["version"])
        if engine != program.engine or tuple(map(int, version.split("."))) > program.version:
            raise EngineTooOld(
                f"The {kind} data in {folder} were written by {engine} {version}; {program.title} ({program.path}) "
                f"must not open them. Use the same or a newer {engine}, or another DATA_DIR."
            )
    known[kind] = {"engine": program.engine, "version": ".".join(map(str, program.version))}
    write_private(record, json.dumps(known, indent=2) + "\n")
