"""Looks up videos, playlists and captions on YouTube, with a cache for facts and one per host for media addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from src.config import Settings
from src.errors import ChannelNotLive
from src.models.captions import Captions
from src.models.params import CaptionSource
from src.models.progress import Monitor, SilentMonitor
from src.models.source import Extraction, FormatTable, LiveStatus, Playlist, VideoInfo
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.youtube.captions import fetch_captions
from src.services.youtube.extraction import look_up, not_started, require_formats
from src.services.youtube.formats import format_table
from src.services.youtube.in_flight import InFlightLookups
from src.services.youtube.live_streams import find_live_stream
from src.services.youtube.lookup_cache import LookupCache
from src.services.youtube.options import SiteOptions
from src.services.youtube.playlists import fetch_playlist, validate_playlist_id
from src.utils import validators
from src.utils.stream_names import NameKind, StreamName

CACHE_SECONDS = 600.0
LIVE_CACHE_SECONDS = 20.0  # live and upcoming streams change soon
STREAM_CACHE_SECONDS = 60.0
NOT_LIVE_CACHE_SECONDS = 15.0  # short, so that a channel that has just gone live is found soon
LOOK_UP_SECONDS = 60.0
# Limits of one request to the site: far above any real one, and low enough to stop an endless answer.
LIMITS_PER_REQUEST = Limits(requests=2000, bytes=500_000_000, seconds=600.0)
Answer = TypeVar("Answer")
_INFO = TypeAdapter(VideoInfo)
_PLAYLIST = TypeAdapter(Playlist)


class Cache(Protocol):
    """JSON values with a lifetime, which may be forgotten at any time."""

    def get(self, key: str) -> Any | None:
        """Return the value, or None."""

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Store the value for ``ttl_seconds``. Returns whether it was stored."""


