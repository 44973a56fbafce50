"""The origins of running streams, and what clips of them are tested with; a file may replace each of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engines.live.bench import BEGAN, Bench, began
from tests.tools.live_origin import LiveOrigin, VirtualClock
from tests.tools.numbered.server import NumberedServer


@pytest.fixture(scope="module")
def origin() -> Iterator[LiveOrigin]:
    with LiveOrigin(VirtualClock(BEGAN)) as running:
        yield running


@pytest.fixture
def bench(origin: LiveOrigin, tmp_path: Path) -> Bench:
    origin.clock.set(began())
    return Bench(origin, tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[NumberedServer]:
    with NumberedServer(VirtualClock(datetime(2026, 1, 18, 10, tzinfo=UTC))) as running:
        yield running
