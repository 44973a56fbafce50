"""The one number of a job for surfaces that have no phases."""

from __future__ import annotations

import pytest

from src.models.progress import Phase, Progress
from src.services.progress_cache import overall_percent, to_fields


@pytest.mark.parametrize(
    ("download", "encode", "told"),
    [(0, 0, 0), (50, 0, 40), (100, 0, 80), (100, 50, 90), (100, 100, 99), (0, 50, 50), (0, 100, 99)],
)
def test_an_encode_counts_whole_where_nothing_is_fetched(download: float, encode: float, told: float) -> None:
    reading = Progress(Phase.ENCODING, download_percent=download, encode_percent=encode)
    assert overall_percent(to_fields(reading)) == told


def test_without_a_reading_nothing_is_done() -> None:
    assert overall_percent(None) == 0
