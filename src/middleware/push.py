"""Sends events in replies that do not end: server-sent events, and WebSocket messages."""

from __future__ import annotations

import base64
import binascii
import json
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import simple_websocket
from flask import Flask, Response, current_app, request
from werkzeug.http import http_date
from wsproto.utilities import ProtocolError

from src.errors import WebSocketInvalid, WebSocketVersionUnsupported
from src.middleware.auth import SOCKET_PROTOCOLS
from src.middleware.push_loop import HEARTBEAT, START, PushLoop, formatted, taken_over
from src.services.events.listener import Event, Listener
from src.services.events.slots import Holder, Slots
from src.utils.sending import reply_starts

_NAME = "yt-downloader.push"
_SOCKETS = "yt-downloader.web-sockets"
_SEND_SECONDS = "yt-downloader.send-seconds"
_SOCKETS_OWNER_PART, _SOCKETS_ADDRESS_PART = 8, 4
_PING_SECONDS = 20.0
_MOST_RECEIVED_BYTES = 4096


def install(app: Flask, *, most_sockets: int, shared: bool, send_seconds: float = 30.0) -> None:
    """Give the app its push loop and its limit of WebSockets, each of which occupies a thread.

    ``shared``: one owner gets at most an eighth of them, one address a quarter.
    ``send_seconds``: a WebSocket whose client takes nothing for this long is closed.
    """
    app.extensions[_SEND_SECONDS] = send_seconds
    app.extensions[_NAME] = PushLoop()
    most = max(most_sockets, 1)
    slots = Slots(most)
    if shared:
        slots = Slots(
            most,
            per_owner=max(most // _SOCKETS_OWNER_PART, 1),
            per_address=max(most // _SOCKETS_ADDRESS_PART, 1),
        )
    app.extensions[_SOCKETS] = slots


def last_event_id() -> str | None:
    """Return the last event that the client received: ``Last-Event-ID``."""
    found = request.headers.get("Last-Event-ID", "").strip()
    return found[:64] or None


def event_stream(listener: Listener) -> Response:
    """Return the listener's events as ``text/event-stream`` until the client closes or all events are sent."""
    return _EventStream(listener, current_app.extensions[_NAME])


def web_socket(listener: Listener, holder: Holder) -> Response:
    """Return the events as WebSocket messages ``{"event": "download_progress", ...}`` until either side closes.

    Raises:
        TooManyListeners, TooManyOwnListeners: a quarter of the threads serve WebSockets already, or the holder has
            reached its share of them.
        WebSocketInvalid, WebSocketVersionUnsupported: the request is not a WebSocket handshake.
    """
    try:
        _require_handshake()
        release = current_app.extensions[_SOCKETS].take(holder)
    except BaseException:
        listener.close()
        raise
    try:
        try:
            connection = simple_websocket.Server.accept(
                request.environ, SOCKET_PROTOCOLS, ping_interval=_PING_SECONDS, max_message_size=_MOST_RECEIVED_BYTES
            )
        except (ProtocolError, UnicodeError):  # no reply was sent yet
            raise WebSocketInvalid() from None
        reply_starts(request.environ)
        _limit_sends(connection.sock, current_app.extensions[_SEND_SECONDS])
        connection.input_buffer = deque(maxlen=0)  # messages are never read, so they must not accumulate
        try:
            for event in listener.stream():
                if not connection.connected:
                    break
                if event is not None:
                    connection.send(json.dumps(_message(event)))
            connection.close()
        except simple_websocket.ConnectionClosed:
            pass
        except OSError:  # the client is gone or does not read; perhaps it has half a message, so nothing can follow
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)  # ends the library's thread, which reads
    finally:
        release()
        listener.close()
    return _Taken(connection.mode == "gunicorn")


def _limit_sends(connection: socket.socket, seconds: float) -> None:
    """Let a send fail that cannot write anything for so long. A timeout of Python would also hold for the thread that
    reads, and clients seldom send."""
    whole = int(seconds)
    limit = struct.pack("@ll", whole, int((seconds - whole) * 1_000_000))  # a timeval: man 7 socket
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _require_handshake() -> None:
    """Refuse what the library would refuse with an exception, before a slot is taken (RFC 6455, 4.2.1)."""
    options = [option.strip().lower() for option in request.headers.get("Connection", "").split(",")]
    if request.headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in options:
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
    """The reply for a connection that gunicorn no longer owns: nothing more is written to it."""

    def __init__(self, on_gunicorn: bool) -> None:
        super().__init__(status=200)
        self._on_gunicorn = on_gunicorn

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self._on_gunicorn:
            raise StopIteration()  # gunicorn's signal that the connection is finished
        return super().__call__(environ, start_response)


class _EventStream(Response):
    """A stream that the push loop writes under gunicorn; for HEAD and other servers, the request's thread does."""

    def __init__(self, listener: Listener, loop: PushLoop) -> None:
        super().__init__(self._lines(listener), mimetype="text/event-stream")
        self._listener, self._loop = listener, loop
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"
        self.call_on_close(listener.close)

    @staticmethod
    def _lines(listener: Listener) -> Iterator[bytes]:
        yield START
        for event in listener.stream():
            yield HEARTBEAT if event is None else formatted(event)

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
            self._listener.close()  # gunicorn closes only replies that it has received
            raise
        raise StopIteration()
