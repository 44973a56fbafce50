"""A machine without room for another thread: what could not start then starts at the next request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis

from src.middleware.push_loop import PushLoop
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from src.services.events.events import JobEvents
from src.services.events.feed import ProgressFeed
from src.services.events.listener import Listener
from src.services.events.slots import Slots
from src.utils.clock import SystemClock

NO_THREAD = "can't start new thread"


def fails_once(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something that starts a thread, on a machine that cannot start one."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError(NO_THREAD)

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match=NO_THREAD):
            action()


def test_the_egress_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = EgressProxy(Policy())

    def open_session() -> str:
        with proxy.session() as session:
            return session.proxy_url

    fails_once(monkeypatch, open_session)
    try:
        port = int(open_session().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"GET http://example.com/ HTTP/1.1\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 407")
    finally:
        proxy.close()


def test_the_feed_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed = threading.Event()

    def pubsub() -> Any:
        subscribed.set()
        raise redis.ConnectionError("no store here")

    feed = ProgressFeed(cast(Any, SimpleNamespace(client=SimpleNamespace(pubsub=pubsub))))
    slots = Slots(1)
    jobs: Any = SimpleNamespace(peek=lambda _: None)
    events = JobEvents(jobs, feed, SystemClock(), slots=slots, heartbeat=60)
    fails_once(monkeypatch, lambda: events.of_job("job"))
    assert slots.free == 1
    listener = events.of_job("job")
    assert subscribed.wait(60) and listener.ended
    listener.close()


def test_the_loop_that_writes_event_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = PushLoop()

    def stream() -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as server:
            theirs = socket.create_connection(server.getsockname())
            ours, _ = server.accept()
        listener = Listener(lambda _: None, heartbeat=60, ends=True)
        listener.finish()
        loop.take(ours, b"HTTP/1.1 200 OK\r\n\r\n", listener, chunked=False)
        return theirs

    fails_once(monkeypatch, stream)
    with stream() as client:
        client.settimeout(60)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
