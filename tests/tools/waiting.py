"""Waiting for what comes about by itself: long enough for a slow machine, and no longer than needed on a fast one.

The only clock of the tests. A test proves what happened and in which order, not how long it took.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

# On a busy machine what takes a moment may take seconds; longer than this, it hangs.
HANG_SECONDS = 60.0
_LOOK_SECONDS = 0.03

Found = TypeVar("Found")


def eventually(holds: Callable[[], Found | None], seconds: float = HANG_SECONDS) -> Found:
    """Return what ``holds`` returns as soon as that is true; the test fails when it is not within so many seconds."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(_LOOK_SECONDS)
    return found


@contextlib.contextmanager
def within(seconds: float = HANG_SECONDS) -> Iterator[None]:
    """Fail when the block takes longer: a guard against waiting for what never comes, not a measurement.

    What the block must not wait for has to take much longer than ``seconds``, or no end at all.
    """
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds, "it waited for what it should not wait for"
