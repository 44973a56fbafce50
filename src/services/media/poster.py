"""The poster of a film: one picture from its beginning, as JPEG. Decodes: for the child process of the probe."""

from __future__ import annotations

import io
from typing import Any

import av

_WIDTH = 1280
_SECONDS = 0.5  # the first picture of a clip is often in the midst of a cut


def poster_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the poster of a picture of this size: at most 1280 wide, and even."""
    small = max(min(width, _WIDTH) // 2 * 2, 2)
    return small, max(round(height * small / width / 2) * 2, 2)


def make_poster(media: Any, stream: Any) -> bytes | None:
    """A picture from the beginning of a video stream of an opened file, at most 1280 pixels wide; None when it shows
    none."""
    frame: av.VideoFrame | None = None
    for frame in media.decode(stream):
        if frame.time is None or frame.time >= _SECONDS:
            break
    return None if frame is None else _jpeg(frame)


def _jpeg(frame: av.VideoFrame) -> bytes:
    width, height = poster_size(frame.width, frame.height)
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts = 0
    target = io.BytesIO()
    with av.open(target, "w", format="image2pipe") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for packet in [*stream.encode(picture), *stream.encode()]:
            output.mux(packet)
    return target.getvalue()
