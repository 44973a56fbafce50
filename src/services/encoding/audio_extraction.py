"""Extracts the audio of a file as mp3, wav or flac, with tags, cover art and, on request, normalised loudness."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

from src.errors import EncodeFailed, FormatNotAvailable, FormatRefused, MediaInvalid
from src.models.abilities import encoder_trial, filter_trial
from src.models.audio import AudioReport, AudioTags
from src.models.media import AudioStream, MediaInfo
from src.models.outcome import Note, NoteCode
from src.models.params import AudioFormat, AudioQuality
from src.models.progress import Monitor, Phase, Progress, SilentMonitor
from src.services.encoding.arguments import FIRST_TWO, file_url, input_options
from src.services.encoding.progress import encode_reporter
from src.services.encoding.trials import read_lists
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import examine, probe, probe_upload
from src.utils.ffmpeg_limits import Limits

FORMATS: Final[tuple[AudioFormat, ...]] = get_args(AudioFormat)
QUALITIES: Final[tuple[AudioQuality, ...]] = get_args(AudioQuality)
TARGET_LUFS: Final = -16.0  # the stereo target of streaming services (AES TD1008: -16 to -18)
_TRUE_PEAK_DBTP: Final = -1.5
_RANGE_LU: Final = 11.0
_MEASURED: Final = re.compile(r"\{[^{}]*\"input_i\"[^{}]*\}")
_MP3_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_IMAGES: Final = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG": "png_pipe", b"RIFF": "webp_pipe"}
_WORST_RATE: Final = 22050
_SLACK_SECONDS: Final = 0.2  # mp3 is whole frames of 26 ms with padding at both ends


@dataclass(frozen=True, slots=True)
class _Job:
    """One extraction."""

    source: Path
    media: MediaInfo
    stream: AudioStream
    format: AudioFormat
    quality: AudioQuality
    tags: AudioTags
    loudness: bool
    keep_tags: bool
    first_two: bool = False

    @property
    def own_cover(self) -> int | None:
        """The index of the source's cover, if the file gets it."""
        art = self.media.cover_art if self.keep_tags and self.tags.cover is None else None
        return None if art is None else art.index

    @property
    def copies(self) -> bool:
        """Whether the packets are copied: the best mp3 of an mp3, or flac of a flac, is the source."""
        return self.quality == "best" and self.stream.codec == self.format and not self.loudness


_ENCODERS: Final[dict[AudioFormat, tuple[str, ...]]] = {
    "mp3": ("libmp3lame",),
    "wav": ("pcm_s16le", "pcm_s24le"),
    "flac": ("flac",),
}


