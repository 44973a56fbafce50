"""Handles the kind ``transcript``: writes the captions of a video to a file."""

from __future__ import annotations

from src.models.params import TranscriptParams
from src.models.progress import Phase, Progress
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.youtube.caption_writer import MIME, write_captions
from src.services.youtube_service import YouTubeService
from src.utils.filenames import name_after


class TranscriptHandler(JobHandler[TranscriptParams]):
    """Fetches the captions through the YouTube service and writes them in the requested format."""

    def __init__(self, youtube: YouTubeService) -> None:
        self._youtube = youtube

    def run(self, params: TranscriptParams, context: JobContext) -> JobResult:
        """Produce ``transcript.vtt``, ``.srt``, ``.txt`` or ``.json``."""
        context.monitor.report(Progress(Phase.DOWNLOADING))
        captions = self._youtube.captions(
            params.youtube_video_id, language=params.caption_language, source=params.transcript_source
        )
        wanted = params.transcript_format
        path = context.work_dir / f"transcript.{wanted}"
        path.write_text(write_captions(captions, wanted), encoding="utf-8")
        return JobResult(
            path=path,
            mime=MIME[wanted],
            download_name=name_after(
                captions.title or "transcript", f" [{params.youtube_video_id}].{captions.language}.{wanted}"
            ),
            report={
                "requested": {
                    "format": wanted,
                    "language": params.caption_language,
                    "source": params.transcript_source,
                },
                "actual": {
                    "language": captions.language,
                    "automatic": captions.automatic,
                    "cues": len(captions.cues),
                },
            },
            facts={"title": captions.title},
        )
