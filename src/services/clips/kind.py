"""Handles the kind ``clip``: cuts a time range of a video into a file."""

from __future__ import annotations

from src.models.params import ClipParams
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.jobs.results import cut
from src.services.video_service import VideoService


class ClipHandler(JobHandler[ClipParams]):
    """Fetches and cuts through the video service."""

    def __init__(self, videos: VideoService) -> None:
        self._videos = videos

    def run(self, params: ClipParams, context: JobContext) -> JobResult:
        """Produce ``clip.mp4`` or ``clip.webm``: exactly the frames of [start, end)."""
        return cut(self._videos, params, params.start_time, params.end_time, context, retain=True)
