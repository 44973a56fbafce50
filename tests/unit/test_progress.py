"""What is told of a job's progress: one number for surfaces without phases, documented phases, times and rates."""

from __future__ import annotations

import pytest

from src.models.progress import Phase, Progress
from src.routes.schemas.video import ProgressReading
from src.services.jobs.readings import Readings
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


@pytest.mark.parametrize("phase", Phase)
def test_callers_are_told_the_documented_phases_only(phase: Phase) -> None:
    told = to_fields(Progress(phase))["current_phase"]
    assert told in {"initializing", "downloading", "encoding"}
    assert told == ("encoding" if phase is Phase.VERIFYING else phase.value)
    told_by_an_older_worker = {**to_fields(Progress()), "current_phase": phase.value}
    assert ProgressReading.model_validate(told_by_an_older_worker).current_phase == told


def test_the_time_left_and_the_rate_are_told_as_soon_as_they_are_known() -> None:
    readings = Readings(100.0)
    known = [
        (Progress(Phase.INITIALIZING), 105.0, None, None),
        (Progress(Phase.DOWNLOADING), 106.0, None, None),  # nothing is done: nothing can be said
        (Progress(Phase.DOWNLOADING, download_percent=25), 110.0, "00:40", None),  # a fifth of the whole took 10 s
        (Progress(Phase.DOWNLOADING, download_percent=50, eta_seconds=7, fps=24.96), 112.0, "00:07", 25.0),
        (Progress(Phase.ENCODING, download_percent=100, encode_percent=50), 190.0, "00:10", 25.0),
        (Progress(Phase.VERIFYING, download_percent=100, encode_percent=100), 195.0, "00:00", 25.0),
    ]
    for progress, now, eta, fps in known:
        told = to_fields(readings.complete(progress, now))
        assert (told["eta"], told["fps"]) == (eta, fps), progress
    stream = Progress(Phase.DOWNLOADING, download_percent=50, segments_done=5, segments_total=10)
    assert readings.complete(stream, 200.0).eta_seconds is None, "a stream may still grow"
