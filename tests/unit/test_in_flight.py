"""Running lookups are shared and limited, and callers can give up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.errors import Busy, Cancelled, NetworkTimeout, VideoPrivate
from src.models.progress import Progress, SilentMonitor
from src.services.youtube.in_flight import InFlightLookups


class Gate:
    """A lookup that waits until it is opened, and counts how often it was started."""

    def __init__(self) -> None:
        self.begun = 0
        self.running = threading.Event()
        self.opened = threading.Event()

    def look_up(self) -> str:
        self.begun += 1
        self.running.set()
        assert self.opened.wait(60)
        return "facts"


class Impatient:
    """A monitor that stops the work at once."""

    def report(self, progress: Progress) -> None:
        """Nothing to tell."""

    def check(self) -> None:
        raise Cancelled


class Waiting:
    """A monitor that tells when its owner has begun to wait."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def report(self, progress: Progress) -> None:
        """Nothing to tell."""

    def check(self) -> None:
        self.begun.set()


def ask(flights: InFlightLookups[str], key: str, look_up: Callable[[], str]) -> str:
    return flights.get(key, look_up, seconds=10, monitor=SilentMonitor())


def test_many_who_ask_the_same_share_one_look_up() -> None:
    flights, gate = InFlightLookups[str](parallel=2, queue_seconds=0), Gate()
    with ThreadPoolExecutor(8) as pool:
        waiting = [Waiting() for _ in range(8)]
        answers = [pool.submit(flights.get, "a", gate.look_up, seconds=60, monitor=each) for each in waiting]
        assert all(each.begun.wait(30) for each in waiting)
        gate.opened.set()
        assert [answer.result(60) for answer in answers] == ["facts"] * 8
    assert gate.begun == 1


def test_one_that_has_landed_is_flown_again() -> None:
    flights, gate = InFlightLookups[str](parallel=1, queue_seconds=0), Gate()
    gate.opened.set()
    assert [ask(flights, "a", gate.look_up), ask(flights, "a", gate.look_up)] == ["facts", "facts"]
    assert gate.begun == 2


def test_more_than_there_is_room_for_are_refused() -> None:
    flights, gate = InFlightLookups[str](parallel=1, queue_seconds=0.05), Gate()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, flights, "a", gate.look_up)
        assert gate.running.wait(60)
        with pytest.raises(Busy):
            ask(flights, "b", lambda: "never")
        gate.opened.set()
        assert first.result(60) == "facts"
    assert ask(flights, "b", lambda: "now") == "now"


def test_a_failure_reaches_whoever_asked_and_is_not_kept() -> None:
    flights = InFlightLookups[str](parallel=1, queue_seconds=0)

    def fail() -> str:
        raise VideoPrivate

    with pytest.raises(VideoPrivate):
        ask(flights, "a", fail)
    assert ask(flights, "a", lambda: "facts") == "facts"


def test_nobody_waits_longer_than_told() -> None:
    flights, gate = InFlightLookups[str](parallel=1, queue_seconds=0), Gate()
    with pytest.raises(NetworkTimeout):
        flights.get("a", gate.look_up, seconds=0.05, monitor=SilentMonitor())
    gate.opened.set()


def test_a_time_out_of_the_look_up_itself_is_passed_on() -> None:
    def fail() -> str:
        raise TimeoutError("inside")

    with pytest.raises(TimeoutError, match="inside"):
        ask(InFlightLookups[str](parallel=1, queue_seconds=0), "a", fail)


def test_whoever_is_cancelled_leaves_at_once() -> None:
    flights, gate = InFlightLookups[str](parallel=1, queue_seconds=0), Gate()
    with pytest.raises(Cancelled):
        flights.get("a", gate.look_up, seconds=10, monitor=Impatient())
    gate.opened.set()
