"""Slow readers: what is written waits without a turn, for as long as somebody reads, and one address has its share."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator

import pytest

from src.launcher import slow_readers
from src.launcher.slow_readers import ANSWER_SILENT_SECONDS, PacedWriter, Readers
from src.launcher.slow_senders import Turns

SENT = bytes(range(256)) * 40_000  # more than the buffers of a pair of sockets hold


class Waiting:
    """A clock that goes on when the writer waits for room, and a client that does then what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.queued = 0.0, 5_000_000
        self.then: Callable[[], None] = lambda: None
        self.ours, self.theirs = socket.socketpair()
        self.turns = Turns(1)
        self.writer = PacedWriter(self.ours, self.turns, clock=lambda: self.now)
        real = slow_readers._writable

        def writable(sock: socket.socket, seconds: float) -> bool:
            if not real(sock, 0):
                with self.turns.taken():  # whoever waits for its client has given its turn up
                    self.then()
                self.now += seconds
            return real(sock, 0)

        monkeypatch.setattr(slow_readers, "_writable", writable)
        monkeypatch.setattr(slow_readers, "_queued", lambda sock: self.queued)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    made = Waiting(monkeypatch)
    yield made
    made.ours.close()
    made.theirs.close()


def test_who_reads_nothing_is_given_up(waiting: Waiting) -> None:
    with waiting.turns.taken(), pytest.raises(BrokenPipeError):
        waiting.writer.sendall(SENT)
    assert ANSWER_SILENT_SECONDS <= waiting.now <= ANSWER_SILENT_SECONDS + 10


def test_who_reads_a_little_is_waited_for(waiting: Waiting) -> None:
    def read_a_little() -> None:
        waiting.queued -= 1
        if waiting.now > 20 * ANSWER_SILENT_SECONDS:
            waiting.theirs.recv(1 << 20)

    waiting.then = read_a_little
    with waiting.turns.taken():
        waiting.writer.sendall(SENT)
    assert waiting.now > 20 * ANSWER_SILENT_SECONDS


@pytest.mark.parametrize("how", ["sendall", "sendfile"])
def test_everything_arrives_in_order(how: str) -> None:
    ours, theirs = socket.socketpair()
    found = bytearray()

    def read() -> None:
        while part := theirs.recv(100_000):
            found.extend(part)

    reader = threading.Thread(target=read)
    turns = Turns(1)
    with ours, theirs, tempfile.TemporaryFile() as file:
        file.write(b"before" + SENT + b"behind")
        file.flush()
        reader.start()
        writer = PacedWriter(ours, turns)
        with turns.taken():
            if how == "sendall":
                writer.sendall(SENT)
            else:
                assert writer.sendfile(file, 6, len(SENT)) == len(SENT)
        assert ours.gettimeout() is None, "the next request is read as before"
        ours.shutdown(socket.SHUT_WR)
        reader.join()
    assert bytes(found) == SENT


def test_an_address_has_its_share_of_readers() -> None:
    readers = Readers(2)
    assert [readers.enter(f"2001:db8::{host}") for host in range(3)] == [True, True, False]
    assert readers.enter("198.51.100.7")
    readers.leave("2001:db8::9")
    assert readers.enter("2001:db8::1") and not readers.enter("2001:db8::1")
