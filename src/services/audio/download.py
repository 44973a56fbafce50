"""AudioDownloadService: a link becomes an audio file with tags and cover art."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from src.config import Settings
from src.errors import AppError, ClipIncomplete, FormatNotAvailable, MediaForbidden
from src.models.audio import AudioReport, AudioTags
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, Track
from src.models.params import AudioFormat, AudioQuality
from src.models.progress import Monitor, Phase, Progress
from src.models.source import Extraction, SourceFormat, VideoInfo
from src.services.cutting.engine.engine import fetch_whole
from src.services.egress.proxy import EgressProxy
from src.services.encoding.audio_extraction import AudioService
from src.services.fetch.bounded import BoundedReader
from src.services.fetch.limits import MOST_COVER_BYTES
from src.services.video_service import job_limits, network_of
from src.services.youtube.ranges import require_recorded
from src.services.youtube_service import YouTubeService
from src.utils.validators import parse_video_id_from_url

_WEBM_CODECS = frozenset({"opus", "vorbis"})
_PICTURE_HOSTS = (".ytimg.com", ".ggpht.com", ".googleusercontent.com")
_PICTURE_SECONDS = 10.0


class AudioDownloadService:
    """Looks a video up, fetches its sound alone where that exists, and has the audio engine write the file."""

    def __init__(
        self, settings: Settings, youtube: YouTubeService, audio: AudioService, *, egress: EgressProxy | None = None
    ) -> None:
        """``egress`` is the way out that is shared with others."""
        self._youtube, self._audio, self._network = youtube, audio, network_of(settings)
        self._egress = egress or EgressProxy.of(settings)
        self._limits = job_limits(settings)

    def download_audio(
        self,
        url: str,
        output_path: Path,
        audio_format: AudioFormat,
        quality: AudioQuality,
        *,
        normalize_loudness: bool = False,
        monitor: Monitor,
    ) -> tuple[AudioReport, VideoInfo]:
        """Write the sound of a YouTube video to ``output_path``.

        Raises:
            UrlInvalid, SourceError: the site or the network did not give it.
            EncodeFailed, DiskFull, and what ``monitor`` raises. Nothing is left behind.
        """
        monitor.report(Progress(Phase.INITIALIZING))
        source_id = parse_video_id_from_url(url)
        video = self._youtube.extract(source_id, monitor)
        require_recorded(video.info)
        chosen = choose_sound(video.info.formats, worst=quality == "worst")
        with tempfile.TemporaryDirectory(prefix=".sound-", dir=output_path.parent) as name:
            folder = Path(name)
            fetched = folder / ("sound.webm" if chosen.audio_codec in _WEBM_CODECS else "sound.mp4")
            with self._egress.session(self._limits) as way:
                network = replace(self._network, proxy=way.proxy_url)
                self._fetch(source_id, video, chosen, fetched, network, monitor)
                cover = _picture(video.info.thumbnail, folder / "cover", network)
            tags = replace(_tags(video.info), cover=cover)
            report = self._audio.extract(
                fetched,
                output_path,
                audio_format,
                quality,
                tags=tags,
                normalize_loudness=normalize_loudness,
                monitor=_Downloaded(monitor),
            )
        return report, video.info

    def _fetch(
        self,
        source_id: str,
        video: Extraction,
        chosen: SourceFormat,
        path: Path,
        network: NetworkSettings,
        monitor: Monitor,
    ) -> None:
        def refreshed() -> ClipSource:
            fresh = self._youtube.extract(source_id, monitor, instead_of=video)
            if chosen.id not in fresh.media:
                raise MediaForbidden
            return _source(fresh, chosen)

        try:
            fetch_whole(
                _source(video, chosen),
                path,
                work_dir=path.parent,
                network=network,
                monitor=monitor,
                refresh=refreshed,
            )
        except SourceUnreadable as reason:
            raise ClipIncomplete(f"The sound cannot be read: {reason}") from reason


class _Downloaded:
    """A monitor of what follows the download."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        self._monitor.report(replace(progress, download_percent=100.0))

    def check(self) -> None:
        self._monitor.check()


def choose_sound(formats: Sequence[SourceFormat], *, worst: bool = False) -> SourceFormat:
    """The format with the best (or worst) sound, without a picture where that exists.

    Raises:
        FormatNotAvailable: the video has no sound.
    """
    sounds = [entry for entry in formats if entry.audio_codec is not None]
    alone = [entry for entry in sounds if entry.video_codec is None]
    if not sounds:
        raise FormatNotAvailable("This video has no sound")
    if not alone:
        return min(sounds, key=lambda entry: entry.resolution or 0)

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        rate = entry.bit_rate or 0
        return (entry.language_preference, not entry.altered, not entry.segmented, -rate if worst else rate)

    return max(alone, key=rank)


def _source(video: Extraction, chosen: SourceFormat) -> ClipSource:
    address = video.media[chosen.id]
    track = Track(
        url=address.url,
        headers=address.headers,
        protocol="hls" if chosen.segmented else "https",
        container=chosen.container,
        has_video=chosen.video_codec is not None,
        size_bytes=chosen.size_bytes,
    )
    return ClipSource((track,), video.info.duration_seconds)


def _tags(info: VideoInfo) -> AudioTags:
    date = info.uploaded_on.isoformat() if info.uploaded_on else None
    return AudioTags(title=info.title, artist=info.uploader, date=date, comment=info.url)


def _picture(url: str | None, path: Path, network: NetworkSettings) -> Path | None:
    """Write the cover to ``path``, if there is one: a song is complete without."""
    host = ""
    with contextlib.suppress(ValueError):
        host = (urlsplit(url or "").hostname or "").lower()
    if url is None or not host.endswith(_PICTURE_HOSTS):
        return None
    patient = replace(network, connect_seconds=_PICTURE_SECONDS, stall_seconds=_PICTURE_SECONDS)
    with contextlib.suppress(AppError, OSError), BoundedReader(patient, follow_redirects=False) as reader:
        path.write_bytes(reader.read(url, {}, MOST_COVER_BYTES).content)
        return path
    return None
