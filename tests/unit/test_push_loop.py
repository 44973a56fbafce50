"""One thread writes to many connections: what it sends, whom it waits for, and how a stream ends."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from src.middleware.push_loop import PushLoop, taken_over
from src.services.events.listener import Event, Listener

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def event(number: int, name: str = "progress", job_id: str = "a") -> Event:
    return Event(name, job_id, {}, f'{{"n": {number}}}', f"1-{name}{number}")


@dataclass
class Bench:
    """A loop, and what its listeners did."""

    loop: PushLoop = field(default_factory=PushLoop)
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    sockets: list[socket.socket] = field(default_factory=list)

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A client's end and a server's end of one TCP connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        client.settimeout(60)
        self.sockets += [client, accepted]
        return client, accepted

    def listen(self, *, chunked: bool = True, heartbeat: float = 60) -> tuple[socket.socket, Listener]:
        client, accepted = self.connect()
        listener = Listener(lambda _: self.left.release(), heartbeat=heartbeat, ends=True)
        self.loop.take(taken_over(accepted), HEAD, listener, chunked=chunked)
        return client, listener

    def has_left(self) -> bool:
        return self.left.acquire(timeout=60)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for each in made.sockets:
        each.close()


def read_until(client: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        piece = client.recv(65_536)
        assert piece, found
        found += piece
    return found


def read_all(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(65_536):
        found += piece
    return found


def body(sent: bytes) -> bytes:
    """What chunks hold; fails when they do not add up to a whole body."""
    rest, found = sent.removeprefix(HEAD), b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        found, rest = found + rest[:length], rest[length:].removeprefix(b"\r\n")
        if length == 0:
            assert rest == b""
            return found


def test_a_stream_is_whole_from_its_head_to_its_end(bench: Bench) -> None:
    client, listener = bench.listen()
    listener.put(event(1))
    first = read_until(client, b'{"n": 1}')
    listener.put(event(2, "ended"))
    told = body(first + read_all(client))
    assert told.startswith(b"retry: 3000\n\n")
    assert re.findall(rb"id: (\S+)\nevent: (\w+)\ndata: (.+)\n\n", told) == [
        (b"1-progress1", b"progress", b'{"n": 1}'),
        (b"1-ended2", b"ended", b'{"n": 2}'),
    ]
    client.close()
    assert bench.has_left()


def test_a_client_of_http_1_0_reads_until_the_end_of_the_connection(bench: Bench) -> None:
    client, listener = bench.listen(chunked=False)
    listener.put(event(7, "ended"))
    assert read_all(client) == HEAD + b'retry: 3000\n\nid: 1-ended7\nevent: ended\ndata: {"n": 7}\n\n'


def test_a_listener_that_goes_gives_its_place_back(bench: Bench) -> None:
    client, _ = bench.listen()
    client.close()
    assert bench.has_left()


def test_silence_is_broken_by_a_sign_of_life(bench: Bench) -> None:
    client, _ = bench.listen(heartbeat=0.1)
    read_until(client, b": still here\n\n")


def test_one_who_does_not_read_holds_up_nobody_and_misses_what_is_outdated(bench: Bench) -> None:
    slow, sluggish = bench.listen()
    quick, eager = bench.listen()
    read_until(quick, b"retry")
    padding = "x" * 20_000
    for number in range(1000):  # 20 MB: more than the kernel keeps for one connection
        one = Event("progress", "a", {}, f'{{"n": {number}, "x": "{padding}"}}', f"1-{number}")
        sluggish.put(one)
        eager.put(one)
        if number % 100 == 99:
            read_until(quick, b'{"n": %d,' % number)
    sluggish.put(event(1000, "ended"))
    told = [int(number) for number in re.findall(rb'"n": (\d+)', read_all(slow))]
    assert told[-1] == 1000 and told == sorted(told) and len(told) < 900


def test_what_the_former_holder_does_with_its_socket_changes_nothing(bench: Bench) -> None:
    client, accepted = bench.connect()
    listener = Listener(lambda _: bench.left.release(), heartbeat=60, ends=True)
    ours = taken_over(accepted)
    accepted.shutdown(socket.SHUT_WR)
    accepted.settimeout(5)
    assert accepted.recv(10) == b""  # closed at once, nobody waits
    accepted.close()
    bench.loop.take(ours, HEAD, listener, chunked=True)
    read_until(client, b"retry")


def test_nothing_is_told_twice_and_no_reading_comes_after_the_end() -> None:
    listener = Listener(lambda _: None, heartbeat=60, ends=True, last_hash="progress1")
    listener.put(event(1))
    assert listener.take() == []
    listener.put(event(3, "ended"))
    listener.put(event(2))
    assert [each.name for each in listener.take()] == ["ended"] and listener.ended


def test_a_slow_listener_misses_readings_and_no_change_of_state() -> None:
    listener = Listener(lambda _: None, heartbeat=60, ends=True)
    for number, name in enumerate(["progress", "status", "progress", "progress"]):
        listener.put(event(number, name))
    assert [(each.name, each.text) for each in listener.take()] == [("status", '{"n": 1}'), ("progress", '{"n": 3}')]


def test_an_end_of_one_job_does_not_bring_back_who_may_listen_no_more() -> None:
    listener = Listener(lambda _: None, heartbeat=60, ends=False)
    listener.put(event(3, "ended"))
    listener.finish()
    listener.take()
    assert listener.ended
