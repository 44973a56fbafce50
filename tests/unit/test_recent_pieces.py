"""Pieces of playlists are fetched once by all captures of a process, within a limit of memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.errors import Network
from src.services.hls.playlist import Piece
from src.services.live.recent_pieces import RecentPieces
from tests.tools.waiting import eventually

PIECES = [Piece(f"https://example.com/{number}.ts") for number in range(4)]


def test_callers_at_the_same_time_share_one_request() -> None:
    recent, asked, answer = RecentPieces(), [], threading.Event()

    def fetch() -> bytes:
        asked.append(1)
        answer.wait()
        return b"media"

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(recent.get, PIECES[0], 7, fetch) for _ in range(5)]
        eventually(lambda: len(asked) == 1)
        answer.set()
        assert [each.result() for each in running] == [b"media"] * 5
    assert recent.get(PIECES[0], 7, fetch) == b"media" and asked == [1]
    recent.get(PIECES[0], 8, fetch)
    assert asked == [1, 1], "another number is decrypted otherwise"


def test_a_failure_is_the_callers_own_and_not_remembered() -> None:
    recent = RecentPieces()

    def fail() -> bytes:
        raise Network()

    with pytest.raises(Network):
        recent.get(PIECES[0], 1, fail)
    assert recent.get(PIECES[0], 1, lambda: b"media") == b"media"


def test_the_oldest_are_forgotten() -> None:
    recent = RecentPieces(most_bytes=250)
    for piece in PIECES:
        recent.get(piece, 1, lambda: bytes(100))
    fetched: list[Piece] = []
    for piece in reversed(PIECES):

        def again(piece: Piece = piece) -> bytes:
            fetched.append(piece)
            return bytes(1)

        recent.get(piece, 1, again)
    assert fetched == [PIECES[1], PIECES[0]]


def test_a_broadcast_that_starts_again_gets_its_own_pieces() -> None:
    now = [100.0]
    recent = RecentPieces(clock=lambda: now[0])
    assert recent.get(PIECES[0], 1, lambda: b"before") == b"before"
    now[0] += 59
    assert recent.get(PIECES[0], 1, lambda: b"after") == b"before"
    now[0] += 2
    assert recent.get(PIECES[0], 1, lambda: b"after") == b"after"
