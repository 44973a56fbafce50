"""Blocking work on threads of its own, and waiting for it in a way that can be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")
CHECK_SECONDS = 0.2


def in_background(work: Callable[[], Result], name: str) -> Future[Result]:
    """Start the work on a daemon thread of its own; the future holds its result or what it raised."""
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
    """Return the result, waited for while ``check`` is called: once at the beginning, then five times a second.

    What ``check`` raises is raised here at once; the work is then left to end by itself.
    """
    check()
    while not wait([future], timeout=CHECK_SECONDS).done:
        check()
    return future.result()
