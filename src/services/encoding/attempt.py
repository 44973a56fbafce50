"""One encode from its plan to a checked file: runs FFmpeg, proves lossless, reads everything back."""

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
    """What does not change between the tries of one encode."""

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

    def make(self, plan: EncodePlan, *, device: Device | None = None) -> EncodeReport:
        """The finished, checked file; in chunks, where there is somebody to run them and they give the same file.

        Raises:
            EncodeFailed, DiskFull, JobTimeout: nothing is left behind.
        """
        started = time.monotonic()
        proof = self.output.with_suffix(".framemd5")
        joined = self.output.with_suffix(".joined.mp4")
        try:
            frames = self._in_chunks(plan, joined) if device is None else None
            in_chunks = frames is not None
            beside = proof if plan.video.lossless and not in_chunks else None
            result = self.program.run(
                [
                    *(global_options(device) if device is not None else []),
                    *encode_arguments(
                        plan, self.source, self.output, proof=beside, joined=joined if in_chunks else None
                    ),
                ],
                monitor=self.monitor,
                duration_seconds=plan.duration_seconds,
                frames=plan.expected_frames,
                on_progress=encode_reporter(self.monitor, begin=chunks.PICTURE_PERCENT if in_chunks else 0.0),
                limits=self.limits,
            )
            self.monitor.report(Progress(phase=Phase.VERIFYING, encode_percent=100.0))
            verified = None
            if plan.video.lossless:
                verified = prove(
                    self.program, plan, self.source, self.output, proof, self.monitor, went_in_known=beside is not None
                )
            made, axis = self._check(plan, frames if in_chunks else result.frames, proven=verified is not None)
            judge = Judge(self.program, self.source, self.timeline, self.media.start_seconds or 0.0, self.monitor)
            notes = (*plan.notes, *judge.notes(plan, axis, result.log))
        except BaseException:
            self.output.unlink(missing_ok=True)
            raise
        finally:
            proof.unlink(missing_ok=True)
            joined.unlink(missing_ok=True)
        video = made.main_video
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
            duration_seconds=made.duration_seconds or 0.0,
            size_bytes=made.size_bytes,
            wall_seconds=time.monotonic() - started,
            verified_frames=verified,
            notes=notes,
        )

    def _in_chunks(self, plan: EncodePlan, joined: Path) -> int | None:
        """The picture as ``joined``, encoded in chunks, and how many frames it has; ``None`` when it has to be one, or
        when chunks of it are not to be had: of damaged films, and of those whose packets do not tell their frames."""
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
        """Read the file back: its streams, every packet, its sound, and, where no proof has decoded every frame, its
        key frames and its end."""
        try:
            made, axis = examine(self.output, check=True, proven=proven, forks=self.forks)
        except MediaInvalid as error:
            raise EncodeFailed(f"The encoded file cannot be read: {error.message}") from None
        video = made.main_video
        if video is None or axis.video is None or not axis.video.units:
            raise EncodeFailed("The encoded file has no video")
        if axis.errors:
            raise EncodeFailed("The encoded file cannot be decoded")
        if plan.video.action == "encode":
            if (video.width, video.height) != (plan.video.width, plan.video.height):
                raise EncodeFailed("The encoded file has another size than planned")
            if frames_written is not None and axis.video.units != frames_written:
                raise EncodeFailed(f"{frames_written} frames were encoded, {axis.video.units} arrived in the file")
        return made, axis
