"""A recipe for a film, and FFmpeg making it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import numpy as np

from tests.tools.media_kit import pattern, sound

FFMPEG: str = imageio_ffmpeg.get_ffmpeg_exe()
"""The program that makes and reads films for the tests."""
TESTED_FFMPEG = Path(os.environ.get("TEST_FFMPEG") or FFMPEG)
"""The program under test: the bundled one, or another that TEST_FFMPEG names."""

VideoCodec = Literal["h264", "hevc", "vp9", "av1"]
AudioCodec = Literal["aac", "opus", "mp3", "vorbis", "flac", "pcm_s16le"]
Fragmented = Literal["dash", "sidx_each", "plain"]

AUDIO_ENCODERS: dict[AudioCodec, str] = {
    "aac": "aac",
    "opus": "libopus",
    "mp3": "libmp3lame",
    "vorbis": "libvorbis",
    "flac": "flac",
    "pcm_s16le": "pcm_s16le",
}
FRAGMENT_FLAGS: dict[Fragmented, str] = {
    "dash": "+frag_keyframe+dash+delay_moov+default_base_moof+global_sidx",
    "sidx_each": "+frag_keyframe+dash+delay_moov+default_base_moof",
    "plain": "+frag_keyframe+delay_moov+default_base_moof",
}
AUDIO_FRAGMENT_MICROSECONDS = 5_000_000
# Frames that a film of variable rate leaves out: 5 of 30, irregularly, never the first.
VFR_FILTER = "select='not(eq(mod(n,10),3)+eq(mod(n,15),7))'"


class FilmNotMade(Exception):
    """FFmpeg refused the recipe; the message is what it said."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a film is like. The container follows from the suffix of the file that it is written to.

    The frame that is shown at time ``t`` has the number ``first_frame_number + t * fps``, and the chirp of second
    ``k`` sounds at frame ``k * fps``; both hold with ``vfr`` too, where frames are missing and the others keep number
    and time.
    """

    codec: VideoCodec | None = "h264"
    size: tuple[int, int] = (640, 360)
    fps: Fraction = Fraction(25)
    seconds: Fraction = Fraction(20)
    gop_frames: int = 50
    bframes: int = 0
    """B-frames in a row. For vp9 any number above 0 means hidden alternate reference frames; for av1, reordering."""
    open_gop: bool = False
    vfr: bool = False
    pixel_format: str = "yuv420p"
    crf: int | None = None
    """Quality; None is a coarse one of the codec's own scale, at which the numbers are still read without fault."""
    video_bitrate: str | None = None
    """For example "2M". Flat blocks stay far below any rate: add ``noise`` for a film of a realistic size."""
    noise: int = 0
    """Strength of moving noise, 0 to 40."""
    audio: AudioCodec | None = "aac"
    audio_rate: int = 48000
    audio_channels: int = 2
    audio_bitrate: str = "64k"
    first_frame_number: int = 0
    """Where in the endless film this one begins: moves the numbers and the sound, not the timestamps."""
    start_seconds: Fraction = Fraction(0)
    """Presentation time of the first frame."""
    fragmented: Fragmented | None = None
    """MP4 only: dash = one sidx before all fragments, sidx_each = one before each, plain = none. None: one moov."""
    faststart: bool = False
    """MP4 not fragmented: moov before mdat."""
    cues_first: bool = True
    """WebM and Matroska: Cues before the clusters, otherwise behind them."""
    extra: tuple[str, ...] = ()
    """More FFmpeg output options, after all others."""

    @property
    def frame_count(self) -> int:
        """Frames on the constant raster (with ``vfr`` some of them are left out)."""
        return int(self.seconds * self.fps)

    def number_at(self, seconds: Fraction) -> int:
        """Number of the first frame whose presentation time is at or behind ``seconds`` of a constant-rate film."""
        return self.first_frame_number - int(-(seconds - self.start_seconds) * self.fps // 1)


def arguments(film: Film, suffix: str, pictures: str, sounds: str) -> list[str]:
    """FFmpeg's arguments between the program's and the output's name."""
    inputs: list[str] = []
    outputs: list[str] = []
    if film.codec is not None:
        inputs += ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{pattern.COLUMNS}x{pattern.ROWS}"]
        inputs += ["-framerate", str(film.fps), "-i", pictures]
        outputs += ["-vf", _filters(film), "-fps_mode", "passthrough" if film.vfr else "cfr"]
        outputs += ["-pix_fmt", film.pixel_format, "-g", str(film.gop_frames), *_video_options(film)]
    if film.audio is not None:
        inputs += ["-i", sounds]
        outputs += ["-c:a", AUDIO_ENCODERS[film.audio], "-ac", str(film.audio_channels)]
        if film.audio not in ("flac", "pcm_s16le"):
            outputs += ["-b:a", film.audio_bitrate]
    if film.start_seconds:
        outputs += ["-output_ts_offset", str(float(film.start_seconds))]
    outputs += _container_options(film, suffix)
    return [*inputs, *outputs, "-map_metadata", "-1", "-fflags", "+bitexact", "-shortest", *film.extra]


def make_film(path: Path, film: Film) -> Path:
    """Write ``film`` to ``path`` (container by its suffix).

    Raises:
        FilmNotMade: FFmpeg failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        pictures, sounds = Path(folder) / "pictures.gray", Path(folder) / "sound.wav"
        if film.codec is not None:
            numbers = range(film.first_frame_number, film.first_frame_number + film.frame_count)
            pictures.write_bytes(b"".join(pattern.blocks(number).tobytes() for number in numbers))
        if film.audio is not None:
            _write_wave(sounds, film)
        options = arguments(film, path.suffix, str(pictures), str(sounds))
        command = [FFMPEG, "-hide_banner", "-v", "error", "-nostdin", "-y", *options, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SVT_LOG": "1"})
    if done.returncode:
        raise FilmNotMade(done.stderr.strip())
    return path


def _write_wave(path: Path, film: Film) -> None:
    start = Fraction(film.first_frame_number) / film.fps
    mono = sound.render(float(start), float(film.seconds), film.audio_rate)
    samples = np.repeat(np.round(mono * 32000).astype("<i2"), film.audio_channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(film.audio_channels)
        file.setsampwidth(2)
        file.setframerate(film.audio_rate)
        file.writeframes(samples.tobytes())


def _filters(film: Film) -> str:
    width, height = film.size
    steps = [f"scale={width}:{height}:flags=neighbor:out_range={'pc' if 'yuvj' in film.pixel_format else 'tv'}"]
    steps += [f"format={film.pixel_format}"]
    if film.noise:
        steps += [f"noise=c0s={film.noise}:c0f=t:all_seed=7"]
    if film.vfr:
        steps += [VFR_FILTER]
    return ",".join(steps)


def _video_options(film: Film) -> list[str]:
    gop, reorder = film.gop_frames, film.bframes > 0
    rate = ["-b:v", film.video_bitrate] if film.video_bitrate else None
    match film.codec:
        case "h264":
            params = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={int(film.open_gop)}"
            options = ["-c:v", "libx264", "-preset", "superfast", "-bf", str(film.bframes), "-x264-params", params]
            return options + (rate or ["-crf", str(film.crf or 32)])
        case "hevc":
            params = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={int(film.open_gop)}"
            params += f":bframes={film.bframes}:log-level=error"
            options = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", params]
            return options + (rate or ["-crf", str(film.crf or 34)])
        case "vp9":
            speed = ["-deadline", "good", "-cpu-used", "5", "-auto-alt-ref", "1", "-lag-in-frames", "16"]
            if not reorder:
                speed = ["-deadline", "realtime", "-cpu-used", "8"]
            options = ["-c:v", "libvpx-vp9", *speed, "-row-mt", "1", "-keyint_min", str(gop)]
            return options + (rate or ["-b:v", "0", "-crf", str(film.crf or 45)])
        case "av1":
            params = f"scd=0:pred-struct={2 if reorder else 1}:irefresh-type={1 if film.open_gop else 2}"
            # Presets above 10 write streams of small pictures that dav1d refuses (SVT-AV1 of FFmpeg 9.0).
            options = ["-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", params]
            return options + (rate or ["-crf", str(film.crf or 25)])
        case None:
            return []


def _container_options(film: Film, suffix: str) -> list[str]:
    if suffix in (".mp4", ".m4a", ".mov", ".m4v", ".m4s"):
        if film.fragmented:
            only_sound = film.codec is None
            duration = ["-frag_duration", str(AUDIO_FRAGMENT_MICROSECONDS)] if only_sound else []
            return ["-f", "mp4", "-movflags", FRAGMENT_FLAGS[film.fragmented], *duration]
        return ["-movflags", "+faststart"] if film.faststart else []
    if suffix in (".webm", ".mkv", ".mka"):
        return ["-cluster_time_limit", "5000", *(["-cues_to_front", "1"] if film.cues_first else [])]
    return []
