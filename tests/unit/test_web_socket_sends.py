"""A WebSocket whose client does not read gives its thread back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

from flask import Flask

from src.middleware import push
from src.services.events.listener import Event
from src.services.events.slots import Holder
from tests.tools.waiting import HANG_SECONDS

HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
LARGE = "x" * (1 << 16)


class EndlessListener:
    """Has an event at any time, until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def stream(self) -> Iterator[Event]:
        while not self.closed.is_set():
            yield Event("progress", "1", {"text": LARGE}, "", "")

    def close(self) -> None:
        self.closed.set()


def test_a_client_that_never_reads_holds_no_thread() -> None:
    app = Flask(__name__)
    push.install(app, most_sockets=1, shared=False, send_seconds=0.05)
    ours, theirs = socket.socketpair()
    listener = EndlessListener()

    def serve() -> None:
        with app.test_request_context("/", headers=HEADERS, environ_overrides={"gunicorn.socket": ours}):
            push.web_socket(cast(Any, listener), Holder(None, "192.0.2.1"))

    thread = threading.Thread(target=serve, daemon=True)
    with theirs:
        thread.start()
        thread.join(HANG_SECONDS)
        assert not thread.is_alive() and listener.closed.is_set()
        app.extensions["yt-downloader.web-sockets"].take()()  # its slot is free again
