"""Workers are killed, stopped and cut off in mid-job: the clip is made all the same, and once."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService, descendants
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


# Each test asks for a clip of its own: a finished one of the same range would be there at once.
_shift = itertools.count()


def begin_slow_clip(user: User, site: OfflineYoutube) -> str:
    """A clip that is being made and cannot be done while the media is slow."""
    site.fault(VideoId.LADDER, Fault(bytes_per_second=2_000))
    video_id = user.save(site.url(VideoId.LADDER), 3.5 + next(_shift) / 25, 8.5)
    user.begin(video_id, resolution_preference="480p")
    eventually(lambda: user.status(video_id)["status"] == "processing")
    eventually(lambda: (user.status(video_id)["progress"] or {}).get("current_phase") == "downloading")
    return video_id


def ends_well(user: User, site: OfflineYoutube, video_id: str, path: Path) -> None:
    site.heal(VideoId.LADDER)
    eventually(lambda: user.status(video_id)["status"] not in {"pending", "processing"})
    status = user.status(video_id)
    assert status["status"] == "completed", status
    path.write_bytes(user.fetch(video_id).content)
    first = -(-round(status["start_time"] * 1000) // 40)
    assert [frame.number for frame in frame_numbers(path)] == list(range(first, 213))


def workers(service: LiveService) -> list[int]:
    """The download worker and its children, the main process first."""
    return [pid for pid in service.processes("celery") if "downloads" in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.parametrize("who", ["main", "children"])
def test_a_killed_worker_costs_no_clip(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path, who: str
) -> None:
    video_id = begin_slow_clip(user, offline_youtube)
    main, *children = workers(service)
    doomed = [main] if who == "main" else children
    below = descendants(main)
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    if who == "main":
        eventually(lambda: not [pid for pid in below if Path(f"/proc/{pid}").exists()])
    ends_well(user, offline_youtube, video_id, tmp_path / "clip.mp4")
    assert user.status(video_id)["attempts"] == 2
    made = [path for path in (service.folder / "downloads").iterdir() if path.name.startswith(video_id)]
    assert len(made) == 1, "committed once"


def test_a_worker_that_is_asked_to_end_hands_its_job_over(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    video_id = begin_slow_clip(user, offline_youtube)
    os.kill(workers(service)[0], signal.SIGTERM)
    ends_well(user, offline_youtube, video_id, tmp_path / "clip.mp4")
    assert user.status(video_id)["attempts"] == 1, "an orderly end counts for nothing"


def test_a_dead_broker_costs_no_clip(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    os.kill(service.processes("valkey")[0], signal.SIGKILL)
    video_id = user.save(offline_youtube.url(VideoId.LADDER), 3.5, 8.5)
    user.begin(video_id, resolution_preference="360p")
    ends_well(user, offline_youtube, video_id, tmp_path / "clip.mp4")


def test_a_killed_database_costs_no_clip(
    service: LiveService, user: User, offline_youtube: OfflineYoutube, tmp_path: Path
) -> None:
    video_id = begin_slow_clip(user, offline_youtube)
    killed = service.processes("mongod")[0]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in service.processes("mongod"))
    eventually(lambda: user.http.get("/health").status_code == 200)
    ends_well(user, offline_youtube, video_id, tmp_path / "clip.mp4")
