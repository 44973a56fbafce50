"""The list of the videos, and FFmpeg writing one: 720p H.264 of high quality with AAC audio, as uploads are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.videos import animation, camera, motion, screen
from benchmarks.videos.drawing import HEIGHT, WIDTH, Frame
from tests.tools.media_kit import FFMPEG, cached_file

VERSION = 1
"""To be raised when a recipe draws something else."""

_AUDIO = "aevalsrc=0.2*sin(330*2*PI*t)*(1+sin(3*t))|0.1*sin(440*2*PI*t)+0.02*(random(0)-0.5):s=48000"
# Quality far above that of the encodes which are compared, at the rates of cameras and screen recorders.
_WRITTEN_AS = "-c:v libx264 -preset veryfast -crf 14 -g 250 -threads 2 -c:a aac -b:a 128k -movflags +faststart"


@dataclass(frozen=True)
class Video:
    """A recipe: its name, its kind, how long and how fast it is, and what draws its frames."""

    name: str
    kind: str
    seconds: int
    fps: int
    draw: Callable[[int, int], Iterator[Frame]]


VIDEOS: tuple[Video, ...] = (
    Video("day", "grain", 18, 24, camera.day),
    Video("night", "grain", 5, 25, camera.night),
    Video("editor", "screen", 60, 30, screen.editor),
    Video("slides", "screen", 5, 30, screen.slides),
    Video("cartoon", "animation", 60, 24, animation.cartoon),
    Video("rendered", "animation", 5, 30, animation.rendered),
    Video("sport", "fast motion", 5, 50, motion.sport),
    Video("road", "fast motion", 18, 30, motion.road),
)


def made(video: Video, seconds: int | None = None) -> Path:
    """The file of a video (or of its first ``seconds``), made now if it never was."""
    length = seconds or video.seconds
    recipe = f"encode video {VERSION} {video.name} {length} {video.fps} {WIDTH}x{HEIGHT} {_WRITTEN_AS} {_AUDIO}"
    return cached_file(recipe, ".mp4", lambda path: _write(path, video, length))


def _write(path: Path, video: Video, seconds: int) -> None:
    command = [FFMPEG, "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}"]
    command += ["-framerate", str(video.fps), "-i", "pipe:0", "-f", "lavfi", "-t", str(seconds), "-i", _AUDIO]
    tags = "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv -fflags +bitexact"
    command += [*_WRITTEN_AS.split(), *tags.split(), "-y", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        count = 0
        for frame in video.draw(video.fps, video.seconds):
            if count == seconds * video.fps:
                break
            process.stdin.write(frame.data())
            count += 1
        process.stdin.close()
    if process.returncode or count != seconds * video.fps:
        raise SystemExit(f"the video {video.name} was not made")
