"""Still pictures of films: one JPEG and one WebP, made once."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from tests.tools.media_kit import FFMPEG, cached_file
from tests.tools.offline_youtube.http import Reply, refused

_OPTIONS = {".jpg": ["-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p"], ".webp": ["-c:v", "libwebp"]}
_KINDS = {".jpg": "image/jpeg", ".webp": "image/webp"}


def picture(path: str) -> Reply:
    """Any still picture of any film; all are the same 480x360 test pattern."""
    suffix = Path(path).suffix
    if suffix not in _OPTIONS:
        return refused(404)
    return Reply(body=_drawn(suffix), content_type=_KINDS[suffix])


@functools.cache
def _drawn(suffix: str) -> bytes:
    options = ["-f", "lavfi", "-i", "testsrc=size=480x360", "-frames:v", "1", *_OPTIONS[suffix]]

    def draw(path: Path) -> None:
        form = ["-f", "image2"] if suffix == ".jpg" else []
        subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *options, *form, str(path)], check=True)

    return cached_file(" ".join(options), suffix, draw).read_bytes()
