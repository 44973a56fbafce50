"""Describes to the engine where the chosen formats of a video are, now and after their links have expired."""

from __future__ import annotations

from dataclasses import dataclass

from src.config import Settings
from src.errors import MediaForbidden
from src.models.media_source import ClipSource, NetworkSettings, Track
from src.models.progress import Monitor
from src.models.source import Extraction, SourceFormat
from src.services.youtube.media_hosts import require_media_host
from src.services.youtube.selection import Selection
from src.services.youtube_service import YouTubeService

_UNREACHABLE_PROXY = "http://127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class ChosenFormats:
    """The formats of a video that are cut or fetched, in the order of the tracks."""

    youtube: YouTubeService
    video: Extraction
    formats: tuple[SourceFormat, ...]

    @classmethod
    def of(cls, youtube: YouTubeService, video: Extraction, selection: Selection) -> ChosenFormats:
        """Return the formats of a selection."""
        chosen = (selection.video, selection.audio)
        return cls(youtube, video, tuple(entry for entry in chosen if entry is not None))

    def source(self) -> ClipSource:
        """Return the source with the addresses of this extraction."""
        return self._source(self.video)

    def refreshed(self, monitor: Monitor) -> ClipSource:
        """Return the source with the addresses of a new extraction. Raises MediaForbidden if a format is gone."""
        fresh = self.youtube.extract(self.video.info.id, monitor, instead_of=self.video)
        if any(entry.id not in fresh.media for entry in self.formats):
            raise MediaForbidden
        return self._source(fresh)

    def _source(self, video: Extraction) -> ClipSource:
        return ClipSource(tuple(_track(video, entry) for entry in self.formats), video.info.duration_seconds)


def media_network(settings: Settings) -> NetworkSettings:
    """Return the network settings for fetching media: the operator's limits, and the hosts of the site only.

    No connection is possible until ``proxy`` is set to the address of an egress session.
    """
    return NetworkSettings(
        proxy=_UNREACHABLE_PROXY,
        verify_tls=settings.ytdlp_verify_tls,
        connections=settings.fetch_connections,
        rate_limit_bytes=settings.fetch_rate_limit_kb * 1000 or None,
        segment_retries=settings.stream_retries,
        guard=require_media_host,
    )


def _track(video: Extraction, entry: SourceFormat) -> Track:
    address = video.media[entry.id]
    return Track(
        url=address.url,
        headers=address.headers,
        protocol="hls" if entry.segmented else "https",
        container=entry.container,
        has_video=entry.video_codec is not None,
        has_audio=entry.audio_codec is not None,
        size_bytes=entry.size_bytes,
    )
