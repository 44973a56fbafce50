"""Creates the poster of a video, its first frame as JPEG. It decodes, so it only runs in the child process."""

from __future__ import annotations

import io
from typing import Any

import av

_WIDTH = 1280


def poster_size(width: int, height: int) -> tuple[int, int]:
    """Return (width, height) of the poster for frames of this size: at most 1280 wide, and even."""
    small = max(min(width, _WIDTH) // 2 * 2, 2)
    return small, max(round(height * small / width / 2) * 2, 2)


def make_poster(media: Any, stream: Any) -> bytes | None:
    """Create a JPEG, at most 1280 pixels wide, of the first frame of an open file's video stream; None without frames.

    It is the frame that was chosen as the first one, so that the picture of a clip shows where it begins.
    """
    frame: av.VideoFrame | None = None
    for frame in media.decode(stream):
        if frame.time is None or frame.time >= 0:
            break
    return None if frame is None else _jpeg(frame)


def _jpeg(frame: av.VideoFrame) -> bytes:
    width, height = poster_size(frame.width, frame.height)
    scaled = frame.reformat(width=width, height=height, format="yuvj420p")
    scaled.pts = 0
    target = io.BytesIO()
    with av.open(target, "w", format="image2pipe") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for packet in [*stream.encode(scaled), *stream.encode()]:
            output.mux(packet)
    return target.getvalue()
