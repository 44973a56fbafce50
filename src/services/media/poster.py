"""Creates the poster of a video, a frame from its start as JPEG. It decodes, so it only runs in the child process."""

from __future__ import annotations

import io
from typing import Any

import av

_WIDTH = 1280
_SECONDS = 0.5  # the first frame of a clip often belongs to a transition


def poster_size(width: int, height: int) -> tuple[int, int]:
    """Return (width, height) of the poster for frames of this size: at most 1280 wide, and even."""
    small = max(min(width, _WIDTH) // 2 * 2, 2)
    return small, max(round(height * small / width / 2) * 2, 2)


def make_poster(media: Any, stream: Any) -> bytes | None:
    """Create a JPEG, at most 1280 pixels wide, from the start of an open file's video stream; None without frames."""
    frame: av.VideoFrame | None = None
    for frame in media.decode(stream):
        if frame.time is None or frame.time >= _SECONDS:
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
