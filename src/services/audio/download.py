"""Turns a link into an audio file with tags and cover art."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

from src.config import Settings
from src.errors import AppError, FormatNotAvailable
from src.models.audio import AudioReport, AudioTags
from src.models.media_source import NetworkSettings, TimeRange
from src.models.params import AudioFormat, AudioQuality
from src.models.progress import Monitor, Phase, Progress
from src.models.source import SourceFormat, VideoInfo
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sources import ChosenFormats
from src.services.egress.proxy import EgressProxy
from src.services.encoding.audio_extraction import AudioService
from src.services.fetch.bounded import BoundedReader
from src.services.fetch.limits import MOST_COVER_BYTES
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.youtube.ranges import require_recorded
from src.services.youtube_service import YouTubeService
from src.utils.validators import parse_video_id_from_url

_WHOLE = TimeRange(Fraction(0), Fraction(10**6))  # longer than any video
_WEBM_CODECS = frozenset({"opus", "vorbis"})
_COVER_HOSTS = (".ytimg.com", ".ggpht.com", ".googleusercontent.com")
_COVER_SECONDS = 10.0


class AudioDownloadService:
    """Looks a video up, fetches its audio alone where that exists, and has the audio engine write the file."""

    def __init__(
        self,
        settings: Settings,
        youtube: YouTubeService,
        audio: AudioService,
        ffmpeg: FFmpeg,
        *,
        egress: EgressProxy | None = None,
    ) -> None:
        """``egress`` is shared with others."""
        self._youtube, self._audio = youtube, audio
        self._cutters = CutterFactory(settings, ffmpeg, egress or EgressProxy.of(settings))

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
        """Write the audio of a YouTube video to ``output_path``.

        Raises:
            UrlInvalid, SourceError: the site or the network did not give it.
            ClipIncomplete, EngineInterrupted: what the site sent cannot be read.
            FormatNotAvailable: the video has no audio, or FFmpeg cannot write this format; nothing was fetched.
            EncodeFailed, DiskFull, and what ``monitor`` raises. Nothing is left behind.
        """
        self._audio.require_possible(audio_format, normalize_loudness=normalize_loudness)
        monitor.report(Progress(Phase.INITIALIZING))
        source_id = parse_video_id_from_url(url)
        with (
            tempfile.TemporaryDirectory(prefix=".sound-", dir=output_path.parent) as name,
            self._cutters.start() as cutter,
        ):
            video = self._youtube.extract(source_id, monitor)
            require_recorded(video.info)
            entry = choose_sound(video.info.formats, worst=quality == "worst")
            chosen = ChosenFormats(self._youtube, video, (entry,))
            folder = Path(name)
            suffix = ".webm" if entry.audio_codec in _WEBM_CODECS else ".mp4"
            order = CutOrder(
                source=chosen.source(),
                ranges=(_WHOLE,),
                outputs=(folder / f"sound{suffix}",),
                work_dir=folder,
                network=cutter.network,
                mode="keyframe",
                ffmpeg=cutter.program,
            )
            cutter.audio(order, chosen, monitor)
            cover = _fetch_cover(video.info.thumbnail, folder / "cover", cutter.network)
            report = self._audio.extract(
                order.output,
                output_path,
                audio_format,
                quality,
                tags=replace(_tags(video.info), cover=cover),
                normalize_loudness=normalize_loudness,
                monitor=_Downloaded(monitor),
            )
        return report, video.info


class _Downloaded:
    """A monitor of what follows the download."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        self._monitor.report(replace(progress, download_percent=100.0))

    def check(self) -> None:
        self._monitor.check()


def choose_sound(formats: Sequence[SourceFormat], *, worst: bool = False) -> SourceFormat:
    """The format with the best (or worst) audio, without video where that exists.

    Raises:
        FormatNotAvailable: the video has no audio.
    """
    audible = [entry for entry in formats if entry.audio_codec is not None]
    alone = [entry for entry in audible if entry.video_codec is None]
    if not audible:
        raise FormatNotAvailable("This video has no sound")
    if not alone:
        return min(audible, key=lambda entry: entry.resolution or 0)

    def rank(entry: SourceFormat) -> tuple[float, ...]:
        rate = entry.bit_rate or 0
        return (entry.language_preference, not entry.altered, not entry.segmented, -rate if worst else rate)

    return max(alone, key=rank)


def _tags(info: VideoInfo) -> AudioTags:
    date = info.uploaded_on.isoformat() if info.uploaded_on else None
    return AudioTags(title=info.title, artist=info.uploader, date=date, comment=info.url)


def _fetch_cover(url: str | None, path: Path, network: NetworkSettings) -> Path | None:
    """Write the cover art to ``path``, if it can be fetched: the file is complete without it."""
    host = ""
    with contextlib.suppress(ValueError):
        host = (urlsplit(url or "").hostname or "").lower()
    if url is None or not host.endswith(_COVER_HOSTS):
        return None
    # The guard admits hosts of media only, and covers lie on others: their host is checked above.
    patient = replace(network, guard=None, connect_seconds=_COVER_SECONDS, stall_seconds=_COVER_SECONDS)
    with contextlib.suppress(AppError, OSError), BoundedReader(patient, follow_redirects=False) as reader:
        path.write_bytes(reader.read(url, {}, MOST_COVER_BYTES).content)
        return path
    return None
