"""VideoService: a link and a time range become a verified file."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from src.config import Settings
from src.errors import ClipIncomplete, FileTooLarge
from src.models.download import Actual, DownloadReport, Requested, decimal_seconds, exact_range
from src.models.media import MediaInfo
from src.models.media_source import Mode, NetworkSettings, TimeRange
from src.models.outcome import Note, NoteCode
from src.models.params import Container
from src.models.progress import Monitor, Phase, Progress, SilentMonitor
from src.models.source import Extraction, VideoInfo
from src.services.cutting.cutter import ClipCutter, Cut, CutTask
from src.services.cutting.retained_source import RetainedSource
from src.services.cutting.sandbox import EngineSandbox, SandboxedEngine
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from src.services.youtube.formats import format_table
from src.services.youtube.media_hosts import require_media_host
from src.services.youtube.ranges import available_range, read_range, require_recorded
from src.services.youtube.selection import Encoding, Preferences, Selection, choose, wanted_resolution
from src.services.youtube_service import YouTubeService
from src.utils.validators import parse_video_id_from_url

log = logging.getLogger(__name__)
_FOREVER = Fraction(10**6)  # longer than any video
_NO_WAY_OUT = "http://127.0.0.1:0"
_TOLD_SECONDS = Fraction(1, 10)  # a clip that ends so much before the wanted end is explained


class VideoService:
    """Looks a video up, chooses formats, has the range cut, encodes where that was asked for, and checks the result."""

    def __init__(
        self,
        settings: Settings,
        youtube: YouTubeService,
        encoder: EncodingService,
        ffmpeg: FFmpeg,
        *,
        network: NetworkSettings | None = None,
        egress: EgressProxy | None = None,
    ) -> None:
        """``network`` replaces what the settings say about fetching media; ``egress`` is the way out that is shared
        with others."""
        self._youtube, self._encoder, self._ffmpeg = youtube, encoder, ffmpeg
        self._settings, self._high_resolution_mp4 = settings, settings.high_resolution_mp4
        self._network = network or network_of(settings)
        self._egress = egress or EgressProxy.of(settings)
        self._limits = job_limits(settings)
        self._sandbox = EngineSandbox(ffmpeg.program, self._egress)

    def download_video_segment(
        self,
        url: str,
        start_time: object,
        end_time: object,
        output_path: Path,
        format_preference: Container = "mp4",
        resolution_preference: str = "1080p",
        video_id: str | None = None,
        progress_callback: Callable[[Progress], None] | None = None,
        *,
        compatibility: Literal["h265"] | None = None,
        mode: Mode = "exact",
        monitor: Monitor | None = None,
        retained_dir: Path | None = None,
    ) -> DownloadReport:
        """Write exactly the frames of [start_time, end_time) of a YouTube video, with their sound, to a file.

        Times are seconds or texts that ``utils.timecode`` reads. The container gives ``output_path`` its suffix; the
        report says where the file is. ``video_id`` only names the work in the log. Progress goes to
        ``progress_callback`` and to ``monitor``, which may also stop the work. What an earlier call for the same video
        left at ``retained_dir`` is used, and what this one leaves there is told in the report.

        Raises:
            UrlInvalid, VideoIdInvalid, ClipRangeInvalid, RequestInvalid: nothing was requested from anyone, or only
                the facts of the video.
            SourceError: the site or the network did not give it; ClipIncomplete when no way led to the whole range.
            EncodeFailed, DiskFull, JobTimeout: our own part went wrong. Nothing is left behind.
        """
        wish = Preferences(format_preference, resolution_preference, compatibility, self._high_resolution_mp4)
        wanted_resolution(resolution_preference)
        wanted = read_range(start_time, end_time)
        watch = _Watch(monitor or SilentMonitor(), progress_callback)
        with (
            tempfile.TemporaryDirectory(prefix=".kept-", dir=output_path.parent) as folder,
            self._sandbox.engine() as engine,
        ):
            kept = RetainedSource.take(retained_dir, Path(folder) / "source", self._settings)
            source_id, video = self._look_up(url, watch, kept)
            name = video_id or source_id
            report = self._make(name, video, wish, wanted, output_path, watch, engine, mode=mode, kept=kept)
            if kept is not None and retained_dir is not None:
                kept.leave(retained_dir, worth_it=report.kept is not None)
        return report

    def download_video(
        self,
        url: str,
        output_path: Path,
        format_preference: Container = "mp4",
        resolution_preference: str = "1080p",
        *,
        compatibility: Literal["h265"] | None = None,
        max_bytes: int | None = None,
        monitor: Monitor | None = None,
    ) -> DownloadReport:
        """Write a whole YouTube video to a file, its streams as they are. See `download_video_segment`.

        Raises:
            FileTooLarge: the site tells more than ``max_bytes`` for the chosen formats; nothing was fetched.
        """
        wish = Preferences(format_preference, resolution_preference, compatibility, high_resolution_mp4="remux")
        wanted_resolution(resolution_preference)
        watch = _Watch(monitor or SilentMonitor(), None)
        with self._sandbox.engine() as engine:
            source_id, video = self._look_up(url, watch)
            # Not the length that the site reports: it is rounded, and a source may start after zero.
            whole = TimeRange(Fraction(0), _FOREVER)
            return self._make(
                source_id, video, wish, whole, output_path, watch, engine, mode="keyframe", max_bytes=max_bytes
            )

    def _look_up(self, url: str, watch: _Watch, kept: RetainedSource | None = None) -> tuple[str, Extraction]:
        watch.report(Progress(Phase.INITIALIZING))
        source_id = parse_video_id_from_url(url)
        video = kept.look(source_id) if kept is not None else None
        if video is None:
            video = self._youtube.extract(source_id, watch)
            if kept is not None:
                kept.remember(video)
        require_recorded(video.info)
        return source_id, video

    def _make(
        self,
        name: str,
        video: Extraction,
        wish: Preferences,
        wanted: TimeRange,
        output_path: Path,
        watch: _Watch,
        engine: SandboxedEngine,
        *,
        mode: Mode,
        max_bytes: int | None = None,
        kept: RetainedSource | None = None,
    ) -> DownloadReport:
        is_whole = wanted.end >= _FOREVER
        possible = wanted if is_whole else available_range(wanted, video.info.duration_seconds)
        selection = choose(video.info.formats, wish)
        log.info("%s: %s of %s as %s", name, selection.obtained, video.info.id, selection.container)
        told = sum(entry.size_bytes or 0 for entry in (selection.video, selection.audio) if entry is not None)
        if max_bytes is not None and told > max_bytes:
            raise FileTooLarge(size_bytes=told, max_bytes=max_bytes)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=output_path.parent) as folder:
            keep = None if kept is None else kept.of(selection)
            task = CutTask(video.info.id, video, selection, possible, Path(folder), watch, mode, keep)
            with self._egress.session(self._limits) as way:
                network = replace(self._network, proxy=way.proxy_url)
                cutter = ClipCutter(
                    self._youtube, self._ffmpeg, network, engine=engine.make_clip, parts=engine.make_parts
                )
                cut = cutter.cut(task)
            watch.downloaded = True
            made, media, notes = self._encode(cut, task)
            final = made.replace(output_path.with_suffix(f".{selection.container}"))
        kept_range = cut.report.kept
        end = cut.report.actual.end if is_whole else wanted.end
        return DownloadReport(
            path=final,
            requested=Requested(wish.resolution, wish.container, float(wanted.start), float(end), wish.compatibility),
            actual=_actual(final, media, cut, selection),
            notes=(*_notes(video, selection, wanted, cut.report.actual), *cut.report.notes, *notes),
            facts=_facts(video.info),
            kept=None if kept_range is None else (float(kept_range.start), float(kept_range.end)),
        )

    def _encode(self, cut: Cut, task: CutTask) -> tuple[Path, MediaInfo, tuple[Note, ...]]:
        """The finished file, its facts, and what is to be told about the encoding."""
        if task.selection.encoding is Encoding.NONE:
            return cut.path, cut.accepted.media, ()
        target = task.work_dir / "encoded.mp4"
        report = self._encoder.encode_lossless_h265(cut.path, target, monitor=task.monitor)
        if report.frames != cut.accepted.frames:
            raise ClipIncomplete(f"{cut.accepted.frames} frames were cut, {report.frames} were encoded")
        return target, probe(target), report.notes


class _Watch:
    """Tells monitor and callback. Cutting is a part of the download, and what is downloaded stays so."""

    def __init__(self, monitor: Monitor, callback: Callable[[Progress], None] | None) -> None:
        self._monitor, self._callback = monitor, callback
        self.downloaded = False

    def report(self, progress: Progress) -> None:
        if self.downloaded:
            progress = replace(progress, download_percent=100.0)
        else:
            phase = Phase.DOWNLOADING if progress.phase is Phase.ENCODING else progress.phase
            progress = replace(progress, phase=phase, encode_percent=0.0)
        if self._callback is not None:
            self._callback(progress)
        self._monitor.report(progress)

    def check(self) -> None:
        self._monitor.check()


def job_limits(settings: Settings) -> Limits:
    """What one job may fetch."""
    return Limits(bytes=settings.job_max_fetch_mb * 1_000_000, seconds=settings.job_hard_limit_seconds)


def network_of(settings: Settings) -> NetworkSettings:
    """How media are fetched: the operator's limits, and from nowhere but the site.

    It leads nowhere until ``proxy`` is that of a session of the egress proxy: whoever forgets it notices at once.
    """
    return NetworkSettings(
        proxy=_NO_WAY_OUT,
        verify_tls=settings.ytdlp_verify_tls,
        connections=settings.fetch_connections,
        rate_limit_bytes=settings.fetch_rate_limit_kb * 1000 or None,
        segment_retries=settings.stream_retries,
        guard=require_media_host,
    )


def _actual(path: Path, media: MediaInfo, cut: Cut, selection: Selection) -> Actual:
    video = media.main_video
    assert video is not None
    start, end = cut.report.actual.start, cut.report.actual.end
    return Actual(
        resolution=selection.obtained,
        width=video.width,
        height=video.height,
        fps=round(float(video.frame_rate), 3) if video.frame_rate else None,
        frames=cut.accepted.frames,
        container=selection.container,
        codec=video.codec,
        audio_codec=media.audio[0].codec if media.audio else None,
        start=decimal_seconds(start),
        end=decimal_seconds(end),
        duration=decimal_seconds(end - start),
        method=cut.method,
        encoded=None if selection.encoding is Encoding.NONE else selection.encoding.value,
        bytes=path.stat().st_size,
        bytes_fetched=cut.report.bytes_fetched,
        exact=exact_range(start, end),
    )


def _notes(video: Extraction, selection: Selection, wanted: TimeRange, actual: TimeRange) -> tuple[Note, ...]:
    notes = []
    if selection.wanted not in ("best", selection.obtained):
        text = f"The video does not exist in {selection.wanted}; this is {selection.obtained}"
        notes.append(Note(NoteCode.RESOLUTION_LOWERED, text))
        for warning in video.warnings:
            log.warning("%s is missing, and yt-dlp said: %s", selection.wanted, warning)
    if wanted.end < _FOREVER and wanted.end - actual.end > _TOLD_SECONDS:
        text = "The range reaches beyond the end of the video; the clip ends with it"
        notes.append(Note(NoteCode.ENDS_WITH_SOURCE, text))
    return tuple(notes)


def _facts(info: VideoInfo) -> dict[str, object]:
    return {
        "title": info.title,
        "source_duration": info.duration_seconds,
        "available_formats": list(format_table(info.id, info.formats).resolutions),
    }
