"""A worker is killed in the midst of a stream: what is on disk is not fetched again, and the film is whole."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.clip.origin import Origin
from tests.engines.stream.sites import FILM, cut
from tests.resilience.workers.test_deaths import workers
from tests.tools.live_service import LiveService, descendants
from tests.tools.media_kit import decode_errors, frame_numbers
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


def pieces(names: list[str]) -> set[int]:
    """The numbers of the pieces that these requests, or files, are about."""
    return {int(found[1]) for name in names if (found := re.search(r"-(\d+)\.seg", name))}


def on_disk(service: LiveService, job_id: str) -> Path:
    return service.folder / "downloads" / ".work" / f"{job_id.partition('-')[0]}.kept"


def test_no_piece_is_fetched_twice(service: LiveService, origin_port: int, tmp_path: Path) -> None:
    with (
        Origin(cut(FILM, tmp_path, "film"), round_trip_seconds=0.7, port=origin_port) as origin,
        httpx.Client(base_url=service.base, timeout=60) as http,
    ):
        body = {"url": origin.url("film.m3u8"), "use_multithreading": False}
        job_id = http.post("/download/", json=body).json()["job_id"]

        def told() -> dict[str, Any]:
            return dict(http.get(f"/job/{job_id}").json())

        folder = on_disk(service, job_id)
        eventually(lambda: len(list(folder.glob("*.seg"))) >= 3)
        main = workers(service)[0]
        below = descendants(main)
        os.kill(main, signal.SIGKILL)
        eventually(gone(below))
        there = pieces([path.name for path in folder.glob("*.seg")])
        origin.log.clear()
        eventually(lambda: told()["status"] not in {"PENDING", "PROCESSING"}, 300)
        job = told()
        assert job["status"] == "COMPLETED", job
        assert (job["total_segments"], job["downloaded_segments"]) == (8, 8)
        again = pieces(origin.log)
        assert len(there) >= 3 and again == set(range(8)) - there
        film = tmp_path / "film.mp4"
        film.write_bytes(http.get(job["result"]["download_url"]).content)
    assert decode_errors(film) == ""
    assert [frame.number for frame in frame_numbers(film)] == list(range(200))
    eventually(lambda: not folder.exists())


def gone(processes: list[int]) -> Callable[[], bool]:
    return lambda: not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
