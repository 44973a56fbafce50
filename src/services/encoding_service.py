"""Encodes any video to an MP4 in H.264, H.265 or AV1."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

from src.errors import (
    CodecUnsupported,
    DiskFull,
    EncodeFailed,
    EncodeInterrupted,
    FormatNotAvailable,
    FormatRefused,
    JobTimeout,
)
from src.models.abilities import Abilities
from src.models.chunk import Chunk, ChunkTask
from src.models.encode_plan import EncodePlan, EncodeReport
from src.models.media import MediaInfo
from src.models.outcome import Note, NoteCode
from src.models.params import Codec, Quality
from src.models.progress import Monitor, Phase, Progress, SilentMonitor
from src.services.encoding import interlace, search
from src.services.encoding.attempt import EncodeWork
from src.services.encoding.audio_trial import try_tracks
from src.services.encoding.chunks import CHUNK_SECONDS, ChunkRunner, encode_chunk
from src.services.encoding.hardware import Device, encoder_name, find_device, with_device
from src.services.encoding.pixel_formats import lossless_target
from src.services.encoding.planner import CODECS, QUALITIES, Preferences, plan_encode
from src.services.encoding.presets import CRF
from src.services.encoding.programs import FFmpegPrograms, only_program
from src.services.encoding.requirements import can_all, require_abilities, require_vmaf
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.forks import MediaForks
from src.services.media.probe import examine, probe_upload
from src.utils.ffmpeg_limits import Limits

_SIZE_TRIES = 3
_FACTOR_OF_HALF_THE_RATE = 6.0  # rate factors: six more, half the bits


@dataclass(frozen=True, slots=True)
class HardwareReading:
    """A hardware encoder that works, and the program that has it."""

    encoder: str
    program: Path


@dataclass(frozen=True, slots=True)
class _Request:
    """The fields of ``EncodingService.encode_video_to_mp4`` that say what is encoded, and to what."""

    input_path: Path
    output_path: Path
    video_codec: Codec
    quality_preset: Quality
    target_size_mb: float | None
    target_vmaf: float | None


class EncodingService:
    """Probes, plans and encodes videos. A file only counts as finished after it was read back."""

    def __init__(
        self,
        ffmpeg: FFmpeg,
        *,
        limits: Limits | None = None,
        hardware: str = "off",
        chunk_seconds: float = CHUNK_SECONDS,
        programs: FFmpegPrograms | None = None,
    ) -> None:
        """``hardware``: the setting HARDWARE_ENCODING: off, auto, or the name of a family of encoders. ``programs``:
        all programs that may encode; by default only ``ffmpeg``, which does the work in software."""
        self._ffmpeg = ffmpeg
        self._programs = programs or only_program(ffmpeg.program)
        self._limits = limits or Limits()
        self._hardware = hardware
        self._chunk_seconds = chunk_seconds
        self._devices: dict[Codec, tuple[FFmpeg, Device] | None] = {}

    def supported_codecs(self) -> dict[str, list[str]]:
        """Return the presets of each codec."""
        return {codec: list(QUALITIES) for codec in CODECS}

    def validate_video_file(self, file_path: Path) -> MediaInfo:
        """Probe an uploaded file. Returns its facts if it can be encoded.

        Raises:
            MediaInvalid: it cannot be encoded; the message contains the reason.
            Busy: other uploads are being read.
        """
        return probe_upload(file_path)

    def get_video_metadata(self, file_path: Path) -> dict[str, object]:
        """Return ``duration`` in seconds, the displayed ``resolution`` as "1920x1080", ``original_codec``, ``codec``,
        ``bitrate`` in bit/s, and whether the file has audio.

        Raises:
            MediaInvalid: it is not a readable video.
            Busy: other uploads are being read.
        """
        media = self.validate_video_file(file_path)
        video = media.main_video
        assert video is not None
        width, height = video.display_size
        seconds = media.duration_seconds
        return {
            "duration": None if seconds is None else round(seconds, 3),
            "resolution": f"{width}x{height}",
            "original_codec": video.codec,
            "codec": video.codec,
            "bitrate": media.bit_rate,
            "has_audio": bool(media.audio),
        }

    def require_possible(
        self, file_path: Path, video_codec: Codec, quality_preset: Quality, *, with_vmaf: bool = False
    ) -> None:
        """Require that this server can encode an upload so, before the work is queued. ``with_vmaf``: a VMAF is to be
        reached.

        Raises:
            FormatRefused: its FFmpeg cannot do it.
            MediaInvalid, Busy: the file had to be read, and could not be.
        """
        try:
            able = self._able(self._ffmpeg, video_codec, quality_preset)
        except (DiskFull, EncodeInterrupted, JobTimeout):
            return  # the job finds out, before it starts to work
        try:
            require_vmaf(able, needed=with_vmaf)
            if not can_all(able, video_codec, quality_preset):
                plan_encode(self.validate_video_file(file_path), video_codec, quality_preset, able=able)
        except FormatNotAvailable as error:
            raise FormatRefused(error.message) from None

    def require_lossless_h265(self, *, deep: bool) -> None:
        """Require that this server can encode lossless H.265, of 10 bits if it is ``deep``: before a video is fetched
        for it.

        Raises:
            FormatNotAvailable: its FFmpeg cannot do it.
            DiskFull, EncodeInterrupted, JobTimeout: the trials of FFmpeg were disturbed.
        """
        able = self._able(self._ffmpeg, "h265", "lossless")
        lossless_target("yuv420p10le" if deep else "yuv420p", "h265", able)

    def encode_video_to_mp4(
        self,
        input_path: Path,
        output_path: Path,
        video_codec: Codec,
        quality_preset: Quality,
        *,
        monitor: Monitor | None = None,
        target_size_mb: float | None = None,
        target_vmaf: float | None = None,
        run_chunks: ChunkRunner | None = None,
    ) -> EncodeReport:
        """Encode ``input_path`` to ``output_path`` and verify it.

        ``target_size_mb`` (in 10^6 bytes, at most) or ``target_vmaf`` (0-100, on samples) replaces the rate factor of a
        lossy preset. ``run_chunks`` encodes the chunks of a long video if the result is the same.

        Raises:
            MediaInvalid: the input is not a readable video.
            CodecUnsupported: unknown codec or preset.
            FormatNotAvailable: FFmpeg cannot do this; nothing was encoded.
            EncodeFailed, DiskFull, JobTimeout: the output is deleted.
        """
        with MediaForks(input_path, output_path.parent) as forks:
            return self._encode(
                _Request(input_path, output_path, video_codec, quality_preset, target_size_mb, target_vmaf),
                forks,
                monitor or SilentMonitor(),
                run_chunks,
            )

    def _encode(
        self,
        request: _Request,
        forks: MediaForks,
        watch: Monitor,
        run_chunks: ChunkRunner | None,
    ) -> EncodeReport:
        input_path, output_path = request.input_path, request.output_path
        video_codec, quality_preset = request.video_codec, request.quality_preset
        program = self._ffmpeg.confined(reads=[input_path], writes=[output_path.parent])
        able = self._able(program, video_codec, quality_preset)
        if quality_preset != "lossless":
            require_vmaf(able, needed=request.target_vmaf is not None)
        watch.report(Progress(phase=Phase.INITIALIZING))
        media, timeline = examine(input_path, forks=forks)
        watch.check()
        video = media.main_video
        assert video is not None
        scan = interlace.detect(program, input_path, media.container.split(",")[0], video, watch)
        mixable = try_tracks(program, input_path, media, watch, timeline)
        plan = plan_encode(media, video_codec, quality_preset, timeline=timeline, scan=scan, mixable=mixable, able=able)
        work = EncodeWork(
            program,
            self._limits,
            input_path,
            media,
            timeline,
            output_path,
            quality_preset,
            watch,
            run_chunks,
            self._chunk_seconds,
            forks,
        )
        if quality_preset != "lossless" and request.target_vmaf is not None:
            return self._of_quality(work, plan, request.target_vmaf)
        if quality_preset != "lossless" and request.target_size_mb is not None:
            return self._of_size(work, plan, request.target_size_mb)
        found = None if plan.video.lossless else self._device(video_codec)
        if found is not None:
            owner, device = found
            confined = owner.confined(reads=[input_path], writes=[output_path.parent], devices=True)
            try:
                return dataclasses.replace(work, program=confined).run(with_device(plan, device), device=device)
            except EncodeFailed:
                watch.check()
        try:
            return work.run(plan)
        except EncodeFailed:
            if plan.video.action != "copy":
                raise
        preferences = Preferences(always_encode=True)
        again = plan_encode(
            media,
            video_codec,
            quality_preset,
            timeline=timeline,
            scan=scan,
            preferences=preferences,
            mixable=mixable,
            able=able,
        )
        return work.run(again)

    def encode_chunk(self, task: ChunkTask, chunk: Chunk, monitor: Monitor) -> Path:
        """Encode one chunk of a long video, in any process. Returns its path.

        Raises:
            FormatNotAvailable: the FFmpeg of this worker cannot carry out the plan.
            EncodeFailed, DiskFull, and what ``monitor`` raises: the chunk is deleted.
        """
        program = self._ffmpeg.confined(reads=[task.source], writes=[chunk.path.parent])
        video = task.plan.video
        require_abilities(task.plan, self._programs.abilities(program.program, video.codec, lossless=video.lossless))
        try:
            return encode_chunk(program, task, chunk, monitor, self._limits)
        except BaseException:
            chunk.path.unlink(missing_ok=True)
            raise

    def encode_lossless_h265(
        self, input_path: Path, output_path: Path, *, monitor: Monitor | None = None
    ) -> EncodeReport:
        """Encode a fetched WebM without loss as H.265, the documented method for an MP4 of 1440p and more."""
        return self.encode_video_to_mp4(input_path, output_path, "h265", "lossless", monitor=monitor)

    def _able(self, program: FFmpeg, codec: Codec, quality: Quality) -> Abilities:
        if codec not in CODECS or quality not in QUALITIES:
            raise CodecUnsupported()
        return self._programs.abilities(program.program, codec, lossless=quality == "lossless")

    def hardware(self) -> dict[Codec, HardwareReading | None] | None:
        """Return the hardware encoder of each codec, which is tried if it was not; None if the setting allows none."""
        if self._hardware == "off":
            return None
        found = {codec: self._device(codec) for codec in CODECS}
        return {
            codec: None if one is None else HardwareReading(encoder_name(codec, one[1]), one[0].program)  # dense: table
            for codec, one in found.items()
        }

    def _device(self, codec: Codec) -> tuple[FFmpeg, Device] | None:
        """Find a hardware encoder that works, and its program; once per process, because drivers change."""
        if codec not in self._devices:
            self._devices[codec] = find_device(self._programs.hardware(), self._hardware, codec)
        return self._devices[codec]

    def _of_quality(self, work: EncodeWork, plan: EncodePlan, target: float) -> EncodeReport:
        """Encode the smallest file whose samples reach the VMAF."""
        codec = plan.video.codec
        sampler = search.Sampler(work.program, plan, work.source, work.output.parent, work.monitor)
        factor, reached = search.factor_for_vmaf(sampler, codec, _start(plan, work.quality), target)
        report = work.run(_with_note(search.with_factor(plan, factor), factor))
        return dataclasses.replace(
            report, targets={"crf": factor, "target_vmaf": target, "sampled_vmaf": round(reached, 2)}
        )

    def _of_size(self, work: EncodeWork, plan: EncodePlan, megabytes: float) -> EncodeReport:
        """Encode the best file of at most ``megabytes``: samples give a first factor, the file decides."""
        codec, most = plan.video.codec, megabytes * 1e6
        sampler = search.Sampler(work.program, plan, work.source, work.output.parent, work.monitor)
        kilobits = search.video_kilobits(plan, most)
        factor = search.factor_for_size(sampler, codec, _start(plan, work.quality), kilobits)
        for _ in range(_SIZE_TRIES):
            report = work.run(_with_note(search.with_factor(plan, factor), factor))
            if report.size_bytes <= most:
                return dataclasses.replace(report, targets={"crf": factor, "target_size_mb": megabytes})
            factor += max(1, math.ceil(_FACTOR_OF_HALF_THE_RATE * math.log2(report.size_bytes / most)))
            if factor > search.RANGES[codec][1]:
                break
        work.output.unlink(missing_ok=True)
        raise EncodeFailed("This codec cannot reach so small a size")


def _start(plan: EncodePlan, quality: Quality) -> int:
    return CRF[plan.video.codec][quality]


def _with_note(plan: EncodePlan, factor: int) -> EncodePlan:
    note = Note(NoteCode.TARGET, f"The rate factor {factor} was found on samples of the video")
    return dataclasses.replace(plan, notes=(*plan.notes, note))
