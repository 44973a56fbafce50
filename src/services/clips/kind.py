"""The kind ``clip``: a time range of a video of a site becomes a file."""

from __future__ import annotations

from src.models.params import ClipParams
from src.services.jobs.handler import JobContext, Made
from src.services.jobs.results import cut


class ClipHandler:
    """Fetch and cut through the video service."""

    kind = ClipParams.kind
    queue = "downloads"
    # What makes the same file, whoever asks for it.
    same = (
        "youtube_video_id",
        "start_time",
        "end_time",
        "format_preference",
        "resolution_preference",
        "compatibility",
        "clip_mode",
    )

    def run(self, params: ClipParams, context: JobContext) -> Made:
        """Make ``clip.mp4`` or ``clip.webm``, exactly the frames of [start, end)."""
        return cut(params, params.start_time, params.end_time, context, keep=True)
