"""Names the keys of a WSGI environment with which the API's process and the application speak about a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANSWER_BEGINS = "yt_downloader.answer_begins"
"""A function without arguments: the answer begins, so the client sends no more and its connection is not counted."""
TOO_SLOW = "yt_downloader.too_slow"
"""A function without arguments: whether the body ended because it came too slowly."""


def answer_begins(environ: Mapping[str, Any]) -> None:
    """Tell the process so; for answers that are written past WSGI."""
    environ.get(ANSWER_BEGINS, lambda: None)()


def came_too_slowly(environ: Mapping[str, Any]) -> bool:
    """Return whether the process gave the body of this request up because it came too slowly."""
    return bool(environ.get(TOO_SLOW, lambda: False)())
