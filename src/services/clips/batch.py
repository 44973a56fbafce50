"""Cuts several time ranges of one video, looked up and fetched once: one file of all, or one for each."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from src.config import Settings
from src.models.params import BatchParams
from src.models.progress import Monitor, Phase, Progress
from src.services.cutting.clip_joining import join_clips
from src.services.cutting.cutter import CutResult, CutterFactory
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sources import ChosenFormats
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.youtube.ranges import available_range, read_range, require_recorded
from src.services.youtube.selection import Preferences, choose
from src.services.youtube_service import YouTubeService

MIME = {".mp4": "video/mp4", ".webm": "video/webm", ".zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Batch:
    """A finished batch: its file, the title of the video, and the verified clips."""

    path: Path
    title: str
    clips: list[CutResult]


class ClipBatchService:
    """Cuts all ranges with one index, and fetches once what several of them need."""

    def __init__(self, settings: Settings, youtube: YouTubeService, ffmpeg: FFmpeg, egress: EgressProxy) -> None:
        self._youtube, self._ffmpeg = youtube, ffmpeg
        self._cutters = CutterFactory(settings, ffmpeg, egress)

    def make(self, params: BatchParams, folder: Path, monitor: Monitor) -> Batch:
        """``batch.mp4`` or ``.webm`` of joined clips, or ``batch.zip``.

        Raises:
            SourceError: the site or the network did not give it. ClipRangeInvalid: a range holds no frame.
            ClipIncomplete: a clip did not pass its verification.
            EncodeFailed, DiskFull, and what ``monitor`` raises.
        """
        monitor.report(Progress(Phase.INITIALIZING))
        ranges = [read_range(start, end) for start, end in params.ranges]
        with self._cutters.start() as cutter:
            video = self._youtube.extract(params.youtube_video_id, monitor)
            require_recorded(video.info)
            preferences = Preferences(params.format_preference, params.resolution_preference, None, "remux")
            selection = choose(video.info.formats, preferences)
            chosen = ChosenFormats.of(self._youtube, video, selection)
            numbers = range(1, len(ranges) + 1)
            order = CutOrder(
                source=chosen.source(),
                ranges=tuple(available_range(wanted, video.info.duration_seconds) for wanted in ranges),
                outputs=tuple(folder / f"clip-{number:02}.{selection.cut_container}" for number in numbers),
                work_dir=folder,
                network=cutter.network,
                mode=params.clip_mode,
                ffmpeg=cutter.program,
            )
            clips = cutter.clips(order, chosen, monitor)
        monitor.report(Progress(Phase.ENCODING, download_percent=100.0))
        path = self._joined(order.outputs, monitor) if params.joined else _packed(order.outputs)
        return Batch(path, video.info.title, clips)

    def _joined(self, clips: tuple[Path, ...], monitor: Monitor) -> Path:
        output = clips[0].with_name(f"batch{clips[0].suffix}")
        join_clips(list(clips), output, self._ffmpeg, monitor)
        return output


def _packed(clips: tuple[Path, ...]) -> Path:
    output = clips[0].with_name("batch.zip")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for clip in clips:
            archive.write(clip, clip.name)
    return output
