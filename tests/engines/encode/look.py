"""What a player shows of a file: small thumbnails of every frame as displayed, and when they are shown."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.tools.media_kit import FFMPEG

THUMB = 24
Thumbs = NDArray[np.int16]


def thumbnails(path: Path, *, deinterlace: bool = False) -> Thumbs:
    """All frames of the main video, turned as a player turns them, as THUMB x THUMB RGB."""
    chain = f"{'bwdif=mode=send_frame:deint=all,' if deinterlace else ''}scale={THUMB}:{THUMB}:flags=area,format=rgb24"
    command = [FFMPEG, "-v", "quiet", "-nostdin", "-i", f"file:{path}", "-map", "0:V:0", "-vf", chain]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    pixels = subprocess.run(command, capture_output=True, check=False).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, THUMB, THUMB, 3).astype(np.int16)


def difference(one: Thumbs, other: Thumbs) -> float:
    """Mean difference, 0-255, of the two most different frames of equal number."""
    count = min(len(one), len(other))
    with warnings.catch_warnings():
        return float(np.abs(one[:count] - other[:count]).mean(axis=(1, 2, 3)).max())


def frame_times(path: Path) -> list[float]:
    """Presentation times of the decoded frames in seconds, counted from the start of the file (its first stream)."""
    times = []
    with av.open(str(path)) as media:
        stream = next(s for s in media.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
        start = (media.start_time or 0) / 1_000_000
        for packet in media.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            times += [
                float(f.pts * f.time_base) - start for f in frames if f.pts is not None and f.time_base is not None
            ]
    return sorted(times)


def decode_errors(path: Path) -> str:
    """What FFmpeg says while it decodes all of a file; empty for a clean one."""
    command = [FFMPEG, "-v", "error", "-nostdin", "-xerror", "-i", f"file:{path}", "-map", "0:v", "-map", "0:a?"]
    done = subprocess.run(
        [*command, "-fps_mode", "passthrough", "-enc_time_base:v", "1/1000000", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip() + (f" (code {done.returncode})" if done.returncode else "")