class AudioService:
    """Extracts the default audio track of any media file."""

    def __init__(self, ffmpeg: FFmpeg, *, limits: Limits | None = None) -> None:
        self._ffmpeg = ffmpeg
        self._limits = limits or Limits()

    def get_metadata(self, path: Path) -> dict[str, object]:
        """Return ``duration`` in seconds, ``codec``, ``bitrate`` in bit/s, ``sample_rate`` in Hz, ``channels``,
        ``title``, and whether the file has a video other than cover art.

        Raises:
            MediaInvalid: the file has no readable audio.
            Busy: other uploads are being read.
        """
        media = probe_upload(path, need="audio")
        audio = media.audio[0]
        seconds = media.duration_seconds
        return {
            "duration": None if seconds is None else round(seconds, 3),
            "codec": audio.codec,
            "bitrate": media.bit_rate,
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
            "title": AudioTags.of(media.tags).title,
            "has_video": media.main_video is not None,
            "has_audio": True,
        }

    def require_possible(self, audio_format: AudioFormat, *, normalize_loudness: bool = False) -> None:
        """Require that this server can write this format, before the work is queued.

        Raises:
            FormatRefused: its FFmpeg cannot do it.
        """
        answers = read_lists(self._ffmpeg.program).missing
        trials = [encoder_trial(name) for name in _ENCODERS[audio_format]]
        trials += [filter_trial("loudnorm")] if normalize_loudness else []
        missing = [trial for trial in trials if answers.get(trial)]
        if missing:
            raise FormatRefused(f"The FFmpeg of this server cannot write this: it lacks {', '.join(missing)}")

    def extract(
        self,
        input_path: Path,
        output_path: Path,
        audio_format: AudioFormat,
        quality: AudioQuality = "best",
        *,
        tags: AudioTags | None = None,
        keep_tags: bool = False,
        normalize_loudness: bool = False,
        monitor: Monitor | None = None,
    ) -> AudioReport:
        """Write ``output_path`` and verify it. ``keep_tags``: use the tags and the cover of the source where ``tags``
        has none.

        mp3: ``best`` is V0 (or a copy, if the source is mp3), ``worst`` V9, the others constant rates. wav and flac are
        lossless and have no bit rate: ``worst`` means at most 22.05 kHz, all others the sample rate of the source.

        Raises:
            FormatNotAvailable: unknown format or quality.
            MediaInvalid: the input has no readable audio.
            EncodeFailed, DiskFull, JobTimeout: the output is deleted.
        """
        if audio_format not in FORMATS or quality not in QUALITIES:
            raise FormatNotAvailable(f"{audio_format} at {quality} is not offered")
        watch = monitor or SilentMonitor()
        media = probe(input_path, need="audio")
        stream = next((one for one in media.audio if one.default), media.audio[0])
        written = tags or AudioTags()
        if keep_tags:
            written = replace(AudioTags.of({**media.tags, **written.to_fields()}), cover=written.cover)
        job = _Job(input_path, media, stream, audio_format, quality, written, normalize_loudness, keep_tags)
        program = self._ffmpeg.confined(
            reads=[path for path in (input_path, job.tags.cover) if path is not None], writes=[output_path.parent]
        )
        try:
            try:
                return self._attempt(program, job, output_path, watch)
            except EncodeFailed:
                watch.check()
                if stream.channels <= 2 or self._begins(program, job, output_path, watch):
                    raise  # the number of channels is not the cause
            # The channels cannot be mixed, or the format does not support so many.
            return self._attempt(program, replace(job, first_two=True), output_path, watch)
        except BaseException:
            output_path.unlink(missing_ok=True)
            raise

    def _attempt(self, program: FFmpeg, job: _Job, output: Path, watch: Monitor) -> AudioReport:
        measured = self._measure(program, job, watch) if job.loudness else None
        program.run(
            arguments(job, output, measured),
            monitor=watch,
            duration_seconds=job.media.duration_seconds,
            on_progress=encode_reporter(watch),
            limits=self._limits,
        )
        watch.report(Progress(phase=Phase.VERIFYING, encode_percent=100.0))
        return self._check(program, job, output, watch, normalized=measured is not None)

    def _begins(self, program: FFmpeg, job: _Job, output: Path, monitor: Monitor) -> bool:
        """Whether the first second can be written with all channels."""
        try:
            program.run(arguments(job, output, None, seconds=1), monitor=monitor, limits=self._limits)
        except EncodeFailed:
            monitor.check()
            return False
        return True

    def _measure(self, program: FFmpeg, job: _Job, monitor: Monitor) -> dict[str, Any] | None:
        """Measure the loudness with the first pass of loudnorm. Returns None for silence, which has no loudness (EBU
        R128 ignores everything below -70 LUFS)."""
        args = [
            *_opened(job),
            "-map",
            f"0:{job.stream.index}",
            "-filter:a",
            _chain(job, f"{_loudness()}:print_format=json"),
        ]
        result = program.run([*args, "-f", "null", "-"], monitor=monitor, limits=self._limits, log_level="info")
        found = _MEASURED.findall("\n".join(result.log))
        if not found:
            raise EncodeFailed("The loudness could not be measured")
        measured: dict[str, Any] = json.loads(found[-1])
        return None if "-inf" in measured["input_i"] else measured

    def _check(self, program: FFmpeg, job: _Job, output: Path, monitor: Monitor, *, normalized: bool) -> AudioReport:
        try:
            written, axis = examine(output, need="audio", check=True)
        except MediaInvalid as error:
            raise EncodeFailed(f"The audio file cannot be read: {error.message}") from None
        had = job.stream.duration_seconds or job.media.duration_seconds
        has = axis.audio[0].end_seconds or written.duration_seconds or 0.0
        if axis.errors:
            raise EncodeFailed("The audio file cannot be decoded")
        notes: tuple[Note, ...] = ()
        if had is not None and had - has > _SLACK_SECONDS + 0.01 * had:
            notes = self._shorter(program, job, has, had - has, monitor)
        if job.first_two:
            text = f"The {job.stream.channels} audio channels cannot be mixed: the first two are used"
            notes += (Note(NoteCode.SOUND_CONVERTED, text),)
        return AudioReport(
            format=job.format,
            quality=job.quality,
            duration_seconds=written.duration_seconds or has,
            size_bytes=written.size_bytes,
            sample_rate=written.audio[0].sample_rate,
            channels=written.audio[0].channels,
            copied=job.copies,
            has_cover=written.cover_art is not None,
            loudness_lufs=TARGET_LUFS if normalized else None,
            notes=notes,
        )

    def _shorter(self, program: FFmpeg, job: _Job, has: float, missing: float, monitor: Monitor) -> tuple[Note, ...]:
        """Decode the source to explain why the file is shorter than the duration of its source.

        Raises:
            EncodeFailed: the source has more audio than the file.
        """
        args = [*_opened(job), "-map", f"0:{job.stream.index}", "-max_error_rate", "1", "-f", "null", "-"]
        given = program.run(args, monitor=monitor, limits=self._limits).media_seconds or 0.0
        if given - has > _SLACK_SECONDS + 0.01 * given:
            raise EncodeFailed("The audio file is shorter than its source")
        return (Note(NoteCode.SOURCE_DAMAGED, f"{missing:.1f} s of the source could not be read"),)


