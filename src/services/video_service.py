"""Turns a link and a time range into a verified file."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from src.config import Settings
from src.errors import ClipIncomplete, FileTooLarge, StoreUnavailable
from src.models.download import (
    Actual,
    DownloadReport,
    RecordingClock,
    Requested,
    WallClock,
    decimal_seconds,
    exact_range,
)
from src.models.media import MediaInfo
from src.models.media_source import Mode, NetworkSettings, TimeRange
from src.models.outcome import Note, NoteCode
from src.models.params import Container
from src.models.progress import Monitor, Phase, Progress, SilentMonitor
from src.models.source import Extraction, LiveStatus, VideoInfo
from src.models.stream_clock import StreamClock
from src.services.cutting.cutter import ClipCutter, CutResult, CutterFactory
from src.services.cutting.engine.model import CutOrder, Sharing
from src.services.cutting.retained_source import RetainedSource
from src.services.cutting.shared_media import SharedMedia
from src.services.cutting.sources import ChosenFormats
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from src.services.youtube.formats import format_table
from src.services.youtube.ranges import available_range, read_range, require_recorded
from src.services.youtube.selection import Encoding, Preferences, Selection, choose, wanted_resolution
from src.services.youtube_service import YouTubeService
from src.utils.clock import to_seconds
from src.utils.validators import parse_video_id_from_url

log = logging.getLogger(__name__)
REPORTED_SECONDS = 1.0  # the precision with which the site reports when a stream began
_FOREVER = Fraction(10**6)  # longer than any video
_EXPLAINED_SECONDS = Fraction(1, 10)  # a clip that ends so much before the wanted end gets a note


class VideoService:
    """Looks a video up, chooses formats, has the range cut, and encodes it where that is requested."""

    def __init__(
        self,
        settings: Settings,
        youtube: YouTubeService,
        encoder: EncodingService,
        ffmpeg: FFmpeg,
        *,
        network: NetworkSettings | None = None,
        egress: EgressProxy | None = None,
        stream_clock: Callable[[str], StreamClock] = lambda video_id: StreamClock(()),
    ) -> None:
        """``network`` replaces what the settings say about fetching media; ``egress`` is shared with others.

        ``stream_clock`` returns what is known of the wall clock of the stream that was recorded as this video; it may
        raise ``StoreUnavailable``.
        """
        self._stream_clock = stream_clock
        self._youtube, self._encoder = youtube, encoder
        self._settings, self._high_resolution_mp4 = settings, settings.high_resolution_mp4
        self._cutters = CutterFactory(settings, ffmpeg, egress or EgressProxy.of(settings), network)
        self._shared = SharedMedia.of(settings)

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
        owner: str | None = None,
    ) -> DownloadReport:
        """Write exactly the frames of [start_time, end_time) of a YouTube video, with their sound, to a file.

        Times are seconds or texts that ``utils.timecode`` reads. The container gives ``output_path`` its suffix; the
        report says where the file is. ``video_id`` only names the work in the log. Progress goes to
        ``progress_callback`` and to ``monitor``, which may also stop the work. What an earlier call for the same video
        left at ``retained_dir`` is used, and the report says what this one leaves there. ``owner`` names who may see
        the file: where the site may show others something else, fetched media are shared with nobody else.

        Raises:
            UrlInvalid, VideoIdInvalid, ClipRangeInvalid, RequestInvalid: nothing was requested from anyone, or only
                the facts of the video.
            SourceError: the site or the network did not give it; ClipIncomplete when no method gave the whole range.
            EncodeFailed, DiskFull, JobTimeout: the processing failed. Nothing is left behind.
        """
        preferences = Preferences(format_preference, resolution_preference, compatibility, self._high_resolution_mp4)
        wanted_resolution(resolution_preference)
        wanted = read_range(start_time, end_time)
        watch = _Watch(monitor or SilentMonitor(), progress_callback)
        with (
            tempfile.TemporaryDirectory(prefix=".kept-", dir=output_path.parent) as folder,
            self._cutters.start() as cutter,
        ):
            kept = RetainedSource.take(retained_dir, Path(folder) / "source", self._settings)
            source_id, video = self._look_up(url, watch, kept)
            name = video_id or source_id
            shared = _Shared(self._shared, owner)
            request = _Request(name, preferences, wanted, output_path, mode)
            report = self._make(request, video, watch, cutter, kept=kept, shared=shared)
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
            FileTooLarge: the chosen formats have more than ``max_bytes``, according to the site; nothing was fetched.
        """
        preferences = Preferences(format_preference, resolution_preference, compatibility, high_resolution_mp4="remux")
        wanted_resolution(resolution_preference)
        watch = _Watch(monitor or SilentMonitor(), None)
        with self._cutters.start() as cutter:
            source_id, video = self._look_up(url, watch)
            # Not the length that the site reports: it is rounded, and a source may start after zero.
            whole = TimeRange(Fraction(0), _FOREVER)
            request = _Request(source_id, preferences, whole, output_path, "keyframe", max_bytes)
            return self._make(request, video, watch, cutter)

    def _look_up(self, url: str, watch: _Watch, kept: RetainedSource | None = None) -> tuple[str, Extraction]:
        watch.report(Progress(Phase.INITIALIZING))
        source_id = parse_video_id_from_url(url)
        video = kept.lookup(source_id) if kept is not None else None
        if video is None:
            video = self._youtube.extract(source_id, watch)
            if kept is not None:
                kept.remember(video)
        require_recorded(video.info)
        return source_id, video

    def _make(
        self,
        request: _Request,
        video: Extraction,
        watch: _Watch,
        cutter: ClipCutter,
        *,
        kept: RetainedSource | None = None,
        shared: _Shared | None = None,
    ) -> DownloadReport:
        wanted, preferences, max_bytes = request.wanted, request.preferences, request.max_bytes
        is_whole = wanted.end >= _FOREVER
        possible = wanted if is_whole else available_range(wanted, video.info.duration_seconds)
        selection = choose(video.info.formats, preferences)
        log.info("%s: %s of %s as %s", request.name, selection.obtained, video.info.id, selection.container)
        if selection.encoding is Encoding.LOSSLESS_H265:
            self._encoder.require_lossless_h265(deep=selection.video.hdr)
        chosen = ChosenFormats.of(self._youtube, video, selection)
        size = sum(entry.size_bytes or 0 for entry in chosen.formats)
        if max_bytes is not None and size > max_bytes:
            raise FileTooLarge(size_bytes=size, max_bytes=max_bytes)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=request.output_path.parent) as folder:
            share = shared.of(chosen, Path(folder)) if shared is not None else None
            order = CutOrder(
                source=chosen.source(),
                ranges=(possible,),
                outputs=(Path(folder) / f"cut.{selection.cut_container}",),
                work_dir=Path(folder),
                network=cutter.network,
                mode=request.mode,
                ffmpeg=cutter.program,
                keep=None if kept is None else kept.of(selection),
                share=share,
            )
            cut = cutter.clip(order, chosen, watch)
            if shared is not None:
                shared.store(order, cut)
            watch.downloaded = True
            result, media, notes = self._encode(cut, selection, watch)
            final = result.replace(request.output_path.with_suffix(f".{selection.container}"))
        kept_range = cut.report.kept
        end = cut.report.actual.end if is_whole else wanted.end
        return DownloadReport(
            path=final,
            requested=Requested(
                preferences.resolution,
                preferences.container,
                float(wanted.start),
                float(end),
                preferences.compatibility,
            ),
            actual=_actual(final, media, cut, selection),
            notes=(*_notes(video, selection, wanted, cut.report.actual), *cut.report.notes, *notes),
            facts=_facts(video.info),
            kept=None if kept_range is None else (float(kept_range.start), float(kept_range.end)),
            clock=self._clock_of(video.info),
        )

    def _clock_of(self, info: VideoInfo) -> RecordingClock | None:
        """Return the wall clock of a recording: of its segments, if the stream was captured, otherwise the site's."""
        reported = wall_clock_of(info)
        if reported is None:
            return None
        try:
            return self._stream_clock(info.id) or reported
        except StoreUnavailable:  # the clip is finished, and its times are known well enough
            return reported

    def _encode(
        self, cut: CutResult, selection: Selection, monitor: Monitor
    ) -> tuple[Path, MediaInfo, tuple[Note, ...]]:
        """The finished file, its facts, and notes about the encoding."""
        if selection.encoding is Encoding.NONE:
            return cut.path, cut.accepted.media, ()
        target = cut.path.with_name("encoded.mp4")
        report = self._encoder.encode_lossless_h265(cut.path, target, monitor=monitor)
        if report.frames != cut.accepted.frames:
            raise ClipIncomplete(f"{cut.accepted.frames} frames were cut, {report.frames} were encoded")
        return target, probe(target), report.notes


