"""Runs one encode from its plan to a verified file: runs FFmpeg, proves losslessness, and reads the file back."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from src.errors import EncodeFailed, MediaInvalid
from src.models.chunk import ChunkTask
from src.models.encode_plan import EncodePlan, EncodeReport
from src.models.media import MediaInfo, Timeline
from src.models.params import Quality
from src.models.progress import Monitor, Phase, Progress
from src.services.encoding import chunks, hdr
from src.services.encoding.arguments import encode_arguments
from src.services.encoding.damage import Judge
from src.services.encoding.hardware import Device, global_options
from src.services.encoding.progress import encode_reporter
from src.services.encoding.proof import prove
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.forks import MediaForks
from src.services.media.probe import examine, index_frames
from src.utils.ffmpeg_limits import Limits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncodeWork:
    """The inputs of an encode that all its attempts share."""

    program: FFmpeg
    limits: Limits
    source: Path
    media: MediaInfo
    timeline: Timeline
    output: Path
    quality: Quality
    monitor: Monitor
    run_chunks: chunks.ChunkRunner | None = None
    chunk_seconds: float = chunks.CHUNK_SECONDS
    forks: MediaForks | None = None

    def run(self, plan: EncodePlan, *, device: Device | None = None) -> EncodeReport:
        """Encode and verify the file; in chunks, if a chunk runner is available and the result is the same.

        Raises:
            EncodeFailed, DiskFull, JobTimeout: the output is deleted.
        """
        started = time.monotonic()
        proof = self.output.with_suffix(".framehash")
        joined = self.output.with_suffix(".joined.mp4")
        try:
            frames = self._in_chunks(plan, joined) if device is None else None
            in_chunks = frames is not None
            written_proof = proof if plan.video.lossless and not in_chunks else None
            device_options = global_options(device) if device is not None else []
            video_file = joined if in_chunks else None
            arguments = encode_arguments(plan, self.source, self.output, proof=written_proof, joined=video_file)
            result = self.program.run(
                [*device_options, *arguments],
                monitor=self.monitor,
                duration_seconds=plan.duration_seconds,
                frames=plan.expected_frames,
                on_progress=encode_reporter(self.monitor, begin=chunks.VIDEO_PERCENT if in_chunks else 0.0),
                limits=self.limits,
            )
            self.monitor.report(Progress(phase=Phase.VERIFYING, encode_percent=100.0))
            verified = None
            if plan.video.lossless:
                verified = prove(
                    self.program,
                    plan,
                    self.source,
                    self.output,
                    proof,
                    self.monitor,
                    hashed_input=written_proof is not None,
                )
            encoded, axis = self._check(plan, frames if in_chunks else result.frames, proven=verified is not None)
            judge = Judge(self.program, self.source, self.timeline, self.media.start_seconds or 0.0, self.monitor)
            notes = (*plan.notes, *judge.notes(plan, axis, result.log))
        except BaseException:
            self.output.unlink(missing_ok=True)
            raise
        finally:
            proof.unlink(missing_ok=True)
            joined.unlink(missing_ok=True)
        video = encoded.main_video
        assert video is not None and axis.video is not None
        source = self.media.main_video
        if source is not None:
            notes = (*notes, *hdr.lost(source, video))
        return EncodeReport(
            codec=plan.video.codec,
            quality=self.quality,
            encoder=plan.video.encoder,
            width=video.width,
            height=video.height,
            pixel_format=video.pixel_format,
            frames=axis.video.units,
            duration_seconds=encoded.duration_seconds or 0.0,
            size_bytes=encoded.size_bytes,
            wall_seconds=time.monotonic() - started,
            verified_frames=verified,
            notes=notes,
        )

    def _in_chunks(self, plan: EncodePlan, joined: Path) -> int | None:
        """Encode the video in chunks to ``joined``. Returns the number of its frames; None if chunks are impossible, as
        for damaged videos and those whose packets do not correspond to frames."""
        if self.run_chunks is None or not chunks.can_be_chunked(plan, self.media, self.chunk_seconds):
            return None
        try:
            index = index_frames(self.source, self.forks)
            parts = chunks.plan_chunks(index, self.output.parent, self.chunk_seconds)
            if len(parts) < 2:
                return None
            return chunks.encode_in_chunks(ChunkTask(plan, self.source), parts, index, joined, self.run_chunks)
        except (EncodeFailed, MediaInvalid) as reason:
            self.monitor.check()
            log.info("encoded in one piece: %s", reason)
            return None

    def _check(self, plan: EncodePlan, frames_written: int | None, *, proven: bool) -> tuple[MediaInfo, Timeline]:
        """Read the file back: its streams, all packets, its audio, and, unless a proof decoded every frame, its key
        frames and its end."""
        try:
            encoded, axis = examine(self.output, check=True, proven=proven, forks=self.forks)
        except MediaInvalid as error:
            raise EncodeFailed(f"The encoded file cannot be read: {error.message}") from None
        video = encoded.main_video
        if video is None or axis.video is None or not axis.video.units:
            raise EncodeFailed("The encoded file has no video")
        if axis.errors:
            raise EncodeFailed("The encoded file cannot be decoded")
        if plan.video.action == "encode":
            if (video.width, video.height) != (plan.video.width, plan.video.height):
                raise EncodeFailed("The encoded file does not have the planned size")
            if frames_written is not None and axis.video.units != frames_written:
                raise EncodeFailed(f"{frames_written} frames were encoded, but {axis.video.units} are in the file")
        return encoded, axis
