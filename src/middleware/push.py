"""Events as replies that do not end: server-sent events, and WebSocket messages on the caller's own connection."""

from __future__ import annotations

import base64
import binascii
import json
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

import simple_websocket
from flask import Flask, Response, current_app, request
from werkzeug.http import http_date
from wsproto.utilities import ProtocolError

from src.errors import WebSocketInvalid, WebSocketVersionUnsupported
from src.middleware.auth import SOCKET_PROTOCOLS
from src.middleware.push_loop import BEGINNING, SIGN_OF_LIFE, PushLoop, taken_over, written
from src.services.events.listener import Event, Listener
from src.services.events.slots import Holder, Slots
from src.utils.sending import reply_starts

_NAME = "yt-downloader.push"
_SOCKETS = "yt-downloader.web-sockets"
_SOCKETS_OWNER_PART, _SOCKETS_ADDRESS_PART = 8, 4
_PING_SECONDS = 20.0
_MOST_HEARD_BYTES = 4096


def install(app: Flask, *, most_sockets: int, shared: bool) -> None:
    """Give the app its push loop, and room for so many WebSockets: each holds a thread that answers nobody else.

    ``shared``: one owner has an eighth of the room, one address a quarter.
    """
    app.extensions[_NAME] = PushLoop()
    most = max(most_sockets, 1)
    app.extensions[_SOCKETS] = Slots(
        most,
        per_owner=max(most // _SOCKETS_OWNER_PART, 1) if shared else None,
        per_address=max(most // _SOCKETS_ADDRESS_PART, 1) if shared else None,
    )


def last_event_id() -> str | None:
    """Return what the caller has heard last: ``Last-Event-ID``."""
    found = request.headers.get("Last-Event-ID", "").strip()
    return found[:64] or None


def event_stream(listener: Listener) -> Response:
    """Return what a listener hears as ``text/event-stream``, until the caller has gone or all was told."""
    return _EventStream(listener, current_app.extensions[_NAME])


def web_socket(listener: Listener, holder: Holder) -> Response:
    """Return the events as WebSocket messages ``{"event": "download_progress", ...}`` until either side closes.

    Raises:
        TooManyListeners, TooManyOwnListeners: a quarter of the threads hold WebSockets already, or the holder has its
            share of them.
        WebSocketInvalid, WebSocketVersionUnsupported: the request does not open one.
    """
    try:
        _require_handshake()
        give_back = current_app.extensions[_SOCKETS].take(holder)
    except BaseException:
        listener.close()
        raise
    try:
        try:
            connection = simple_websocket.Server.accept(
                request.environ, SOCKET_PROTOCOLS, ping_interval=_PING_SECONDS, max_message_size=_MOST_HEARD_BYTES
            )
        except (ProtocolError, UnicodeError):  # nothing was answered yet
            raise WebSocketInvalid() from None
        reply_starts(request.environ)
        connection.input_buffer = deque(maxlen=0)  # nobody reads it, so nothing may be kept in it
        try:
            for event in listener.stream():
                if not connection.connected:
                    break
                if event is not None:
                    connection.send(json.dumps(_message(event)))
            connection.close()
        except simple_websocket.ConnectionClosed:
            pass
    finally:
        give_back()
        listener.close()
    return _Taken(connection.mode == "gunicorn")


def _require_handshake() -> None:
    """Refuse what the library would refuse with an exception, before a place is taken (RFC 6455, 4.2.1)."""
    words = [word.strip().lower() for word in request.headers.get("Connection", "").split(",")]
    if request.headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in words:
        raise WebSocketInvalid()
    if request.headers.get("Sec-WebSocket-Version", "") != "13":
        raise WebSocketVersionUnsupported()
    try:
        key = base64.b64decode(request.headers.get("Sec-WebSocket-Key", ""), validate=True)
    except (binascii.Error, ValueError):
        raise WebSocketInvalid() from None
    if len(key) != 16:
        raise WebSocketInvalid()


def _message(event: Event) -> dict[str, Any]:
    return {"event": "download_progress", "type": event.name, "download_id": event.job_id, **event.data}


class _Taken(Response):
    """The reply of a connection that is not gunicorn's any more: nothing is to be written to it."""

    def __init__(self, on_gunicorn: bool) -> None:
        super().__init__(status=200)
        self._on_gunicorn = on_gunicorn

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self._on_gunicorn:
            raise StopIteration()  # how gunicorn is told that the connection is done with
        return super().__call__(environ, start_response)


class _EventStream(Response):
    """Under gunicorn, the push loop writes it; under another server, and for a HEAD, the thread of the request does."""

    def __init__(self, listener: Listener, loop: PushLoop) -> None:
        super().__init__(self._lines(listener), mimetype="text/event-stream")
        self._listener, self._loop = listener, loop
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"
        self.call_on_close(listener.close)

    @staticmethod
    def _lines(listener: Listener) -> Iterator[bytes]:
        yield BEGINNING
        for event in listener.stream():
            yield SIGN_OF_LIFE if event is None else written(event)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        connection = environ.get("gunicorn.socket")
        if type(connection) is not socket.socket or environ["REQUEST_METHOD"] != "GET":
            return super().__call__(environ, start_response)
        chunked = environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        headers = self.get_wsgi_headers(environ)
        headers.extend({"Date": http_date(), "Connection": "close"})
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in headers.to_wsgi_list()), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        try:
            self._loop.take(taken_over(connection), head, self._listener, chunked=chunked)
        except BaseException:
            self._listener.close()  # gunicorn closes only replies that it has got
            raise
        raise StopIteration()