@dataclass(frozen=True, slots=True)
class _Request:
    """What shall be made of a video: ``wanted`` of it, at ``output_path`` (whose suffix the chosen container replaces).

    ``name`` names it in the log. ``max_bytes``: how large the chosen formats may be, according to the site.
    """

    name: str
    preferences: Preferences
    wanted: TimeRange
    output_path: Path
    mode: Mode
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a clip of an owner shares with others."""

    media: SharedMedia
    owner: str | None

    def of(self, chosen: ChosenFormats, folder: Path) -> Sharing | None:
        """Return where the engine finds and leaves what it fetches of these formats."""
        formats = [entry.id for entry in chosen.formats]
        return self.media.sharing(chosen.video.info.id, formats, self.owner, folder / "shared")

    def store(self, order: CutOrder, cut: CutResult) -> None:
        """Share what the engine fetched for this verified clip."""
        if order.share is not None and cut.method != "section":
            self.media.store(order.share, order.share.spool if order.keep is None else order.keep.spool)


class _Watch:
    """Reports to monitor and callback. Cutting counts as a part of the download, which stays complete once it is."""

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


def _actual(path: Path, media: MediaInfo, cut: CutResult, selection: Selection) -> Actual:
    video = media.main_video
    assert video is not None
    start, end = cut.report.actual.start, cut.report.actual.end
    return Actual(
        resolution=selection.obtained,
        width=video.width,
        height=video.height,
        fps=round(float(video.frame_rate), 3) if video.frame_rate else None,  # dense: unknown values are None
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
    if wanted.end < _FOREVER and wanted.end - actual.end > _EXPLAINED_SECONDS:
        text = "The range reaches beyond the end of the video; the clip ends with it"
        notes.append(Note(NoteCode.ENDS_WITH_SOURCE, text))
    return tuple(notes)


def wall_clock_of(info: VideoInfo) -> WallClock | None:
    """Return the wall clock of the recording of a stream, as the site reports it: in whole seconds, without a fraction.

    It is therefore up to a second early.
    """
    if info.live_status is not LiveStatus.WAS_LIVE or info.release_at is None:
        return None
    return WallClock(to_seconds(info.release_at), REPORTED_SECONDS)


def _facts(info: VideoInfo) -> dict[str, object]:
    return {
        "title": info.title,
        "source_duration": info.duration_seconds,
        "available_formats": list(format_table(info.id, info.formats).resolutions),
    }
