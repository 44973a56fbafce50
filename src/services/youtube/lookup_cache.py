"""Shares lookups of videos between all processes of this host, so that a popular video is looked up only once."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from src.models.source import Extraction, LiveStatus

log = logging.getLogger(__name__)

# The site's links are valid for about six hours; the formats change sooner while a new video is being processed.
RECORDED_SECONDS = 300.0
LIVE_SECONDS = 20.0
# A process holds the lock during its lookup. If it hangs, the others wait no longer than a slow lookup takes.
PATIENCE_SECONDS = 20.0
_POLL_SECONDS = 0.05
_EXTRACTIONS = TypeAdapter(Extraction)


class LookupCache:
    """A private folder (0700) with a file (0600) for each video, which is locked during a lookup of the video.

    The folder belongs to one host: the site's links only work from the address that requested them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, video_id: str, look_up: Callable[[], Extraction], *, newer_than: datetime | None) -> Extraction:
        """Return a recent extraction of any process, newer than ``newer_than`` if given; otherwise look the video up.

        Raises:
            SourceError: what ``look_up`` raised; errors are not stored.
        """
        with self._held(self._folder / f"{video_id}.json") as file:
            if file is None:
                return look_up()
            known = _read(file)
            if known is not None and _is_good(known, newer_than):
                return known
            self.prune()
            found = look_up()
            if _lifetime(found):
                _write(file, found)
            return found

    def prune(self) -> None:
        """Delete expired files that are not in use."""
        for path in self._folder.glob("*.json"):
            with suppress(OSError):  # another process deleted it first
                if time.time() - path.stat().st_mtime > RECORDED_SECONDS:
                    _delete_unused(path)

    @contextmanager
    def _held(self, path: Path) -> Iterator[int | None]:
        """Open and lock the file; None if another process holds it for too long, or it cannot be written."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = _wait_for(path, time.monotonic() + PATIENCE_SECONDS)
        except OSError as error:
            log.warning("lookups of videos are not shared: %s", error)
            file = None
        try:
            yield file
        finally:
            if file is not None:
                os.close(file)


def _wait_for(path: Path, deadline: float) -> int | None:
    while time.monotonic() < deadline:
        file = _opened(path)
        while not (locked := _try_lock(file)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if locked and _is_still(file, path):
            return file
        os.close(file)
    return None


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _delete_unused(path: Path) -> None:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if _try_lock(file) and _is_still(file, path):
            path.unlink()
    finally:
        os.close(file)


def _is_still(file: int, path: Path) -> bool:
    """Whether the open file has not been deleted meanwhile."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _read(file: int) -> Extraction | None:
    content = os.pread(file, os.fstat(file).st_size, 0)
    try:
        return _EXTRACTIONS.validate_json(content) if content else None
    except ValidationError:  # incomplete, or written by another version of this program
        return None


def _write(file: int, extraction: Extraction) -> None:
    content = _EXTRACTIONS.dump_json(extraction)
    with suppress(OSError):  # with a full disk, the lookup is only not shared
        os.ftruncate(file, 0)
        os.pwrite(file, content, 0)


def _is_good(extraction: Extraction, newer_than: datetime | None) -> bool:
    age = (datetime.now(UTC) - extraction.looked_at).total_seconds()
    return 0 <= age < _lifetime(extraction) and (newer_than is None or extraction.looked_at > newer_than)


def _lifetime(extraction: Extraction) -> float:
    """Return the lifetime in seconds. Upcoming streams and recordings in processing may change at any moment."""
    match extraction.info.live_status:
        case LiveStatus.NOT_LIVE | LiveStatus.WAS_LIVE:
            return RECORDED_SECONDS
        case LiveStatus.IS_LIVE:
            return LIVE_SECONDS
    return 0.0
