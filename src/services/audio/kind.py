"""Handles the kind ``audio``: converts the audio of a video to mp3, wav or flac."""

from __future__ import annotations

from src.models.audio import MIME
from src.models.params import AudioParams
from src.services.audio.download import AudioDownloadService
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.utils.filenames import name_after


class AudioHandler(JobHandler[AudioParams]):
    """Fetches and encodes through the audio service."""

    def __init__(self, audio: AudioDownloadService) -> None:
        self._audio = audio

    def run(self, params: AudioParams, context: JobContext) -> JobResult:
        """Produce ``sound.mp3``, ``.wav`` or ``.flac``."""
        wanted = params.audio_format
        path = context.work_dir / f"sound.{wanted}"
        report, info = self._audio.download_audio(
            params.url,
            path,
            wanted,
            params.audio_quality,
            normalize_loudness=params.normalize_loudness,
            monitor=context.monitor,
        )
        return JobResult(
            path=path,
            mime=MIME[wanted],
            download_name=name_after(info.title, f".{wanted}"),
            report={
                "requested": {"format": wanted, "quality": params.audio_quality},
                "actual": {**report.to_fields(), "artist": info.uploader},
            },
            facts={"title": info.title, "source_duration": info.duration_seconds},
        )