class YouTubeService:
    """Looks videos up with yt-dlp, at most ``parallel`` at once and each video only once at a time.

    All methods that do so raise a ``SourceError`` if the site or the network fails, ``Busy`` if too many lookups are
    running, and ``VideoIdInvalid`` for invalid ids.
    """

    def __init__(
        self,
        settings: Settings,
        cache: Cache | None = None,
        *,
        parallel: int = 4,
        queue_seconds: float = 10.0,
        look_up_seconds: float = LOOK_UP_SECONDS,
        egress: EgressProxy | None = None,
        lookup_cache: LookupCache | None = None,
    ) -> None:
        """``egress``: a proxy to share; ``lookup_cache``: the lookups that all processes of this host share.

        Raises:
            SettingsError: YTDLP_OPTIONS has options that are not allowed, or YTDLP_PROXY is invalid.
        """
        self._options = SiteOptions.of(settings)
        self._egress = egress or EgressProxy.of(settings)
        self._cache, self._lookup_cache = cache, lookup_cache
        self._look_up_seconds = look_up_seconds
        self._lookups: InFlightLookups[Extraction] = InFlightLookups(parallel=parallel, queue_seconds=queue_seconds)
        self._playlists: InFlightLookups[Playlist] = InFlightLookups(parallel=2, queue_seconds=queue_seconds)
        self._streams: InFlightLookups[str] = InFlightLookups(parallel=2, queue_seconds=queue_seconds)

    @staticmethod
    def validate_video_id(video_id: object) -> str:
        """Return the id if it has 11 valid characters. Raises VideoIdInvalid."""
        return validators.validate_video_id(video_id)

    @staticmethod
    def parse_video_id_from_url(url: object) -> str:
        """Return the id in any form of YouTube link. Raises UrlInvalid, VideoIdInvalid."""
        return validators.parse_video_id_from_url(url)

    def get_video_info(self, video_id: str) -> VideoInfo:
        """Return the facts and formats of a video; at most 10 minutes old."""
        known = self._known_info(validators.validate_video_id(video_id))
        return known or self._ask(video_id, SilentMonitor()).info

    def get_available_formats(self, video_id: str) -> list[str]:
        """Return the resolutions of 720p and more, highest first, for example ``["1440p", "1080p", "720p"]``."""
        return list(self.format_table(video_id).resolutions)

    def format_table(self, video_id: str) -> FormatTable:
        """Return the resolutions, the containers, and their combinations."""
        return format_table(video_id, self.get_video_info(video_id).formats)

    def extract(
        self,
        video_id: str,
        monitor: Monitor | None = None,
        *,
        instead_of: Extraction | datetime | None = None,
        numbered: bool = False,
    ) -> Extraction:
        """Look up a video with valid media addresses. ``monitor`` may stop the wait.

        ``instead_of``: an extraction that is no longer valid, or its time; the result is newer. ``numbered``: a stream
        of which only numbered segments are there will do.

        Raises:
            LiveNotStarted: the stream has not started yet. LiveEndedNotReady: its recording is not there yet.
            Other ``SourceError``: see the class.
        """
        newer_than = instead_of.looked_at if isinstance(instead_of, Extraction) else instead_of
        known_id = validators.validate_video_id(video_id)
        return require_formats(self._ask(known_id, monitor or SilentMonitor(), newer_than), numbered=numbered)

    def live_stream(self, name: StreamName) -> str:
        """Return the id of the video that a stream's name stands for. It is cached for a minute, "not live" for less.

        Raises:
            ChannelNotLive: the channel is not live now.
        """
        known = self.known_live_stream(name)
        if known is not None:
            return known
        key = f"youtube:live:{name}"
        try:
            found = self._streams.get(
                key,
                lambda: self._through_egress(lambda site: find_live_stream(name, site)),
                seconds=self._look_up_seconds,
                monitor=SilentMonitor(),
            )
        except ChannelNotLive:
            if self._cache:
                self._cache.set(key, "", ttl_seconds=NOT_LIVE_CACHE_SECONDS)
            raise
        if self._cache:
            self._cache.set(key, found, ttl_seconds=STREAM_CACHE_SECONDS)
        return found

    def known_live_stream(self, name: StreamName) -> str | None:
        """Return the result of ``live_stream`` if it is known without a request to the site, otherwise None.

        Raises:
            ChannelNotLive: it was not live some seconds ago.
            LiveNotStarted: it starts at a known time in the future.
        """
        if name.kind is NameKind.VIDEO:
            info = self._known_info(name.value)
            if info is not None and _is_to_come(info):
                raise not_started(info)
            return name.value
        cached = self._cache.get(f"youtube:live:{name}") if self._cache else None
        if cached == "":
            raise ChannelNotLive()
        return cached if isinstance(cached, str) else None

    def captions(self, video_id: str, *, language: str | None = None, source: CaptionSource = "any") -> Captions:
        """Fetch the captions of a video: see ``youtube/captions.py``. Without a time limit: only jobs call it."""
        url = validators.canonical_url(video_id)
        return self._through_egress(lambda site: fetch_captions(url, site, language=language, source=source))

    def playlist(self, playlist_id: str, *, limit: int) -> Playlist:
        """Return a playlist with its first videos; at most 10 minutes old.

        Raises:
            VideoIdInvalid: it is not the id of a playlist.
        """
        key = f"youtube:playlist:{validate_playlist_id(playlist_id)}:{limit}"
        cached = self._cache.get(key) if self._cache else None
        if cached is not None:
            with contextlib.suppress(ValidationError):
                return _PLAYLIST.validate_python(cached)
        found = self._playlists.get(
            key,
            lambda: self._through_egress(lambda site: fetch_playlist(playlist_id, site, limit=limit)),
            seconds=self._look_up_seconds,
            monitor=SilentMonitor(),
        )
        if self._cache:
            self._cache.set(key, _PLAYLIST.dump_python(found, mode="json"), ttl_seconds=CACHE_SECONDS)
        return found

    def _known_info(self, video_id: str) -> VideoInfo | None:
        cached = self._cache.get(f"youtube:info:{video_id}") if self._cache else None
        if cached is None:
            return None
        try:
            return _INFO.validate_python(cached)
        except ValidationError:  # written by another version of this program
            return None

    def _ask(self, video_id: str, monitor: Monitor, newer_than: datetime | None = None) -> Extraction:
        def look() -> Extraction:
            if self._lookup_cache is None:
                return self._look_up(video_id)
            return self._lookup_cache.get(video_id, lambda: self._look_up(video_id), newer_than=newer_than)

        key = f"{video_id} after {newer_than}" if newer_than else video_id
        return self._lookups.get(key, look, seconds=self._look_up_seconds, monitor=monitor)

    def _look_up(self, video_id: str) -> Extraction:
        url = validators.canonical_url(video_id)
        extraction = self._through_egress(lambda site: look_up(url, site))
        if self._cache:
            self._cache.set(
                f"youtube:info:{video_id}",
                _INFO.dump_python(extraction.info, mode="json"),
                ttl_seconds=LIVE_CACHE_SECONDS if extraction.info.changes_soon else CACHE_SECONDS,
            )
        return extraction

    def _through_egress(self, ask: Callable[[SiteOptions], Answer]) -> Answer:
        """Call ``ask`` with a new session of the egress proxy."""
        with self._egress.session(LIMITS_PER_REQUEST) as session:
            return ask(replace(self._options, proxy=session.proxy_url))


def _is_to_come(info: VideoInfo) -> bool:
    at = info.release_at
    return info.live_status is LiveStatus.IS_UPCOMING and at is not None and at > datetime.now(UTC)
