"""Reports what a video offers (resolutions, containers, title) to users, and stores it in saved jobs."""

from __future__ import annotations

import logging

from src.data.video_data import VideoData
from src.errors import AppError, NotOwner, VideoNotFound
from src.models.source import FormatTable, VideoInfo
from src.models.video import Owner
from src.services.youtube.formats import format_table
from src.services.youtube.storyboard_sheets import Storyboards
from src.services.youtube_service import YouTubeService
from src.utils.validators import parse_video_id_from_url, validate_video_id

log = logging.getLogger(__name__)


class MetadataService:
    """Queries the video site through the short-lived cache of the YouTube service."""

    def __init__(self, youtube: YouTubeService, jobs: VideoData, storyboards: Storyboards) -> None:
        self._youtube, self._jobs, self._storyboards = youtube, jobs, storyboards

    def facts(self, url: str) -> tuple[VideoInfo, FormatTable]:
        """Return what a link leads to, and all its resolutions, highest first.

        Raises:
            UrlInvalid, VideoIdInvalid: the link is not one to a YouTube video.
            SourceError: the site or the network failed.
        """
        video_id = parse_video_id_from_url(url)
        info = self._youtube.get_video_info(video_id)
        self._storyboards.remember(info)
        return info, format_table(video_id, info.formats, least=0)

    def resolutions(self, url: str) -> tuple[str, list[str]]:
        """Return (YouTube id, resolutions of 720p and more, highest first) for a link."""
        video_id = parse_video_id_from_url(url)
        return video_id, self._youtube.get_available_formats(video_id)

    def formats(self, video_id: str, owner: Owner) -> tuple[str, FormatTable]:
        """Return (YouTube id, formats) for a YouTube id, or for the id of one of the owner's jobs.

        Raises:
            VideoNotFound: the id is neither.
            NotOwner: the job belongs to another owner.
        """
        job = self._jobs.find(video_id)
        if job is not None:
            if job.owner != owner:
                raise NotOwner()
            youtube_id = getattr(job.params, "youtube_video_id", None)
            if youtube_id is None:
                raise VideoNotFound()
        else:
            if len(video_id) == 24:
                raise VideoNotFound()
            youtube_id = validate_video_id(video_id)
        return youtube_id, self._youtube.format_table(youtube_id)

    def describe(self, job_id: str) -> None:
        """Store in a saved job what its source offers. A failure is only logged: the job itself will report it."""
        job = self._jobs.find(job_id)
        youtube_id = getattr(job.params, "youtube_video_id", None) if job else None
        if youtube_id is None:
            return
        try:
            info = self._youtube.get_video_info(youtube_id)
        except AppError as error:
            log.info("job %s: its source could not be looked up: %s", job_id, error.code)
            return
        table = format_table(youtube_id, info.formats)
        facts = {"title": info.title, "source_duration": info.duration_seconds}
        self._jobs.set_facts(job_id, {**facts, "available_formats": list(table.resolutions)})
