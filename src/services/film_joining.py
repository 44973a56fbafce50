"""Joins films that differ in their pictures or their sound by encoding them anew, one behind the other."""

from __future__ import annotations

from pathlib import Path

from src.errors import ClipIncomplete
from src.models.progress import Monitor
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media_probe import inspect_output, probe

# FFmpeg's options for what cannot be copied, by the container: quick, and close enough that no eye tells.
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


def join_films(paths: list[Path], output: Path, frames: int, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    """One film of all, in the size of the largest, with silence where one has no sound. ``frames`` is how many it has.

    Raises:
        ClipIncomplete: it has not. EncodeFailed, DiskFull, and what ``monitor`` raises.
    """
    media = [probe(path) for path in paths]
    pictures = [facts.main_video for facts in media]
    width = max(picture.width for picture in pictures if picture is not None)
    height = max(picture.height for picture in pictures if picture is not None)
    with_sound = any(facts.audio for facts in media)
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
                f"[{number}:a:0]aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo[a{number}]"
            )
        else:
            seconds = float(facts.duration_seconds or 0)
            filters.append(f"anullsrc=r=48000:cl=stereo:d={seconds:.3f}[a{number}]")
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
    made = inspect_output(output).video
    if made is None or made.units != frames:
        raise ClipIncomplete(f"The clip has {made.units if made else 0} frames instead of {frames}")
