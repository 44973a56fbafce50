"""ClipBatchService: several time ranges of one video, looked up and fetched once; one file of all, or one for each."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from src.config import Settings
from src.errors import ClipIncomplete
from src.models.media_source import ClipSource, SourceUnreadable, TimeRange
from src.models.params import BatchParams
from src.models.progress import Monitor, Phase, Progress
from src.services.cutting.cutter import source_of
from src.services.cutting.engine.model import ClipReport
from src.services.cutting.joining import join_clips
from src.services.cutting.sandbox import EngineSandbox
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.video_service import job_limits, network_of
from src.services.youtube.ranges import available_range, require_recorded
from src.services.youtube.selection import Preferences, choose
from src.services.youtube_service import YouTubeService

MIME = {".mp4": "video/mp4", ".webm": "video/webm", ".zip": "application/zip"}


class ClipBatchService:
    """Uses the clip engine once for all ranges: one index, and each byte that several ranges need once."""

    def __init__(self, settings: Settings, youtube: YouTubeService, ffmpeg: FFmpeg, egress: EgressProxy) -> None:
        self._youtube, self._ffmpeg, self._egress = youtube, ffmpeg, egress
        self._network, self._limits = network_of(settings), job_limits(settings)
        self._sandbox = EngineSandbox(ffmpeg.program, egress)

    def make(self, params: BatchParams, folder: Path, monitor: Monitor) -> tuple[Path, str, list[ClipReport]]:
        """(file, title of the video, what was cut): ``batch.mp4`` or ``.webm``, or ``batch.zip`` of all clips.

        Raises:
            SourceError: the site or the network did not give it. ClipRangeInvalid: a range holds no frame.
            EncodeFailed, DiskFull, and what ``monitor`` raises.
        """
        monitor.report(Progress(Phase.INITIALIZING))
        video = self._youtube.extract(params.youtube_video_id, monitor)
        require_recorded(video.info)
        wish = Preferences(params.format_preference, params.resolution_preference, None, "remux")
        selection = choose(video.info.formats, wish)
        wanted = [
            available_range(TimeRange(Fraction(start), Fraction(end)), video.info.duration_seconds)
            for start, end in params.ranges
        ]
        clips = [folder / f"clip-{number:02}.{selection.cut_container}" for number in range(1, len(wanted) + 1)]

        def refreshed() -> ClipSource:
            fresh = self._youtube.extract(params.youtube_video_id, monitor, instead_of=video)
            return source_of(fresh, selection)

        with self._sandbox.engine() as engine, self._egress.session(self._limits) as way:
            try:
                reports = engine.make_clips(
                    source_of(video, selection),
                    wanted,
                    clips,
                    work_dir=folder,
                    network=replace(self._network, proxy=way.proxy_url),
                    mode=params.clip_mode,
                    ffmpeg=self._ffmpeg.program,
                    monitor=monitor,
                    refresh=refreshed,
                )
            except SourceUnreadable as reason:
                raise ClipIncomplete(f"The video cannot be cut in several places: {reason}") from reason
        monitor.report(Progress(Phase.ENCODING, download_percent=100.0))
        made = self._joined(clips, monitor) if params.joined else _packed(clips)
        return made, video.info.title, reports

    def _joined(self, clips: list[Path], monitor: Monitor) -> Path:
        output = clips[0].with_name(f"batch{clips[0].suffix}")
        join_clips(clips, output, self._ffmpeg, monitor)
        return output


def _packed(clips: list[Path]) -> Path:
    output = clips[0].with_name("batch.zip")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for clip in clips:
            archive.write(clip, clip.name)
    return output
