"""Uploads are read in turn: never more at once than allowed, in the order in which they came, and not for ever."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from src.errors import Busy
from src.services.media.upload_turns import Turns
from tests.tools.waiting import eventually

LONG = 60.0


class Reader(Thread):
    """A thread that takes a turn, says so, and holds it until it may go on."""

    def __init__(self, turns: Turns, begun: list[int], number: int) -> None:
        super().__init__(daemon=True)
        self.turns, self.begun, self.number, self.may_end = turns, begun, number, Event()
        self.start()

    def run(self) -> None:
        with self.turns.turn(LONG):
            self.begun.append(self.number)
            self.may_end.wait(LONG)


def readers(turns: Turns, begun: list[int], count: int) -> list[Reader]:
    """So many readers, each in the queue before the next one comes."""
    made = []
    for number in range(count):
        made.append(Reader(turns, begun, number))
        eventually(lambda: len(begun) + turns.waiting == len(made))
    return made


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_twelve_come_at_once(at_once: int) -> None:
    turns, begun = Turns(at_once, longest_queue=32), list[int]()
    line = readers(turns, begun, 12)
    for ended in range(12):
        under_way = min(ended + at_once, 12)
        eventually(lambda: len(begun) == under_way)  # noqa: B023 (called before the loop goes on)
        assert turns.waiting == 12 - len(begun)
        line[ended].may_end.set()
        line[ended].join(LONG)
    assert begun[at_once:] == list(range(at_once, 12))
    assert sorted(begun) == list(range(12))
    with turns.turn(0) as left:
        assert left == 0.0


def test_who_waits_too_long_is_told_when_to_come_again_and_leaves_the_queue() -> None:
    turns, begun = Turns(1, longest_queue=32), list[int]()
    (first,) = readers(turns, begun, 1)
    with pytest.raises(Busy) as refused, turns.turn(0.01):
        pytest.fail("it was not free")
    assert refused.value.details == {"retry_after_seconds": 30}
    assert turns.waiting == 0
    first.may_end.set()
    first.join(LONG)
    with turns.turn(0):
        pass


def test_a_queue_that_is_full_refuses_at_once() -> None:
    turns, begun = Turns(1, longest_queue=2), list[int]()
    line = readers(turns, begun, 3)
    with pytest.raises(Busy), turns.turn(LONG):
        pytest.fail("there was no room")
    for one in line:
        one.may_end.set()
        one.join(LONG)


def test_a_reader_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1, longest_queue=2)
    with pytest.raises(ValueError, match="damaged"), turns.turn(0):
        raise ValueError("damaged")
    with turns.turn(0):
        pass
