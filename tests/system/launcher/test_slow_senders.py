"""Slow senders: the arithmetic of a body's rate, heads in pieces, and connections counted over processes."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest

from src.launcher import slow_senders
from src.launcher.connection_counts import ConnectionCounts, is_loopback
from src.launcher.heads import Head
from src.launcher.slow_senders import Pace, PacedUnreader, SendingLimits, TooSlow, Turns

LIMITS = SendingLimits()


def too_slow_after(bytes_each: int, every_seconds: float, most_seconds: float = 600.0) -> float | None:
    """When a client that sends so is given up; None when it never is."""
    pace, now = Pace(LIMITS), 0.0
    while now < most_seconds:
        patience = pace.patience()
        if patience < every_seconds:
            return now + patience
        pace.waited(every_seconds)
        pace.arrived(bytes_each)
        now += every_seconds
    return None


@pytest.mark.parametrize(
    ("bytes_each", "every_seconds", "ends_at"),
    [
        (0, 1.0, 40.0),  # nothing: the free seconds, then one window
        (1, 15.0, 40.0),
        (100, 1.0, 40.0),
        (990, 1.0, 40.0),
        (1000, 1.0, None),
        (20_000, 1.0, None),  # a phone
        (2000, 0.1, None),
        (200_000, 10.0, None),  # the same phone in bursts
        (40_000, 29.0, None),  # in bursts that just suffice
        (1_000_000, 45.0, 40.0),
    ],
)
def test_the_rate_of_a_body(bytes_each: int, every_seconds: float, ends_at: float | None) -> None:
    found = too_slow_after(bytes_each, every_seconds)
    assert found == (None if ends_at is None else pytest.approx(ends_at, abs=1.01))


def test_what_came_fast_buys_a_window_and_no_more() -> None:
    pace = Pace(LIMITS)
    pace.waited(100)
    pace.arrived(50_000_000)
    assert 29 <= pace.patience() <= 31
    pace.waited(32)
    assert pace.patience() == 0


def test_a_server_that_is_busy_is_not_the_fault_of_the_client() -> None:
    pace = Pace(LIMITS)
    for _ in range(100_000):  # always there when the server reads
        pace.arrived(1)
    assert pace.patience() == LIMITS.free_seconds + LIMITS.window_seconds


class Turning:
    """A clock that stands still until somebody waits for bytes, which come only when ``sends`` says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.sends: Iterator[tuple[float, bytes]] = iter(())
        self.ours, self.theirs = socket.socketpair()
        self.turns = Turns(1)
        self.reader = PacedUnreader(self.ours, LIMITS, self.turns, lambda: self.now)
        real = slow_senders._readable

        def readable(sock: socket.socket, seconds: float) -> bool:
            if real(sock, 0) or not seconds:
                return real(sock, 0)
            with self.turns.taken():  # whoever waits for its client has given its turn up
                pause, data = next(self.sends, (math.inf, b""))
            self.now += min(pause, seconds)
            if pause <= seconds:
                self.theirs.sendall(data)
            return real(sock, 0)

        monkeypatch.setattr(slow_senders, "_readable", readable)


@pytest.fixture
def turning(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turning]:
    made = Turning(monkeypatch)
    yield made
    made.ours.close()
    made.theirs.close()


def test_a_body_is_read_at_its_pace_and_given_up_below_it(turning: Turning) -> None:
    reader = turning.reader
    reader.start_body()
    turning.sends = iter([(1.0, bytes(20_000))] * 60)  # 20 kB/s for a minute
    with turning.turns.taken():
        assert len(reader.read(1_200_000)) == 1_200_000
        turning.sends = iter([(15.0, b"x")] * 60)
        began = turning.now
        with pytest.raises(TooSlow):
            reader.read(1_000_000)
    assert reader.too_slow
    assert 28 <= turning.now - began <= 32


def test_a_head_has_its_time_however_often_something_comes(turning: Turning) -> None:
    reader = turning.reader
    reader.start_head(turning.now + LIMITS.header_seconds)
    turning.sends = iter([(0.5, b"x")] * 1000)
    with turning.turns.taken(), pytest.raises(TooSlow):
        while True:
            reader.read(None)
    assert reader.too_slow and reader.in_head
    assert turning.now == 1000.0 + LIMITS.header_seconds


def test_each_request_of_a_connection_begins_its_own_time(turning: Turning) -> None:
    reader = turning.reader
    reader.start_body()
    turning.sends = iter([(9.0, b"x")])
    with turning.turns.taken():
        reader.read(1)
        reader.start_head(turning.now + LIMITS.header_seconds)
        turning.sends = iter([(9.0, b"GET")])
        assert reader.read(3) == b"GET"
        reader.start_body()
        turning.sends = iter([(39.0, b"x")])
        assert reader.read(1) == b"x"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r", False),
        (b"GET / HTTP/1.1\nHost: a\n\n", True),  # never valid: refused at once instead of waited for
        (b"\r\nGET / HTTP/1.1\r\nHost", True),  # the parser passes over an empty line
        (b"GET /" + b"x" * 20_000, True),  # the parser has its own limits
        (b"", False),
    ],
)
def test_a_head_is_whole_however_it_is_cut(text: bytes, whole: bool, size: int) -> None:
    head = Head()
    found = [head.add(text[start : start + size]) for start in range(0, len(text), size)]
    assert any(found) == whole
    if whole and text.endswith(b"\r\n\r\n"):
        assert not any(found[:-1])


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("198.51.100.7", False),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
    ],
)
def test_which_peers_are_this_machine(address: str, own: bool) -> None:
    assert is_loopback(address) == own


def test_connections_are_counted_by_address() -> None:
    counts = ConnectionCounts(3, 1)
    counts.join()
    assert [counts.enter("198.51.100.7") for _ in range(4)] == [True, True, True, False]
    assert counts.enter("198.51.100.8")
    counts.leave("198.51.100.7")
    assert counts.enter("198.51.100.7") and not counts.enter("198.51.100.7")
    # One customer of IPv6 has a whole network of addresses.
    assert [counts.enter(f"2001:db8::{host}") for host in range(4)] == [True, True, True, False]
    assert counts.enter("2001:db8:0:1::1")
    assert ConnectionCounts(0, 1).enter("198.51.100.7"), "0 is no limit"


def hold(counts: ConnectionCounts, pipe: Pipe) -> None:
    counts.join()
    while True:
        pipe.send(counts.enter(str(pipe.recv())))


def test_processes_count_together_and_a_killed_one_counts_no_more() -> None:
    fork: Any = multiprocessing.get_context("fork")
    counts = ConnectionCounts(3, 2)
    address, ours, processes = "198.51.100.7", [], []
    for _ in range(2):
        here, there = fork.Pipe()
        processes.append(fork.Process(target=hold, args=(counts, there), daemon=True))
        processes[-1].start()
        ours.append(here)

    def enter(place: int) -> bool:
        ours[place].send(address)
        return bool(ours[place].recv())

    try:
        assert [enter(0), enter(1), enter(0), enter(1), enter(0)] == [True, True, True, False, False]
        os.kill(processes[0].pid, signal.SIGKILL)
        processes[0].join()
        counts.join()  # the next process takes its part
        assert counts.of(address) == 1
        assert [enter(1), enter(1), enter(1)] == [True, True, False]
    finally:
        for process in processes:
            process.kill()
            process.join()
