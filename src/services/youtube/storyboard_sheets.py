"""Fetches the sheets of storyboards, at addresses that a lookup of the video named, and keeps them on disk for an hour.

A client names a video, a level and a sheet, never an address. Only videos that were looked up lately have sheets: a
request for a sheet never looks a video up.
"""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from src.errors import ExtractorBroken, MediaForbidden, RateLimited, StoryboardNotFound
from src.models.media_source import NetworkSettings
from src.models.progress import SilentMonitor
from src.models.source import StoryboardLevel, VideoInfo
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.fetch.bounded import BoundedReader, RawAnswer
from src.services.youtube.in_flight import InFlightLookups
from src.services.youtube.media_hosts import require_image_host
from src.services.youtube.options import SOCKET_SECONDS
from src.utils.validators import validate_video_id

MOST_SHEET_BYTES = 2_000_000  # the site's largest have about 200 kB
KNOWN_SECONDS = 6 * 3600.0  # the addresses are valid for longer
_KEPT_SECONDS = 3600.0
_KEPT_BYTES = 64_000_000
_LIMITS = Limits(requests=10, bytes=3 * MOST_SHEET_BYTES, seconds=30.0)
_LEVELS = TypeAdapter(tuple[StoryboardLevel, ...])
_NUMBER = re.compile(r"[0-9]{1,5}")
_TOO_MANY, _FOUND = 429, 200


class Cache(Protocol):
    """JSON values with a lifetime, which may be forgotten at any time."""

    def get(self, key: str) -> Any | None:
        """Return the value, or None."""

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Store the value for ``ttl_seconds``. Returns whether it was stored."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of still pictures; ``mime`` is image/jpeg or image/webp."""

    content: bytes
    mime: str


class Storyboards:
    """The storyboards of videos that were looked up in the last hours."""

    def __init__(self, cache: Cache, egress: EgressProxy, folder: Path, *, verify_tls: bool = True) -> None:
        """``folder``: a private folder for sheets, shared by the processes of this host."""
        self._cache, self._egress, self._folder = cache, egress, folder
        self._network = NetworkSettings(
            verify_tls=verify_tls,
            connect_seconds=SOCKET_SECONDS,
            stall_seconds=SOCKET_SECONDS,
            guard=require_image_host,
        )
        self._fetches: InFlightLookups[Sheet] = InFlightLookups(parallel=4, queue_seconds=10.0)

    def remember(self, info: VideoInfo) -> None:
        """Note the addresses of a video's sheets, for later requests."""
        if info.storyboard:
            levels = _LEVELS.dump_python(info.storyboard, mode="json")
            self._cache.set(f"youtube:storyboard:{info.id}", levels, ttl_seconds=KNOWN_SECONDS)

    def sheet(self, video_id: str, level: str, sheet: str) -> Sheet:
        """Return a sheet of a video that was looked up lately.

        Raises:
            VideoIdInvalid: this is no id.
            StoryboardNotFound: the video was not looked up, or has no such sheet.
            SourceError: the site or the network failed. Busy: too many sheets are being fetched.
        """
        known_id = validate_video_id(video_id)
        if not (_NUMBER.fullmatch(level) and _NUMBER.fullmatch(sheet)):
            raise StoryboardNotFound()
        number = int(sheet)
        found = next((each for each in self._levels(known_id) if each.level == int(level)), None)
        if found is None or number >= found.sheets:
            raise StoryboardNotFound()
        path = self._folder / f"{known_id}-{found.level}-{number}"
        kept = _kept(path)
        if kept is not None:
            return kept
        return self._fetches.get(
            path.name,
            lambda: self._fetched(found.url.replace("$M", str(number)), path),
            seconds=SOCKET_SECONDS * 2,
            monitor=SilentMonitor(),
        )

    def _levels(self, video_id: str) -> tuple[StoryboardLevel, ...]:
        try:
            return _LEVELS.validate_python(self._cache.get(f"youtube:storyboard:{video_id}") or ())
        except ValidationError:  # written by another version of this program
            return ()

    def _fetched(self, url: str, path: Path) -> Sheet:
        require_image_host(url)
        with self._egress.session(_LIMITS) as session:
            network = replace(self._network, proxy=session.proxy_url)
            answer = _asked(url, network)
        if answer.status == _TOO_MANY:
            raise RateLimited()
        if answer.status != _FOUND:
            raise MediaForbidden("The video site did not give this image")
        sheet = _read(answer.content)
        if sheet is None:
            raise ExtractorBroken("The video site sent something else than an image")
        self._keep(path, sheet)
        return sheet

    def _keep(self, path: Path, sheet: Sheet) -> None:
        """Store a sheet. With a full disk, it is only fetched again."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune(len(sheet.content))
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
                file.write(sheet.content)
            Path(file.name).replace(path)

    def _prune(self, more_bytes: int) -> None:
        """Delete the oldest sheets, until there is room for ``more_bytes``, and all that are too old."""
        files = sorted(((entry.stat().st_mtime, entry) for entry in self._folder.iterdir()), key=lambda each: each[0])
        total = sum(entry.stat().st_size for _, entry in files) + more_bytes
        for changed_at, entry in files:
            if total <= _KEPT_BYTES and time.time() - changed_at < _KEPT_SECONDS:
                break
            total -= entry.stat().st_size
            entry.unlink(missing_ok=True)


def _asked(url: str, network: NetworkSettings) -> RawAnswer:
    with BoundedReader(network) as reader:
        return reader.ask(url, {}, MOST_SHEET_BYTES)


def _kept(path: Path) -> Sheet | None:
    try:
        if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            return None
        return _read(path.read_bytes())
    except OSError:
        return None


def _read(content: bytes) -> Sheet | None:
    """Return an image by its first bytes, whatever type its server named; ``None`` for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return Sheet(content, "image/jpeg")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Sheet(content, "image/webp")
    return None
