"""Handles the kind ``clip``: cuts a time range of a video into a file."""

from __future__ import annotations

from typing import Protocol

from src.errors import LiveNotStarted, LiveNotSupported
from src.models.job_kinds import DOWNLOADS
from src.models.params import ClipParams
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.results import cut
from src.services.video_service import VideoService


class RunningStreams(Protocol):
    """Cuts ranges of streams that still run."""

    def has_started(self, context: JobContext) -> bool:
        """Return whether ``cut`` must continue what an earlier attempt of this job started."""

    def cut(self, params: ClipParams, context: JobContext) -> JobResult:
        """Produce the file. Raises ``LiveNotSupported`` if the video is not a running stream."""

    def wait(self, params: ClipParams, context: JobContext) -> None:
        """Raise ``Postponed`` if the stream, which has not started, is awaited longer."""


class ClipHandler(JobHandler[ClipParams]):
    """Fetches and cuts through the video service, and through the capture of streams while the video still runs."""

    def __init__(self, videos: VideoService, streams: RunningStreams | None = None) -> None:
        """Without ``streams``, ranges of running streams fail with ``LiveNotSupported``."""
        self._videos, self._streams = videos, streams

    def run(self, params: ClipParams, context: JobContext) -> JobResult:
        """Produce ``clip.mp4`` or ``clip.webm``: exactly the frames of [start, end)."""
        if self._streams is not None and self._streams.has_started(context):
            return self._streams.cut(params, context)
        if context.in_lane:  # what the first attempt found is lost
            raise Postponed(1, "a worker must look at it again", queue=DOWNLOADS)
        try:
            return cut(self._videos, params, params.start_time, params.end_time, context, retain=True)
        except LiveNotStarted:
            if params.when_live and self._streams is not None:
                self._streams.wait(params, context)
            raise
        except LiveNotSupported:
            if self._streams is None:
                raise
            return self._streams.cut(params, context)
