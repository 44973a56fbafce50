"""Clips whose times are moved, with the real engines: no byte is asked of the site for what was kept beside them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from src.services.cleanup_service import CleanupService
from src.utils.clock import SystemClock
from tests.api.actors import Api, Person
from tests.tools.media_kit import frame_numbers
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

pytestmark = pytest.mark.slow


def made(person: Person, video_id: str, folder: Path, **wish: Any) -> list[int]:
    """Ask for the file, and the numbers of its frames."""
    reply = person.post(f"/api/video/download/{video_id}", json=wish or None, headers={"Prefer": "wait=60"})
    while reply.status_code == 202:
        reply = person.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=60"})
    assert reply.status_code == 200, reply.text
    path = folder / "clip"
    path.write_bytes(reply.data)
    return [frame.number for frame in frame_numbers(path)]


def move(person: Person, video_id: str, **body: float) -> dict[str, Any]:
    reply = person.api.call("PATCH", f"/api/video/{video_id}", token=person.token, json=body)
    assert reply.status_code == 202 and reply.json is not None, reply.text
    return dict(reply.json)


def sent(site: OfflineYoutube) -> int:
    return site.media_bytes(VideoId.LADDER)


class Later(SystemClock):
    """A clock that is ahead."""

    def now(self) -> Any:
        return super().now() + timedelta(hours=1)


def test_a_clip_is_moved_without_a_download_while_its_file_lasts(
    real: Api, site: OfflineYoutube, tmp_path: Path
) -> None:
    site.reset()
    person = real.person()
    url = f"https://youtu.be/{VideoId.LADDER}"
    video_id = person.save(url=url, start_time=9.5, end_time=14.2)
    assert made(person, video_id, tmp_path, resolution_preference="240p") == list(range(238, 355))
    kept = person.status(video_id)["actual"]["kept"]
    assert kept["start"] <= 9 and kept["end"] >= 14.9
    bytes_before, looks = sent(site), site.extractions(VideoId.LADDER)

    moved = move(person, video_id, move_start=-0.4, move_end=0.7)
    assert moved["refetched"] is False
    assert made(person, video_id, tmp_path) == list(range(228, 373))
    assert (sent(site), site.extractions(VideoId.LADDER)) == (bytes_before, looks), "nobody was asked"
    assert person.status(video_id)["actual"]["bytes_fetched"] == 0

    moved = move(person, video_id, start_time=5, end_time=15)
    assert moved["refetched"] is True
    assert made(person, video_id, tmp_path) == list(range(125, 375))
    assert 0 < sent(site) - bytes_before < bytes_before, "only what was missing"

    folder = real.services.files.retained_folder(video_id)
    assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
    parts = real.services.cleanup
    CleanupService(parts._expiry, parts._files, Later(), record_days=7, saved_days=7).run()
    assert not folder.exists(), "what was kept goes with the file"
    assert move(person, video_id, move_end=-1)["refetched"] is True


def test_other_formats_are_fetched_and_a_failure_leaves_nothing(
    real: Api, site: OfflineYoutube, tmp_path: Path
) -> None:
    site.reset()
    person = real.person()
    video_id = person.save(url=f"https://youtu.be/{VideoId.LADDER}", start_time=9.5, end_time=10.5)
    assert made(person, video_id, tmp_path, resolution_preference="240p") == list(range(238, 263))
    before = sent(site)
    webm = {"resolution_preference": "144p", "format_preference": "webm"}
    assert made(person, video_id, tmp_path, **webm) == list(range(238, 263))
    assert sent(site) > before
    folder = real.services.files.retained_folder(video_id)
    assert len([entry for entry in folder.iterdir() if entry.is_dir()]) == 1, "only of the formats of the file"
    move(person, video_id, start_time=100, end_time=101)  # behind the end
    while (reply := person.post(f"/api/video/download/{video_id}", headers={"Prefer": "wait=60"})).status_code == 202:
        pass
    assert reply.status_code == 400
    assert not folder.exists()