def arguments(job: _Job, output: Path, measured: dict[str, Any] | None, *, seconds: float | None = None) -> list[str]:
    """Return FFmpeg's arguments for one extraction; ``measured``: the values of loudnorm's first pass; ``seconds``:
    how much is written, all by default."""
    args = _opened(job)
    cover = None if job.own_cover is None or job.format == "wav" else f"0:{job.own_cover}"
    demuxer = _image_demuxer(job.tags.cover) if job.tags.cover is not None and job.format != "wav" else None
    if demuxer is not None and job.tags.cover is not None:
        cover = "1:v:0"
        args += ["-f", demuxer, "-protocol_whitelist", "file", "-i", file_url(job.tags.cover)]
    args += ["-map", f"0:{job.stream.index}"]
    if cover is not None:
        args += [
            "-map",
            cover,
            "-c:v:0",
            "mjpeg",
            "-q:v:0",
            "3",
            "-disposition:v:0",
            "attached_pic",
        ]
        args += [
            "-filter:v:0",
            "trim=end_frame=1,scale=w='min(iw,1400)':h=-2,format=yuvj420p",
            "-metadata:s:v:0",
            "comment=Cover (front)",
        ]
    args += ["-c:a", "copy"] if job.copies else _encoder(job, measured)
    args += ["-map_metadata", "-1", "-map_chapters", "-1"]
    for name, value in job.tags.to_fields().items():
        args += ["-metadata", f"{name}={value}"]
    if job.format == "mp3":
        args += ["-id3v2_version", "3", "-write_id3v1", "1"]
    if seconds is not None:
        args += ["-t", f"{seconds:g}"]
    return [*args, "-f", job.format, file_url(output)]


def _opened(job: _Job) -> list[str]:
    options = input_options(job.media.container.split(",")[0])
    flat = [part for name, value in options.items() for part in (f"-{name}", str(value))]
    return [*flat, "-i", file_url(job.source)]


def _encoder(job: _Job, measured: dict[str, Any] | None) -> list[str]:
    rate, channels = job.stream.sample_rate, job.stream.channels
    filters = [FIRST_TWO] if job.first_two else []
    channels = 2 if job.first_two else channels
    if measured is not None:
        names = {"I": "i", "TP": "tp", "LRA": "lra", "thresh": "thresh"}
        values = ":".join(f"measured_{name}={measured[f'input_{key}']}" for name, key in names.items())
        filters.append(f"{_loudness()}:{values}:offset={measured['target_offset']}:linear=true")
    if job.format == "mp3":
        rate = next((known for known in _MP3_RATES if known >= rate), 48000)
        channels = min(channels, 2)
        settings = {"best": ["-q:a", "0"], "worst": ["-q:a", "9"]}.get(job.quality, ["-b:a", job.quality])
        codec = ["-c:a", "libmp3lame", *settings]
    else:
        if job.quality == "worst":
            rate = min(rate, _WORST_RATE)
        samples = "pcm_s24le" if _is_deep(job.stream) else "pcm_s16le"
        codec = ["-c:a", "flac" if job.format == "flac" else samples]
    chain = ["-filter:a", ",".join(filters)] if filters else []
    return [*codec, *chain, "-ar", str(rate), "-ac", str(channels)]


def _chain(job: _Job, last: str) -> str:
    return f"{FIRST_TWO},{last}" if job.first_two else last


def _is_deep(stream: AudioStream) -> bool:
    """Whether a wav needs more than 16 bits per sample."""
    return stream.codec.startswith(("pcm_s24", "pcm_s32", "pcm_f")) or stream.codec in ("alac", "truehd")


def _loudness() -> str:
    return f"loudnorm=I={TARGET_LUFS}:TP={_TRUE_PEAK_DBTP}:LRA={_RANGE_LU}"


def _image_demuxer(path: Path) -> str | None:
    """Detect the demuxer of a cover from its first bytes; None for other files."""
    with path.open("rb") as file:
        head = file.read(12)
    return next((name for magic, name in _IMAGES.items() if head.startswith(magic)), None)
