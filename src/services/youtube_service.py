"""YouTubeService: what YouTube says about a video. Facts are cached for some minutes; media addresses on this host."""

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
LIVE_CACHE_SECONDS = 20.0  # what is or will be live changes soon
STREAM_CACHE_SECONDS = 60.0
NOT_LIVE_CACHE_SECONDS = 15.0  # somebody who has just gone live must not wait for long
LOOK_UP_SECONDS = 60.0
# What one question may cost: far above any real one, and far below what an endless answer would take.
ONE_QUESTION = Limits(requests=2000, bytes=500_000_000, seconds=600.0)
Answer = TypeVar("Answer")
_INFO = TypeAdapter(VideoInfo)
_PLAYLIST = TypeAdapter(Playlist)


class Cache(Protocol):
    """JSON values with a lifetime, which may be forgotten at any time."""

    def get(self, key: str) -> Any | None:
        """The value, or None."""

    def set(self, key: str, value: Any, *, ttl_seconds: float) -> bool:
        """Keep it for so long; whether it was kept."""


class YouTubeService:
    """Asks YouTube through yt-dlp, at most ``parallel`` times at once and once per video at a time.

    Every method that asks raises a ``SourceError`` of what the site or the network said, ``Busy`` when too many ask,
    and ``VideoIdInvalid`` for what is no id.
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
        looks: LookupCache | None = None,
    ) -> None:
        """``egress`` is the way out that is shared with others, ``looks`` what all processes of this host know.

        Raises:
            SettingsError: YTDLP_OPTIONS holds options that may not be set, or YTDLP_PROXY cannot be used.
        """
        self._options = SiteOptions.of(settings)
        self._egress = egress or EgressProxy.of(settings)
        self._cache, self._looks = cache, looks
        self._look_up_seconds = look_up_seconds
        self._flights: InFlightLookups[Extraction] = InFlightLookups(parallel=parallel, queue_seconds=queue_seconds)
        self._playlists: InFlightLookups[Playlist] = InFlightLookups(parallel=2, queue_seconds=queue_seconds)
        self._streams: InFlightLookups[str] = InFlightLookups(parallel=2, queue_seconds=queue_seconds)

    @staticmethod
    def validate_video_id(video_id: object) -> str:
        """The id itself: 11 characters. Raises VideoIdInvalid."""
        return validators.validate_video_id(video_id)

    @staticmethod
    def parse_video_id_from_url(url: object) -> str:
        """The id in any form of YouTube link. Raises UrlInvalid, VideoIdInvalid."""
        return validators.parse_video_id_from_url(url)

    def get_video_info(self, video_id: str) -> VideoInfo:
        """Title, duration, thumbnail, uploader, upload date, views, live status, formats; at most 10 minutes old."""
        known = self._known_info(validators.validate_video_id(video_id))
        return known or self._ask(video_id, SilentMonitor()).info

    def get_available_formats(self, video_id: str) -> list[str]:
        """Resolutions of 720p and more, highest first, for example ``["1440p", "1080p", "720p"]``."""
        return list(self.format_table(video_id).resolutions)

    def format_table(self, video_id: str) -> FormatTable:
        """Resolutions, containers, and which exists in which."""
        return format_table(video_id, self.get_video_info(video_id).formats)

    def extract(
        self, video_id: str, monitor: Monitor | None = None, *, instead_of: Extraction | datetime | None = None
    ) -> Extraction:
        """A look at the video, with addresses of the media that still work. ``monitor`` may stop the waiting.

        ``instead_of`` is the look, or the moment of it, that serves no more: the answer is newer.

        Raises:
            LiveNotStarted: the stream is still to come; other ``SourceError`` like every method.
        """
        newer_than = instead_of.looked_at if isinstance(instead_of, Extraction) else instead_of
        known_id = validators.validate_video_id(video_id)
        return require_formats(self._ask(known_id, monitor or SilentMonitor(), newer_than))

    def live_stream(self, name: StreamName) -> str:
        """The id of the video that a stream's name means. The answer is kept for a minute, a "not live" for less.

        Raises:
            ChannelNotLive: the channel streams nothing now.
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
        """What ``live_stream`` would answer, if that is known without asking the site; None when it is not.

        Raises:
            ChannelNotLive: it was not live some seconds ago.
            LiveNotStarted: it is to begin at a time that is known and still to come.
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
        """The captions of a video: see ``youtube/captions.py``. Not bounded in time: only jobs ask."""
        url = validators.canonical_url(video_id)
        return self._through_egress(lambda site: fetch_captions(url, site, language=language, source=source))

    def playlist(self, playlist_id: str, *, limit: int) -> Playlist:
        """A playlist with its first videos; at most 10 minutes old.

        Raises:
            VideoIdInvalid: it is no id of a playlist.
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
            if self._looks is None:
                return self._look_up(video_id)
            return self._looks.get(video_id, lambda: self._look_up(video_id), newer_than=newer_than)

        key = f"{video_id} after {newer_than}" if newer_than else video_id
        return self._flights.get(key, look, seconds=self._look_up_seconds, monitor=monitor)

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
        """The answer to one question, asked through a session of its own."""
        with self._egress.session(ONE_QUESTION) as way:
            return ask(replace(self._options, proxy=way.proxy_url))


def _is_to_come(info: VideoInfo) -> bool:
    at = info.release_at
    return info.live_status is LiveStatus.IS_UPCOMING and at is not None and at > datetime.now(UTC)
