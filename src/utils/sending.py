"""Names the keys of the WSGI environment with which the server process and the application share connection state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPLY_STARTS = "yt_downloader.reply_starts"
"""A function without arguments, to call when the reply starts: the client sends no more, so its connection is no longer
counted."""
TOO_SLOW = "yt_downloader.too_slow"
"""A function without arguments: whether the body ended because it came too slowly."""


def reply_starts(environ: Mapping[str, Any]) -> None:
    """Report that the reply starts, for replies that are written directly to the socket."""
    environ.get(REPLY_STARTS, lambda: None)()


def came_too_slowly(environ: Mapping[str, Any]) -> bool:
    """Return whether the server stopped reading the body of this request because it came too slowly."""
    return bool(environ.get(TOO_SLOW, lambda: False)())
