"""Waiting for what comes about by itself: long enough for a slow machine, and no longer than needed on a fast one."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as ``holds`` does; the test fails when it does not within so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.03)
