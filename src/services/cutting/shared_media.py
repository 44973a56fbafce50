"""Shares fetched media among the clips of this host: what a verified job left becomes extents that later jobs read."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from src.config import Settings
from src.services.cutting.engine.model import Sharing
from src.services.cutting.engine.sharing import MOST_EXTENTS
from src.services.fetch.shared import Version
from src.services.file_store import SHARED_FOLDER, WORK_FOLDER
from src.utils.sandbox import available

log = logging.getLogger(__name__)
_EXTRACTOR = "youtube"
_NEW = ".new-"
_NEW_SECONDS = 600.0  # a copy takes seconds: an older one is that of a process that was killed
_MOST_LIST_BYTES = 1 << 20
_LARGEST = 1 << 40


class _Left(BaseModel):
    """What a child says it fetched of one track: where it lies in its spool. It is not trusted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    place: int = Field(ge=0, le=15)
    size: int = Field(gt=0, le=_LARGEST)
    validator: str = Field(min_length=1, max_length=256)
    base: int = Field(ge=0, le=_LARGEST)
    spans: list[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]] = Field(max_length=MOST_EXTENTS)

    def valid_spans(self) -> list[tuple[int, int]]:
        """The spans that lie inside the resource."""
        return [(start, end) for start, end in self.spans if start < end <= self.size]


_LIST = TypeAdapter(list[_Left])


@dataclass(frozen=True, slots=True)
class _Extent:
    """A file of the cache."""

    stored_at: float
    size: int
    path: Path


class SharedMedia:
    """A private folder in ``DOWNLOADS_DIR``, with a folder for each format of a video; ``docs/adr/0020``."""

    def __init__(self, folder: Path, *, most_bytes: int, seconds: float, min_free_bytes: int, private: bool) -> None:
        """``most_bytes`` 0: nothing is shared. ``private``: the site may show each owner something else."""
        self._folder, self._most_bytes, self._seconds = folder, most_bytes, seconds
        self._min_free_bytes, self._private = min_free_bytes, private

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Create the cache that the settings describe."""
        return cls(
            settings.downloads_dir.resolve() / WORK_FOLDER / SHARED_FOLDER,
            most_bytes=settings.shared_media_mb * 1_000_000,
            seconds=settings.shared_media_minutes * 60,
            min_free_bytes=settings.min_free_disk_mb * 1024 * 1024,
            # Cookies, logins and headers are given this way: with any of them, sharing ends at the owner.
            private=settings.ytdlp_cookies_file is not None or bool(settings.ytdlp_options),
        )

    def sharing(self, video_id: str, formats: Sequence[str], owner: str | None, leaves: Path) -> Sharing | None:
        """Return what a job shares; None if it shares nothing.

        ``video_id`` and ``formats`` are those of the extractor, one format for each track. ``owner`` names who may see
        the result; None: unknown. ``leaves`` is a new folder of the job.
        """
        if not self._most_bytes or (self._private and owner is None):
            return None
        if available().files != "landlock":  # then a child could write there
            return None
        scope = owner if self._private and owner is not None else ""
        folders = [self._folder / _key(scope, video_id, name) for name in formats]
        try:
            leaves.mkdir(mode=0o700)
        except OSError as error:
            log.warning("fetched media are not shared: %s", error)
            return None
        return Sharing(tuple(folders), leaves)

    def store(self, sharing: Sharing, spool: Path) -> None:
        """Copy what the child of a verified job left to the cache. Its process must have ended. Never raises."""
        try:
            left = _LIST.validate_json(_read_list(sharing.list_file))
            total = sum(end - start for one in left for start, end in one.valid_spans())
            if not 0 < total <= self._most_bytes:
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._has_room(total):
                return
            with _opened(spool) as file:
                for one in left:
                    self._add(sharing.folders[one.place], one, file)
        except (OSError, ValidationError, IndexError) as error:
            log.info("fetched media are not shared: %s", type(error).__name__)
        self.prune()

    def prune(self) -> None:
        """Delete old extents, and the oldest ones while there are too many or the disk is nearly full. Never raises."""
        now, extents = time.time(), sorted(self._extents(), key=lambda extent: extent.stored_at)
        total = sum(extent.size for extent in extents)
        for extent in extents:
            old = not 0 <= now - extent.stored_at <= self._seconds
            if old or total > self._most_bytes or not self._has_room(0):
                with suppress(OSError):
                    extent.path.unlink()
                total -= extent.size
        for path in self._list():
            with suppress(OSError):
                if path.name.startswith(_NEW):
                    if not 0 <= now - path.stat().st_mtime <= _NEW_SECONDS:
                        path.unlink()
                else:
                    path.rmdir()  # if it is empty

    def _add(self, folder: Path, left: _Left, spool: int) -> None:
        version = Version(left.size, left.validator)
        for start, end in left.valid_spans():
            new = self._folder / f"{_NEW}{secrets.token_hex(8)}"
            try:
                _copy(spool, left.base + start, end - start, new)
                folder.mkdir(mode=0o700, exist_ok=True)  # another process may have deleted it while it was empty
                new.rename(folder / version.name_of(start, end))
            except OSError:
                new.unlink(missing_ok=True)
                raise

    def _has_room(self, more_bytes: int) -> bool:
        try:
            return shutil.disk_usage(self._folder).free - more_bytes >= self._min_free_bytes
        except OSError:
            return False

    def _list(self) -> list[Path]:
        try:
            return list(self._folder.iterdir())
        except OSError:  # nothing was ever shared
            return []

    def _extents(self) -> Iterator[_Extent]:
        for folder in self._list():
            if folder.name.startswith(_NEW):
                continue
            with suppress(OSError):
                for path in folder.iterdir():
                    with suppress(OSError):
                        facts = path.stat()
                        yield _Extent(facts.st_mtime, facts.st_size, path)


def _key(scope: str, video_id: str, format_id: str) -> str:
    return hashlib.sha256("\n".join((scope, _EXTRACTOR, video_id, format_id)).encode()).hexdigest()[:32]


def _read_list(path: Path) -> bytes:
    with _opened(path) as file:
        return os.pread(file, _MOST_LIST_BYTES, 0)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file that an untrusted process left: no link, and nothing that blocks."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError("it is not a file")
        yield file
    finally:
        os.close(file)


def _copy(source: int, position: int, count: int, target: Path) -> None:
    """Copy bytes to a new file. Raises OSError: there are fewer."""
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while count > 0:
            copied = os.sendfile(file, source, position, count)
            if not copied:
                raise OSError("the spool is shorter than its list says")
            position, count = position + copied, count - copied
    finally:
        os.close(file)
