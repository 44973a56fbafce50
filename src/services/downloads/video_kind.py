"""Handles the kind ``video``: downloads a whole video."""

from __future__ import annotations

from src.models.params import VideoParams
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.jobs.results import MIME
from src.services.video_service import VideoService
from src.utils.filenames import name_after


class VideoHandler(JobHandler[VideoParams]):
    """Downloads through the video service."""

    def __init__(self, videos: VideoService) -> None:
        self._videos = videos

    def run(self, params: VideoParams, context: JobContext) -> JobResult:
        """Produce ``video.mp4`` or ``video.webm``."""
        report = self._videos.download_video(
            params.url,
            context.work_dir / "video",
            params.format_preference,
            params.resolution_preference,
            compatibility=params.compatibility,
            max_bytes=params.max_bytes,
            monitor=context.monitor,
        )
        title = report.facts.get("title") or "video"
        return JobResult(
            path=report.path,
            mime=MIME[report.path.suffix],
            download_name=name_after(title, f" [{params.youtube_video_id}]{report.path.suffix}"),
            report=report.to_fields(),
            facts=report.facts,
        )
