"""Finds the FFmpeg programs of this machine: the configured one, or the one in the wheel and the one on the PATH."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import imageio_ffmpeg

from src.errors import FfmpegMissing

Origin = Literal["configured", "bundled", "installed"]


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """An FFmpeg program, and where it comes from: FFMPEG_PATH, the wheel, or the PATH."""

    path: Path
    origin: Origin


def find_programs(settings_value: str) -> tuple[FoundProgram, ...]:
    """Return the programs that may run as FFmpeg, the preferred one first; ``settings_value`` is
    ``Settings.ffmpeg_path``: a path, a name or empty. A configured program is the only one.

    Raises:
        FfmpegMissing: the configured program does not exist, or none was configured and none was found.
    """
    if settings_value:
        configured = shutil.which(settings_value)
        if configured is None:
            raise FfmpegMissing(f"FFMPEG_PATH is not an executable program: {settings_value}")
        return (FoundProgram(Path(configured).resolve(), "configured"),)
    found = [FoundProgram(program, "bundled") for program in _bundled()[:1]]
    installed = shutil.which("ffmpeg")
    if installed is not None:
        found.append(FoundProgram(Path(installed), "installed"))
    if not found:
        raise FfmpegMissing(
            "FFmpeg was not found: install the package ffmpeg, or 'pip install imageio-ffmpeg', or set FFMPEG_PATH"
        )
    return tuple(found)


def find_ffmpeg(settings_value: str) -> Path:
    """Return the first program of ``find_programs``.

    Raises:
        FfmpegMissing: see there.
    """
    return find_programs(settings_value)[0].path


def _bundled() -> list[Path]:
    """Return the executable programs in the wheel."""
    # Not get_ffmpeg_exe(): that runs the program once in each process to check it.
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    programs = sorted(folder.iterdir()) if folder.is_dir() else []
    return [each for each in programs if each.name.startswith("ffmpeg-") and os.access(each, os.X_OK)]
