"""The wall clock of the whole machine is put forward and back by hours in mid-job: each clip is made, and once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.resilience.workers.test_capture_deaths import chat_clip, fetched, shows_what_was_on_air
from tests.resilience.workers.test_deaths import workers
from tests.system.e2e.conftest import QUICK, User, signed_in
from tests.tools.live_service import LiveService, running_service
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("workers"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for a clock that can be turned"),
]
HOURS = 3600


@dataclass(frozen=True)
class ClockTower:
    """A service whose clock, that of its stores included, is ahead by so many seconds."""

    service: LiveService
    file: Path

    def turn(self, seconds: int) -> None:
        draft = self.file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self.file)


@pytest.fixture(scope="module")
def tower(offline_youtube_session: OfflineYoutube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockTower]:
    folder = tmp_path_factory.mktemp("clock")
    library = folder / "clock_shift.so"
    source = Path(__file__).with_name("clock_shift.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    file = folder / "shift"
    file.write_text("0")
    shifted = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(file)}
    with running_service({**offline_youtube_session.environment(), **QUICK, **shifted}) as service:
        yield ClockTower(service, file)


def test_hours_forward_and_back_cost_no_clip(
    tower: ClockTower, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    with httpx.Client(base_url=f"{tower.service.base}/api", timeout=60) as http:
        user = signed_in(http, "clock@example.com")
        forward = _begin(user, offline_youtube, 5.0)
        tower.turn(2 * HOURS)
        _ends_well(user, offline_youtube, tower, forward, 125, tmp_path)

        # The lease of a dead worker now lies hours ahead, and so does the time of the last notification.
        back = _begin(user, offline_youtube, 6.0)
        tower.turn(-2 * HOURS)
        for pid in workers(tower.service)[1:]:
            os.kill(pid, signal.SIGKILL)
        _ends_well(user, offline_youtube, tower, back, 150, tmp_path)
        assert user.status(forward)["file_available"], "it was put back, not forward: nothing has expired"


def _begin(user: User, site: OfflineYoutube, start: float) -> str:
    site.fault(VideoId.LADDER, Fault(bytes_per_second=2_000))
    video_id = user.save(site.url(VideoId.LADDER), start, start + 1)
    user.begin(video_id, resolution_preference="144p")
    eventually(lambda: (user.status(video_id)["progress"] or {}).get("current_phase") == "downloading")
    return video_id


def _ends_well(user: User, site: OfflineYoutube, tower: ClockTower, video_id: str, first: int, folder: Path) -> None:
    site.heal(VideoId.LADDER)
    eventually(lambda: user.status(video_id)["status"] not in {"pending", "processing"})
    status = user.status(video_id)
    assert status["status"] == "completed", status
    path = folder / "clip.mp4"
    path.write_bytes(user.fetch(video_id).content)
    assert [frame.number for frame in frame_numbers(path)] == list(range(first, first + 25))
    log = tower.service.folder / "app.log"
    eventually(lambda: f"job {video_id} is completed" in log.read_text())
    assert log.read_text().count(f"job {video_id} is completed") == 1
    made = [each for each in (tower.service.folder / "downloads").iterdir() if each.name.startswith(video_id)]
    assert len(made) == 1


@pytest.mark.matrix(0)
def test_a_recording_that_appears_six_hours_later_repairs_a_clip(
    tower: ClockTower, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    """The capture was killed while the stream dropped what was on air, and all workers died again before the end."""
    site, numbers = offline_youtube, offline_youtube.live.numbered
    site.live.begin()  # a minute ago; its recording has the first three
    try:
        with httpx.Client(base_url=f"{tower.service.base}/api", timeout=60) as http:
            user = signed_in(http, "six@example.com")
            before = len(fetched(site))
            video_id = chat_clip(user, offset=20, duration=40)
            eventually(lambda: len(fetched(site)) >= before + 12)
            (lane,) = tower.service.processes("-Q captures")
            numbers().oldest = int(site.live.position_seconds) // 2 + 6
            os.kill(lane, signal.SIGKILL)
            eventually(lambda: user.status(video_id)["status"] not in {"pending", "processing"}, 120)
            first = user.status(video_id)
            assert first["status"] == "completed" and first["complete"] is False, first
            assert first["repair"]["state"] == "waiting" and first["gaps"], first
            site.live.end()
            for pid in [*tower.service.processes("-Q captures"), *workers(tower.service)]:
                os.kill(pid, signal.SIGKILL)
            tower.turn(6 * HOURS)
            eventually(lambda: "its recording is not ready yet" in log_of(tower), 300)
            site.live.recorded = True
            tower.turn(7 * HOURS)
            eventually(lambda: user.status(video_id)["repair"]["state"] == "done", 120)
            shows_what_was_on_air(user, site, video_id, tmp_path / "clip.mp4")
    finally:
        site.live.begin()


def log_of(tower: ClockTower) -> str:
    return (tower.service.folder / "app.log").read_text()
