"""Events as replies that do not end: server-sent events, and WebSocket messages on the caller's own connection.

Each holds one thread of a gunicorn process, which waits and costs nothing else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import simple_websocket
from flask import Response, request

from src.services.job_events import Event

log = logging.getLogger(__name__)

_PING_SECONDS = 20.0


def last_event_id() -> str | None:
    """What the caller has heard last: ``Last-Event-ID``."""
    found = request.headers.get("Last-Event-ID", "").strip()
    return found[:64] or None


def event_stream(events: Iterable[Event | None], leave: Callable[[], None]) -> Response:
    """Events as ``text/event-stream``; ``leave`` is called when the caller has gone or all was told."""

    def lines() -> Iterator[str]:
        yield "retry: 3000\n\n"
        for event in events:
            if event is None:
                yield ": still here\n\n"
            else:
                yield f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.data)}\n\n"

    response = Response(lines(), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(leave)
    return response


def web_socket(events: Iterable[Event | None], leave: Callable[[], None]) -> Response:
    """The events as WebSocket messages ``{"event": "download_progress", ...}`` until either side closes."""
    try:
        socket = simple_websocket.Server.accept(request.environ, ping_interval=_PING_SECONDS)
        try:
            for event in events:
                if not socket.connected:
                    break
                if event is not None:
                    socket.send(json.dumps(_message(event)))
            socket.close()
        except simple_websocket.ConnectionClosed:
            pass
    finally:
        leave()
    return _Taken(socket.mode == "gunicorn")


def _message(event: Event) -> dict[str, Any]:
    return {"event": "download_progress", "type": event.name, "download_id": event.data["job_id"], **event.data}


class _Taken(Response):
    """The reply of a connection that is not HTTP any more: nothing is to be written to it."""

    def __init__(self, on_gunicorn: bool) -> None:
        super().__init__(status=200)
        self._on_gunicorn = on_gunicorn

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self._on_gunicorn:
            raise StopIteration()  # how gunicorn is told that the connection is done with
        return super().__call__(environ, start_response)
