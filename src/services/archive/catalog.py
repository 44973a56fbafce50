"""What the video site tells of videos and playlists, kept for an hour, and told with the time until when."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from src.errors import AppError, NetworkTimeout, StoreUnavailable, VideoNotFound, VideoRemoved, VideoUnavailable
from src.models.params import JobParams, VideoParams
from src.models.source import CatalogEntry, Playlist, VideoInfo
from src.services.cache_service import CacheService, CacheUnavailable
from src.services.youtube.selection import Preferences, choose
from src.services.youtube_service import LIVE_CACHE_SECONDS, YouTubeService
from src.utils.clock import Clock
from src.utils.validators import validate_video_id

# How many videos of one request are looked up at the same time, and how long the request waits for all of them.
PARALLEL = 4
PARALLEL_IN_ALL = 16  # of all requests of this process: whoever comes later waits for a place
BATCH_SECONDS = 50.0
_PREFIX = "catalog:"
_INFO = TypeAdapter(VideoInfo)


@dataclass(frozen=True, slots=True)
class FailedLook:
    """A video that could not be looked up, and why."""

    video_id: str
    error: AppError


@dataclass(frozen=True, slots=True)
class CatalogBatch:
    """What was found out about several videos."""

    found: dict[str, CatalogEntry]
    failed: tuple[FailedLook, ...]

    @property
    def cached(self) -> int:
        """How many were known already."""
        return sum(entry.cached for entry in self.found.values())

    @property
    def looks(self) -> int:
        """How many looks at the site were needed."""
        return len(self.found) + len(self.failed) - self.cached


class CatalogService:
    """Looks videos up, each at most once an hour. Without Redis every look is a new one."""

    def __init__(self, youtube: YouTubeService, cache: CacheService, clock: Clock, *, keep: timedelta) -> None:
        self._youtube, self._cache, self._clock, self._keep = youtube, cache, clock, keep
        self._pool = ThreadPoolExecutor(PARALLEL_IN_ALL, thread_name_prefix="catalog")

    def get(self, video_id: str) -> CatalogEntry:
        """The facts of one video.

        Raises:
            VideoIdInvalid: this is no id.
            VideoNotFound: the site says that there is no such video.
            SourceError: the site or the network did not tell.
        """
        known = self.known(validate_video_id(video_id))
        if known is not None:
            return known
        try:
            info = self._youtube.get_video_info(video_id)
        except (VideoRemoved, VideoUnavailable) as error:
            raise VideoNotFound(error.message) from None
        keep = self._keep
        if info.changes_soon:
            keep = min(keep, timedelta(seconds=LIVE_CACHE_SECONDS))
        expires_at = self._clock.now() + keep
        value = {"expires_at": expires_at.isoformat(), "info": _INFO.dump_python(info, mode="json")}
        self._cache.set(_PREFIX + video_id, value, ttl_seconds=keep.total_seconds())
        return CatalogEntry(info, False, expires_at)

    def known(self, video_id: str) -> CatalogEntry | None:
        """The facts of a video if they are known already; asks nobody."""
        value = self._cache.get(_PREFIX + video_id)
        if not isinstance(value, dict):
            return None
        with contextlib.suppress(ValidationError, ValueError, KeyError):  # written by another version of this program
            expires_at = datetime.fromisoformat(value["expires_at"])
            if expires_at > self._clock.now():
                return CatalogEntry(_INFO.validate_python(value["info"]), True, expires_at)
        return None

    def glance(self, video_id: str, seconds: float) -> CatalogEntry | None:
        """The facts of a video if they can be had that soon; the look goes on for whoever asks next."""
        return self.batch([video_id], seconds=seconds).found.get(video_id)

    def batch(
        self, video_ids: Sequence[str], *, seconds: float = BATCH_SECONDS, with_formats: bool = True
    ) -> CatalogBatch:
        """The facts of several videos, or why they could not be had in this time."""
        outcomes = self._looks_at(list(dict.fromkeys(video_ids)), seconds)
        found = {video_id: each for video_id, each in outcomes.items() if isinstance(each, CatalogEntry)}
        if not with_formats:
            found = {key: replace(each, info=replace(each.info, formats=())) for key, each in found.items()}
        failed = [FailedLook(key, each) for key, each in outcomes.items() if isinstance(each, AppError)]
        return CatalogBatch(found, tuple(failed))

    def _looks_at(self, video_ids: Sequence[str], seconds: float) -> dict[str, CatalogEntry | AppError]:
        known = {video_id: entry for video_id in video_ids if (entry := self.known(video_id)) is not None}
        waiting = deque(video_id for video_id in video_ids if video_id not in known)
        seen: dict[str, CatalogEntry | AppError] = {}
        too_late = threading.Event()

        def look() -> None:
            while waiting and not too_late.is_set():
                with contextlib.suppress(IndexError):  # the last one was taken in this moment
                    video_id = waiting.popleft()
                    try:
                        seen[video_id] = self.get(video_id)
                    except AppError as error:
                        seen[video_id] = error

        flying = [self._pool.submit(look) for _ in range(min(PARALLEL, len(waiting)))]
        wait(flying, timeout=seconds)
        too_late.set()
        for each in flying:
            if not each.cancel() and each.done():
                each.result()  # what no look should do
        by_then = {**known, **seen}
        return {video_id: by_then.get(video_id) or NetworkTimeout() for video_id in video_ids}

    def estimated_bytes(self, video_id: str, params: JobParams) -> int | None:
        """About how large the file of a whole video will be, where that is known already. Asks nobody."""
        entry = self.known(video_id)
        if entry is None or not isinstance(params, VideoParams):
            return None
        try:
            chosen = choose(entry.info.formats, Preferences(params.format_preference, params.resolution_preference))
        except AppError:
            return None
        sizes = [each.size_bytes for each in (chosen.video, chosen.audio) if each is not None]
        return sum(size for size in sizes if size is not None) if None not in sizes else None

    def playlist(self, playlist_id: str, *, limit: int, with_facts: bool) -> Playlist:
        """A playlist with its first videos; ``with_facts`` also looks at each of them. Raises as ``get``."""
        try:
            found = self._youtube.playlist(playlist_id, limit=limit)
        except (VideoRemoved, VideoUnavailable) as error:
            raise VideoNotFound(error.message) from None
        if not with_facts:
            return found
        facts = self.batch([entry.video_id for entry in found.entries]).found
        entries = tuple(replace(entry, facts=facts.get(entry.video_id)) for entry in found.entries)
        return replace(found, entries=entries)

    def clear(self, video_id: str | None, *, expired_only: bool) -> int:
        """Forget one video, or all; how many were known. What has expired is forgotten by itself: then 0.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        names = "*" if video_id is None else validate_video_id(video_id)
        if expired_only:
            return 0

        def forget(client: Any) -> int:
            known = list(client.scan_iter(f"{_PREFIX}{names}", count=1000))
            looked_up = list(client.scan_iter(f"youtube:info:{names}", count=1000))
            if known or looked_up:
                client.delete(*known, *looked_up)
            return len(known)

        try:
            return self._cache.attempt(forget)
        except CacheUnavailable:
            raise StoreUnavailable("The cache cannot be reached for now.") from None
