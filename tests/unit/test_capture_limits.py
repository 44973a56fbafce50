"""The rate of all captures together, by a clock of the test."""

from __future__ import annotations

from dataclasses import dataclass, field

from src.services.live.shared.limits import CaptureLimits


@dataclass
class Watch:
    """A clock that passes while somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def limited(bytes_per_second: float | None) -> tuple[CaptureLimits, Watch]:
    watch = Watch()
    limits = CaptureLimits(None, bytes_per_second, monotonic=lambda: watch.now, sleep=watch.sleep)
    return limits, watch


def test_segments_are_fetched_no_faster_than_the_limit() -> None:
    limits, watch = limited(1000)
    for _ in range(10):
        limits.fetched(500)
    assert watch.now == 100 + 10 * 500 / 1000 - 1, "after the first second, which is free"


def test_a_pause_earns_one_second_and_no_more() -> None:
    limits, watch = limited(1000)
    limits.fetched(1000)
    watch.now += 60
    for _ in range(3):
        limits.fetched(1000)
    assert sum(watch.slept) == 2


def test_without_a_limit_nothing_waits() -> None:
    limits, watch = limited(None)
    limits.fetched(10**12)
    assert watch.slept == []
