"""Answers chat bots in a form that they can show: always 200, one line of text, and in time.

A bot prints the reply into a chat and waits a few seconds at most. For any status but 200, most bots print only a
number or an error message. So every reply to a bot, errors included, is a sentence that comes in time even while a
store does not respond.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any

from flask import Flask, Response, copy_current_request_context, request

from src.middleware.bots import hints
from src.utils.chat_text import one_line
from src.utils.logs import context_id

log = logging.getLogger(__name__)

REPLY_SECONDS = 1.6
TOO_SLOW = "The clip service is slow right now; your clip may be saved all the same."
FETCH_IT = "A clip is saved when this address is fetched with GET."
_AT_ONCE = 16
_IN_TURN = 3  # a command waits for its stores most of its time, so three keep a processor busy
_TURN_SECONDS = 0.5
_ARRIVED = "yt-downloader.chat_arrived"
_workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chat")
_turns = threading.BoundedSemaphore(_IN_TURN)


def speaks_to_bots(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view whose errors and delays are sent to bots as sentences; see ``install``."""
    view.speaks_to_bots = True  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    """Wrap all marked views; call this after everything else that wraps views."""
    for name, view in list(app.view_functions.items()):
        if getattr(view, "speaks_to_bots", False):
            app.view_functions[name] = _answered(view)


def waited_seconds() -> float:
    """Return the age of the current request; what the viewer saw in the stream happened before that."""
    return time.monotonic() - float(request.environ[_ARRIVED])


def _answered(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def answered(**path: Any) -> Any:
        request.environ[_ARRIVED] = time.monotonic()
        if request.method == "HEAD":  # a client that checks the address first must not save two clips
            return text(FETCH_IT)
        if not hints().bot:
            return view(**path)
        return in_time(functools.partial(view, **path), REPLY_SECONDS)

    return answered


def in_time(view: Callable[[], Response], seconds: float) -> Response:
    """Return the reply of a view, or a sentence when it takes longer.

    The view continues in the background, so that a requested clip is saved in any case. ``middleware/errors.py`` turns
    its errors into sentences too.
    """
    reply: Future[Response] = _workers.submit(_logged_as, context_id.get(), copy_current_request_context(view))
    try:
        return reply.result(seconds)
    except TooLate:
        log.warning("a chat was answered before its clip was saved")
        return text(TOO_SLOW)


def _logged_as(request_id: str, view: Callable[[], Response]) -> Response:
    context_id.set(request_id)  # log lines of this thread belong to the request
    # Commands that come at once share the processors, and would all be answered as late as the last one. In turn, half
    # of them are answered in half of the time. While a store hangs, the turn comes all the same.
    in_turn = _turns.acquire(timeout=_TURN_SECONDS)
    try:
        return view()
    finally:
        if in_turn:
            _turns.release()


def text(sentence: str, links: Collection[str] = ()) -> Response:
    """Return a sentence in the form that every bot can show; ``links`` in it remain."""
    line = one_line(sentence, most=hints().most, links=links)
    response = Response(line, status=200, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
