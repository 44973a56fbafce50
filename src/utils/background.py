"""Runs blocking work on daemon threads, with an interruptible wait for the result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")
CHECK_SECONDS = 0.2


def in_background(work: Callable[[], Result], name: str) -> Future[Result]:
    """Start the work on a new daemon thread; the future holds its result or exception."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def result_of(future: Future[Result], check: Callable[[], None]) -> Result:
    """Wait for the result and return it, calling ``check`` at the start and then five times a second.

    An exception from ``check`` is raised at once; the work then continues in the background.
    """
    check()
    while not wait([future], timeout=CHECK_SECONDS).done:
        check()
    return future.result()
