"""Joins videos with different video or audio formats, one after the other, by encoding them."""

from __future__ import annotations

from pathlib import Path

from src.errors import ClipIncomplete
from src.models.media import AudioStream
from src.models.outcome import Note, NoteCode
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import inspect_output, probe

# FFmpeg's options for what cannot be copied, by the container: fast, and visually equal.
QUICK_ENCODERS = {
    ".mp4": (
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-c:a", "aac", "-b:a", "192k"),
        *("-movflags", "+faststart"),
    ),
    ".webm": (
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-b:v", "0", "-crf", "20"),
        *("-c:a", "libopus", "-b:a", "160k"),
    ),
}

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_AAC_RATES = {96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000}


def join_videos(paths: list[Path], output: Path, frames: int, ffmpeg: FFmpeg, monitor: Monitor) -> list[Note]:
    """Join all into one video of the largest size, with silence where one has no audio. It must have ``frames`` frames.

    The audio has the channels and the sample rate of the first video that has any. Returns what was converted.

    Raises:
        ClipIncomplete: it has another number of frames. EncodeFailed, DiskFull, and what ``monitor`` raises.
    """
    media = [probe(path) for path in paths]
    videos = [facts.main_video for facts in media]
    width = max(video.width for video in videos if video is not None)
    height = max(video.height for video in videos if video is not None)
    tracks = [facts.audio[0] for facts in media if facts.audio]
    with_sound = bool(tracks)
    layout, rate = _audio_format(tracks, output.suffix)
    inputs: list[str] = []
    filters: list[str] = []
    pads = ""
    for number, (path, facts) in enumerate(zip(paths, media, strict=True)):
        inputs += ["-i", str(path)]
        filters.append(
            f"[{number}:v:0]scale={width}:{height}:force_original_aspect_ratio=decrease,"
            f"pad={width}:{height}:-1:-1,setsar=1,format=yuv420p[v{number}]"
        )
        pads += f"[v{number}]"
        if not with_sound:
            continue
        if facts.audio:
            filters.append(
                f"[{number}:a:0]aresample={rate}:async=1:first_pts=0,"
                f"aformat=sample_rates={rate}:channel_layouts={layout},apad,atrim=end={_length(path):.6f}[a{number}]"
            )
        else:
            filters.append(f"anullsrc=r={rate}:cl={layout}:d={_length(path):.6f}[a{number}]")
        pads += f"[a{number}]"
    filters.append(f"{pads}concat=n={len(paths)}:v=1:a={int(with_sound)}[v]{'[a]' if with_sound else ''}")
    maps = ["-map", "[v]", *(["-map", "[a]"] if with_sound else [])]
    ffmpeg.confined(reads=paths, writes=[output.parent]).run(
        [
            *(*inputs, "-filter_complex", ";".join(filters), *maps, "-fps_mode", "passthrough"),
            *("-enc_time_base:v", "1:90000", "-map_metadata", "-1", *QUICK_ENCODERS[output.suffix], str(output)),
        ],
        monitor=monitor,
        frames=frames,
    )
    result = inspect_output(output).video
    if result is None or result.units != frames:
        raise ClipIncomplete(f"The clip has {result.units if result else 0} frames instead of {frames}")
    if len({(track.channels, track.sample_rate) for track in tracks}) < 2:
        return []
    text = f"The audio changes within the clip: all of it was converted to {layout}, {rate} Hz, as it begins"
    return [Note(NoteCode.SOUND_CONVERTED, text)]


def _length(path: Path) -> float:
    """Return the seconds from the first frame to the end of the last: longer audio would delay the frames after it."""
    video = inspect_output(path).video
    return 0.0 if video is None else (video.end_seconds or 0.0) - (video.first_seconds or 0.0)


def _audio_format(tracks: list[AudioStream], suffix: str) -> tuple[str, int]:
    """Return (channel layout, sample rate) of the joined audio: those of the first track, where an encoder has them."""
    if not tracks:
        return "stereo", 48000
    layout = _LAYOUTS.get(tracks[0].channels, "stereo")
    # Opus has one rate for everything that matters (RFC 6716, 2); AAC has those of ISO/IEC 14496-3, 1.6.3.4.
    return layout, tracks[0].sample_rate if suffix == ".mp4" and tracks[0].sample_rate in _AAC_RATES else 48000
