"""Fetches facts about videos and playlists from the video site and caches them for an hour."""

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

# Parallel lookups of one request, and how long the request waits for all of them.
PARALLEL = 4
PARALLEL_IN_ALL = 16  # of all requests of this process; further lookups are queued
BATCH_SECONDS = 50.0
_PREFIX = "catalog:"
_INFO = TypeAdapter(VideoInfo)


@dataclass(frozen=True, slots=True)
class FailedLookup:
    """A video whose lookup failed, and the error."""

    video_id: str
    error: AppError


@dataclass(frozen=True, slots=True)
class CatalogBatch:
    """The results of the lookups of several videos."""

    found: dict[str, CatalogEntry]
    failed: tuple[FailedLookup, ...]

    @property
    def cached(self) -> int:
        """The number of results from the cache."""
        return sum(entry.cached for entry in self.found.values())

    @property
    def lookups(self) -> int:
        """The number of requests to the site."""
        return len(self.found) + len(self.failed) - self.cached


class CatalogService:
    """Fetches facts about videos, each at most once an hour. Without Redis every lookup queries the site."""

    def __init__(self, youtube: YouTubeService, cache: CacheService, clock: Clock, *, life: timedelta) -> None:
        self._youtube, self._cache, self._clock, self._life = youtube, cache, clock, life
        self._pool = ThreadPoolExecutor(PARALLEL_IN_ALL, thread_name_prefix="catalog")

    def get(self, video_id: str) -> CatalogEntry:
        """Return the facts of one video.

        Raises:
            VideoIdInvalid: the id is malformed.
            VideoNotFound: the site reports that the video does not exist.
            SourceError: the site or the network did not answer.
        """
        known = self.known(validate_video_id(video_id))
        if known is not None:
            return known
        try:
            info = self._youtube.get_video_info(video_id)
        except (VideoRemoved, VideoUnavailable) as error:
            raise VideoNotFound(error.message) from None
        life = self._life
        if info.changes_soon:
            life = min(life, timedelta(seconds=LIVE_CACHE_SECONDS))
        expires_at = self._clock.now() + life
        value = {"expires_at": expires_at.isoformat(), "info": _INFO.dump_python(info, mode="json")}
        self._cache.set(_PREFIX + video_id, value, ttl_seconds=life.total_seconds())
        return CatalogEntry(info, False, expires_at)

    def known(self, video_id: str) -> CatalogEntry | None:
        """Return the cached facts of a video; sends no request."""
        value = self._cache.get(_PREFIX + video_id)
        if not isinstance(value, dict):
            return None
        with contextlib.suppress(ValidationError, ValueError, KeyError):  # written by another version of this program
            expires_at = datetime.fromisoformat(value["expires_at"])
            if expires_at > self._clock.now():
                return CatalogEntry(_INFO.validate_python(value["info"]), True, expires_at)
        return None

    def get_within(self, video_id: str, seconds: float) -> CatalogEntry | None:
        """Return the facts of a video if they are available within ``seconds``; a running lookup continues and is
        cached."""
        return self.batch([video_id], seconds=seconds).found.get(video_id)

    def batch(
        self, video_ids: Sequence[str], *, seconds: float = BATCH_SECONDS, with_formats: bool = True
    ) -> CatalogBatch:
        """Return the facts of several videos, or the errors of the lookups that failed or took too long."""
        outcomes = self._look_up(list(dict.fromkeys(video_ids)), seconds)
        found = {video_id: each for video_id, each in outcomes.items() if isinstance(each, CatalogEntry)}
        if not with_formats:
            found = {key: replace(each, info=replace(each.info, formats=())) for key, each in found.items()}
        failed = [FailedLookup(key, each) for key, each in outcomes.items() if isinstance(each, AppError)]
        return CatalogBatch(found, tuple(failed))

    def _look_up(self, video_ids: Sequence[str], seconds: float) -> dict[str, CatalogEntry | AppError]:
        known = {video_id: entry for video_id in video_ids if (entry := self.known(video_id)) is not None}
        waiting = deque(video_id for video_id in video_ids if video_id not in known)
        results: dict[str, CatalogEntry | AppError] = {}
        too_late = threading.Event()

        def work() -> None:
            while not too_late.is_set():
                try:
                    video_id = waiting.popleft()
                except IndexError:  # the threads have taken all of them
                    return
                try:
                    results[video_id] = self.get(video_id)
                except AppError as error:
                    results[video_id] = error

        running = [self._pool.submit(work) for _ in range(min(PARALLEL, len(waiting)))]
        wait(running, timeout=seconds)
        too_late.set()
        for each in running:
            if not each.cancel() and each.done():
                each.result()  # raises unexpected errors
        finished = {**known, **results}
        return {video_id: finished.get(video_id) or NetworkTimeout() for video_id in video_ids}

    def estimated_bytes(self, video_id: str, params: JobParams) -> int | None:
        """Estimate the file size of a whole video from cached facts; ``None`` if unknown. Sends no request."""
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
        """Return a playlist with its first videos; ``with_facts``: with their facts. Raises as ``get``."""
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
        """Remove one video, or all, from the cache; return how many were cached. Expired entries remove themselves:
        with ``expired_only`` the result is 0.

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
            raise StoreUnavailable("The cache is not available now.") from None
