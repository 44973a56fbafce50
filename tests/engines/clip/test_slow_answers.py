"""An answer that never ends does not hold its reader."""

from __future__ import annotations

import pytest

from src.errors import NetworkTimeout
from src.models.media_source import NetworkSettings
from src.services.fetch.bounded import MOST_SECONDS, BoundedReader
from tests.engines.clip.origin import Origin
from tests.tools.fakes import FakeClock

SIZE = 1 << 20


class SlowClock(FakeClock):
    """A clock by which every look is a third of what an answer may take after the one before."""

    def monotonic(self) -> float:
        self.move(MOST_SECONDS / 3)
        return super().monotonic()


@pytest.mark.parametrize("call", ["read", "ask"])
def test_an_answer_that_comes_too_slowly_is_given_up(call: str) -> None:
    with (
        Origin({"a": b"x" * SIZE}) as origin,
        BoundedReader(NetworkSettings(), clock=SlowClock()) as reader,
        pytest.raises(NetworkTimeout),
    ):
        getattr(reader, call)(origin.url("a"), {}, SIZE)


def test_an_answer_of_the_same_size_in_time_is_whole() -> None:
    with Origin({"a": b"x" * SIZE}) as origin, BoundedReader(NetworkSettings(), clock=FakeClock()) as reader:
        assert len(reader.read(origin.url("a"), {}, SIZE).content) == SIZE
