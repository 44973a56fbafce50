"""Finds the FFmpeg program: the configured one, the one on the PATH, or the one in the wheel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import imageio_ffmpeg

from src.errors import FfmpegMissing


def find_ffmpeg(settings_value: str) -> Path:
    """Return the program to run as FFmpeg; ``settings_value`` is ``Settings.ffmpeg_path``: a path, a name or empty.

    Raises:
        FfmpegMissing: the configured program does not exist, or none was configured and none was found.
    """
    if settings_value:
        configured = shutil.which(settings_value)
        if configured is None:
            raise FfmpegMissing(f"FFMPEG_PATH is not an executable program: {settings_value}")
        return Path(configured).resolve()
    installed = shutil.which("ffmpeg")
    if installed is not None:
        return Path(installed)
    # Not get_ffmpeg_exe(): that runs the program once in each process to check it.
    bundled = (Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*")
    for program in sorted(bundled):
        if os.access(program, os.X_OK):
            return program
    raise FfmpegMissing(
        "FFmpeg was not found: install the package ffmpeg, or 'pip install imageio-ffmpeg', or set FFMPEG_PATH"
    )
