"""Stopping takes effect at once, whatever the engine is doing, and leaves nothing behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import Cancelled
from src.models.media_source import ClipSource, Mode, NetworkSettings, TimeRange, Track
from src.models.progress import Monitor, Phase, Progress
from tests.engines.clip.origin import Faults, Origin
from tests.engines.clip.sources import SMALL
from tests.tools.engine_calls import make_clip
from tests.tools.live_service import descendants
from tests.tools.media_kit import Film, cached_film
from tests.tools.waiting import eventually, within

pytestmark = pytest.mark.slow
LARGE = Film(size=(1280, 720), seconds=Fraction(8), noise=10, gop_frames=200)


class Stopper:
    """A monitor that stops the work as soon as ``when`` holds for a progress, when the origin has been asked so often,
    or at the call with the number ``at_call``: each call is an instant at which a user may cancel, on a machine of any
    speed."""

    def __init__(
        self,
        when: Callable[[Progress], bool] = lambda _: False,
        *,
        at_request: int = 10**9,
        at_call: int = 10**9,
    ) -> None:
        self.when, self.at_request, self.at_call = when, at_request, at_call
        self.calls = 0
        self.stopped = False

    def report(self, progress: Progress) -> None:
        self.stopped = self.stopped or self.when(progress)
        self.check()

    def check(self) -> None:
        self.calls += 1
        self.stopped = self.stopped or self.calls >= self.at_call
        if self.stopped:
            raise Cancelled()

    def asked(self, number: int) -> None:
        self.stopped = self.stopped or number >= self.at_request


def stop(
    film: Film,
    folder: Path,
    stopper: Stopper,
    *,
    rate: float | None = None,
    faults: Faults | None = None,
    mode: Mode = "exact",
    suffix: str = ".mp4",
    must: bool = True,
) -> bool:
    """Make a clip and stop it; whether it was stopped. ``must``: otherwise it may be finished before that."""
    before = {thread.ident for thread in threading.enumerate()}
    path = cached_film(film)
    with Origin({"film": path}, bytes_per_second=rate, faults=faults) as origin:
        origin.on_request = stopper.asked
        try:
            with within():
                clip(film, origin, folder, stopper, mode, suffix)
        except Cancelled:
            pass
        else:
            assert not must, "the work was finished before it was stopped"
            return False
        assert stopper.stopped
        assert rate is None or origin.bytes_sent < path.stat().st_size, "it was stopped in the middle"
        assert list(folder.iterdir()) == []
        left = [t for t in threading.enumerate() if t.ident not in before and t.name == "clip-fetch"]
        assert left == []
        if faults is None:
            eventually(lambda: origin.open_connections == 0)
    return True


def clip(film: Film, origin: Origin, folder: Path, monitor: Monitor, mode: Mode, suffix: str) -> None:
    make_clip(
        ClipSource((Track(origin.url("film")),)),
        TimeRange(Fraction("0.5"), film.seconds),
        folder / f"clip{suffix}",
        work_dir=folder,
        network=NetworkSettings(stall_seconds=30),
        mode=mode,
        monitor=monitor,
    )


def test_while_the_index_does_not_come(tmp_path: Path) -> None:
    stop(SMALL, tmp_path, Stopper(at_request=1), faults=Faults(stall_after_bytes=0, stall_requests=99))


def test_while_bytes_arrive(tmp_path: Path) -> None:
    stop(LARGE, tmp_path, Stopper(lambda progress: (progress.bytes_done or 0) > 100_000), rate=50_000)


def test_while_the_server_asks_to_wait(tmp_path: Path) -> None:
    stop(SMALL, tmp_path, Stopper(at_request=2), faults=Faults(always=503))


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_while_frames_are_encoded(suffix: str, tmp_path: Path) -> None:
    stopper = Stopper(lambda progress: progress.encode_percent > 1)
    stop(LARGE, tmp_path, stopper, mode="reencode", suffix=suffix)


def test_while_the_clip_is_verified(tmp_path: Path) -> None:
    stop(replace(SMALL, fragmented="dash"), tmp_path, Stopper(lambda progress: progress.phase is Phase.VERIFYING))


def test_at_twenty_instants(tmp_path: Path) -> None:
    """Wherever it strikes: fetching, cutting, encoding, the checks. The instants are the first twenty calls of the
    monitor; a fast machine may finish with fewer, but never without those at the index, the media and the checks."""
    before = set(descendants(os.getpid()))
    stopped = 0
    for call in range(1, 21):
        folder = tmp_path / str(call)
        folder.mkdir()
        stopped += stop(LARGE, folder, Stopper(at_call=call), mode="reencode", must=False)
        eventually(lambda: set(descendants(os.getpid())) <= before)
    assert stopped >= 3
