"""Handles the kind ``encode``: converts an uploaded file to MP4, or its audio to mp3, wav or flac."""

from __future__ import annotations

from pathlib import Path

from src.errors import FileGone
from src.models.audio import MIME
from src.models.params import AudioFormat, EncodeParams
from src.services.encoding.audio_extraction import AudioService
from src.services.encoding_service import EncodingService
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.uploads.chunk_workers import ChunkWorkers


class EncodeHandler(JobHandler[EncodeParams]):
    """Encodes through the encoding service, or extracts the audio through the audio service."""

    def __init__(self, encoder: EncodingService, audio: AudioService, chunks: ChunkWorkers) -> None:
        self._encoder, self._audio, self._chunks = encoder, audio, chunks

    def run(self, params: EncodeParams, context: JobContext) -> JobResult:
        """Produce ``encoded.mp4`` with the chosen codec and quality, or ``sound.mp3`` etc."""
        source = Path(params.input_file_path or "")
        if not params.input_file_path or not source.is_file():
            raise FileGone("The uploaded file has expired.")
        if params.audio_format is not None:
            return self._extract_audio(params, params.audio_format, source, context)
        assert params.video_codec is not None and params.quality_preset is not None
        output = context.work_dir / "encoded.mp4"
        with self._chunks.runner(context.job, context.monitor) as run_chunks:
            report = self._encoder.encode_video_to_mp4(
                source,
                output,
                params.video_codec,
                params.quality_preset,
                monitor=context.monitor,
                target_size_mb=params.target_size_mb,
                target_vmaf=params.target_vmaf,
                run_chunks=run_chunks,
            )
        stem = Path(params.original_filename).stem or "video"
        return JobResult(
            path=output,
            mime="video/mp4",
            download_name=f"{stem}_{params.video_codec}_{params.quality_preset}.mp4",
            report=report.to_fields(),
        )

    def ended(self, job_id: str) -> None:
        """Delete the chunks."""
        self._chunks.forget(job_id)

    def _extract_audio(self, params: EncodeParams, wanted: AudioFormat, source: Path, context: JobContext) -> JobResult:
        output = context.work_dir / f"sound.{wanted}"
        report = self._audio.extract(
            source,
            output,
            wanted,
            params.audio_quality or "best",
            keep_tags=True,
            normalize_loudness=params.normalize_loudness,
            monitor=context.monitor,
        )
        stem = Path(params.original_filename).stem or "sound"
        return JobResult(path=output, mime=MIME[wanted], download_name=f"{stem}.{wanted}", report=report.to_fields())
