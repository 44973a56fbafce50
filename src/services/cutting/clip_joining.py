"""Joins clips of one source in order: the video is copied, the audio encoded once over all of them.

The audio of each clip starts with its encoder's priming and ends with half a packet of padding. Copied, these would
shift the video after them and be audible; so the audio is trimmed to the length of the video before it is encoded.
"""

from __future__ import annotations

from pathlib import Path

from src.models.media import StreamTimeline, Timeline
from src.models.progress import Monitor
from src.services.cutting.video_joining import join_videos
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import check_output

_SOUND = {".mp4": ("-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"), ".webm": ("-c:a", "libopus")}
_SILENCE = "anullsrc=r=48000:cl=stereo"
# Room for the rounding of time bases, in parts of a frame.
_EVEN = 0.1


def join_clips(clips: list[Path], output: Path, ffmpeg: FFmpeg, monitor: Monitor) -> None:
    """Join all clips into one video. Clips whose video formats differ are encoded.

    Raises:
        ClipIncomplete: it does not hold all frames. EncodeFailed, DiskFull, and what ``monitor`` raises.
    """
    parts = [check_output(clip) for clip in clips]
    videos = [part.video for part in parts if part.video is not None]
    frames = sum(axis.units for axis in videos)
    program = ffmpeg.confined(reads=[], writes=[output.parent])
    _copy(clips, videos, output, program, monitor, with_sound=[bool(part.audio) for part in parts])
    if not _is_even(check_output(output), videos, frames):
        join_videos(clips, output, frames, ffmpeg, monitor)


def _copy(
    clips: list[Path],
    videos: list[StreamTimeline],
    output: Path,
    program: FFmpeg,
    monitor: Monitor,
    *,
    with_sound: list[bool],
) -> None:
    """Copy the video of all clips. Without audio each starts with its first frame, and the list gives its length."""
    silent = [clip.with_name(f"silent-{clip.name}") for clip in clips]
    inputs = [word for clip in clips for word in ("-i", str(clip))]
    outputs = [
        word
        for number, path in enumerate(silent)
        for word in ("-map", f"{number}:v:0", "-c", "copy", "-map_metadata", "-1", str(path))
    ]
    program.run([*inputs, *outputs], monitor=monitor)
    lengths = _lengths(videos)
    names = output.with_name("clips.txt")
    names.write_text(
        "".join(f"file '{path.name}'\nduration {seconds:.6f}\n" for path, seconds in zip(silent, lengths, strict=True))
    )
    joined = ["-f", "concat", "-safe", "1", "-i", str(names)]
    sound: list[str] = []
    if any(with_sound):
        cut = ""
        for number, (seconds, has_audio) in enumerate(zip(lengths, with_sound, strict=True), start=1):
            source = f"[{number}:a:0]aresample=async=1:first_pts=0,apad" if has_audio else _SILENCE
            cut += f"{source},atrim=end={seconds:.6f}[a{number}];"
        pads = "".join(f"[a{number}]" for number in range(1, len(clips) + 1))
        graph = f"{cut}{pads}concat=n={len(clips)}:v=0:a=1[a]"
        sound = ["-filter_complex", graph, "-map", "[a]", *_SOUND[output.suffix]]
    program.run([*joined, *inputs, "-map", "0:v:0", *sound, "-c:v", "copy", str(output)], monitor=monitor)
    for path in silent:
        path.unlink()


def _is_even(result: Timeline, videos: list[StreamTimeline], frames: int) -> bool:
    """Return whether the result plays, has all frames, starts with one, and has no gap that its clips did not have."""
    axis = result.video
    if axis is None or result.errors or axis.units != frames:
        return False
    largest = max(each.largest_gap_seconds for each in videos) or max(_lengths(videos))
    room = _EVEN * largest + 0.001  # WebM counts milliseconds
    return (axis.first_seconds or 0.0) <= room and axis.largest_gap_seconds <= largest + room


def _lengths(videos: list[StreamTimeline]) -> list[float]:
    """Return the length of each clip in seconds. WebM does not state how long its last frame is shown."""
    frame = min((gap for axis in videos if (gap := axis.smallest_gap_seconds) > 0), default=0.0)
    return [
        max((axis.end_seconds or 0.0), (axis.last_seconds or 0.0) + frame) - (axis.first_seconds or 0.0)
        for axis in videos
    ]
