"""The proxy itself does what its faults say: otherwise the tests beside it would show nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.resilience.faults.proxy import HEALTHY, Fault, FaultProxy


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    listener.close()


def said(connection: socket.socket, text: bytes, seconds: float) -> bytes:
    connection.settimeout(seconds)
    connection.sendall(text)
    return connection.recv(65536)


def test_a_healthy_connection_passes_everything(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        assert said(client, b"hello", 10) == b"hello"


def test_a_frozen_one_is_silent_and_loses_nothing(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        assert said(client, b"one", 10) == b"one"
        proxy.set(Fault(frozen=True))
        with pytest.raises(TimeoutError):
            said(client, b"two", 0.3)
        proxy.set(HEALTHY)
        client.settimeout(10)
        assert client.recv(100) == b"two"


def test_a_half_open_one_stays_lost_and_a_new_one_works(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        assert said(client, b"one", 10) == b"one"
        proxy.set(Fault(half_open=True))
        with pytest.raises(TimeoutError):
            said(client, b"two", 0.3)
        proxy.set(HEALTHY)
        with pytest.raises(TimeoutError):
            said(client, b"three", 0.3)
        with socket.create_connection(("127.0.0.1", proxy.port)) as another:
            assert said(another, b"four", 10) == b"four"


def test_a_slow_one_keeps_its_rate(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        proxy.set(Fault(bytes_per_second=100_000))
        began = time.monotonic()
        client.settimeout(30)
        client.sendall(b"x" * 50_000)
        received = 0
        while received < 50_000:
            received += len(client.recv(65536))
        assert time.monotonic() - began >= 0.45


def is_over(connection: socket.socket) -> bool:
    """Whether the other side has ended it, in order or not."""
    connection.settimeout(10)
    try:
        return connection.recv(65536) == b""
    except ConnectionError:
        return True


def test_a_cut_one_ends_in_mid_stream(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        proxy.set(Fault(cut_after=1000))
        client.settimeout(10)
        client.sendall(b"x" * 5000)
        received = 0
        try:
            while data := client.recv(65536):
                received += len(data)
        except ConnectionError:
            pass
        assert received <= 1000


def test_a_refused_one_ends_at_once_and_old_ones_too(echo: tuple[str, int]) -> None:
    with FaultProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        assert said(client, b"one", 10) == b"one"
        proxy.set(Fault(refuse=True))
        assert is_over(client)
        with socket.create_connection(("127.0.0.1", proxy.port)) as another:
            assert is_over(another)
        proxy.set(HEALTHY)
        with socket.create_connection(("127.0.0.1", proxy.port)) as third:
            assert said(third, b"three", 10) == b"three"
