"""What the engine tells while it makes a clip: frames a second as soon as it writes frames, and the time left."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.progress import Phase, Progress
from tests.engines.clip.origin import Origin
from tests.engines.clip.test_cancel import LARGE
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import cached_film

pytestmark = pytest.mark.slow


class Notebook:
    """A monitor that remembers what it is told."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def report(self, progress: Progress) -> None:
        self.seen.append(progress)

    def check(self) -> None:
        return


def test_a_clip_tells_its_rate_and_the_time_left(tmp_path: Path) -> None:
    notebook = Notebook()
    with Origin({"film": cached_film(LARGE)}) as origin:
        make_clip(
            ClipSource((Track(origin.url("film")),)),
            TimeRange(Fraction("0.5"), LARGE.seconds),
            tmp_path / "clip.mp4",
            work_dir=tmp_path,
            network=NetworkSettings(),
            mode="reencode",
            monitor=notebook,
        )
    assert notebook.seen[-1].phase is Phase.VERIFYING
    # The time of each reading may only be known when it is written, but then both numbers are there.
    writing = [each for each in notebook.seen if each.encode_percent > 0]
    assert writing
    for each in writing:
        assert each.fps is not None and each.fps > 0
        assert each.eta_seconds is not None and each.eta_seconds >= 0
