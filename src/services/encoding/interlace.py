"""Detects with FFmpeg's ``idet`` whether a video that is marked as interlaced really is."""

from __future__ import annotations

import re
from pathlib import Path

import ffmpeg

from src.models.encode_plan import Scan
from src.models.media import VideoStream
from src.models.progress import Monitor
from src.services.encoding.arguments import file_url, input_options
from src.services.ffmpeg_utils_service import FFmpeg

EXAMINED_FRAMES = 200
_COUNTS = re.compile(r"Multi frame detection:\s*TFF:\s*(\d+)\s*BFF:\s*(\d+)\s*Progressive:\s*(\d+)")
_FIELD_ORDERS = frozenset({"tt", "bb", "tb", "bt"})


def claims_interlaced(video: VideoStream) -> bool:
    """Whether the container or the first frames are marked as interlaced."""
    return video.interlaced or video.field_order in _FIELD_ORDERS


def detect(program: FFmpeg, source: Path, demuxer: str, video: VideoStream, monitor: Monitor) -> Scan:
    """Detect the scan of the first frames; progressive if it is unclear."""
    if not claims_interlaced(video):
        return "progressive"
    frames = ffmpeg.input(file_url(source), **input_options(demuxer))[str(video.index)].filter("idet")
    command = ffmpeg.output(frames, "-", f="null", **{"frames:v": EXAMINED_FRAMES})
    result = program.run(ffmpeg.get_args(command), monitor=monitor, log_level="info")
    return read_counts("\n".join(result.log))


def read_counts(log: str) -> Scan:
    """Read the scan from idet's last lines, which FFmpeg prints each time it builds the filters."""
    counts = [[int(count) for count in found] for found in _COUNTS.findall(log)]
    top, bottom, progressive = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    if top + bottom <= progressive:
        return "progressive"
    return "tff" if top >= bottom else "bff"
