"""How long a user waits until a moment of a video can be chosen: ``python -m benchmarks.preview``.

The whole service with its embedded stores, against the offline YouTube; a client that asks every 20 ms. "Whole
download" is what a timeline needs that is built from the finished file, as other projects do.

``python -m benchmarks.preview --lengths`` compares windows of 6 s and of 20 s over lines of several speeds: the
difference is the most that a delivery could save which shows the first frames before the window is whole.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.tools.live_service import running_service
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

WINDOWS = (4, 9, 14, 17, 6, 11)
SECONDS = 6
LONG_SECONDS = 20
LINES = (5, 20, 100)
ENDED = ("completed", "failed", "cancelled")


def main() -> None:
    """Print the tables of ``docs/benchmarks.md``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", action="store_true", help="short and long windows over lines of several speeds")
    if parser.parse_args().lengths:
        _lengths()
    else:
        _waiting()


def _lengths() -> None:
    print("| film | line, Mbit/s | kB of 6 s | kB of 20 s | s until 6 s are there | s until 20 s are there |")
    print("|---|---|---|---|---|---|")
    for video in (VideoId.LADDER, VideoId.FPS_60):
        for line in LINES:
            # Each connection carries a part of the line; previews use one for each track.
            with (
                OfflineYoutube(bytes_per_second=line * 125_000 / 2) as site,
                running_service({**site.environment(), "SHARED_MEDIA_MB": "0"}) as service,
                httpx.Client(base_url=service.base, timeout=60) as http,
            ):
                _preview(http, site.url(video), 1)  # the lookup
                found = []
                for seconds in (SECONDS, LONG_SECONDS):
                    before, began = site.media_bytes(video), time.monotonic()
                    _preview(http, site.url(video), LONG_SECONDS / 2, seconds)
                    found.append((time.monotonic() - began, (site.media_bytes(video) - before) / 1000))
            (short, few), (long, many) = found
            print(f"| {video} | {line} | {few:.0f} | {many:.0f} | {short:.2f} | {long:.2f} |", flush=True)


def _waiting() -> None:
    with OfflineYoutube() as site, running_service(site.environment()) as service:
        url = site.url(VideoId.LADDER)
        with httpx.Client(base_url=service.base, timeout=60) as http:
            rows = [
                ("facts of the link, asked of the site", _timed(lambda: _sent(http, "/api/video/info", {"url": url})))
            ]
            rows.append(("facts, known", _timed(lambda: _sent(http, "/api/video/info", {"url": url}))))
            sheet = f"/api/video/storyboard/{VideoId.LADDER}/0/0"
            rows.append(("a sheet of the storyboard", _timed(lambda: http.get(sheet).raise_for_status())))
            rows.append(("first preview", _timed(lambda: _preview(http, url, 1))))
            fetched = site.media_bytes(VideoId.LADDER)
            others = [_timed(lambda at=at: _preview(http, url, at)) for at in WINDOWS]  # type: ignore[misc]
            rows.append((f"previews of other windows, median of {len(others)}", statistics.median(others)))
            rows.append(("a window again", _timed(lambda: _preview(http, url, WINDOWS[0]))))
            rows.append(("whole download in 1080p", _timed(lambda: _whole(http, url))))
            whole = site.media_bytes(VideoId.LADDER, 137)
    print("| until it is there | seconds |\n|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} |")
    print(f"\nThe first preview fetched {fetched / 1000:.0f} kB, the whole download {whole / 1000:.0f} kB of video.")


def _timed(action: Callable[[], Any]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _sent(http: httpx.Client, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    return http.post(path, json=body, headers=headers).raise_for_status().json()


def _preview(http: httpx.Client, url: str, at: float, seconds: float = SECONDS) -> None:
    preview = _sent(http, "/api/video/preview", {"url": url, "at": at, "seconds": seconds})["preview_id"]
    file = _ended(http, f"/api/video/preview/{preview}")["file_url"]
    http.get(file).raise_for_status()


def _whole(http: httpx.Client, url: str) -> None:
    session = {"X-Session-ID": str(_sent(http, "/api/sessions/", {})["session_uuid"])}
    job = _sent(http, "/api/jobs/", {"url": url, "quality": "1080p"}, session)["job_uuid"]
    _ended(http, f"/api/jobs/{job}", session)


def _ended(http: httpx.Client, path: str, headers: dict[str, str] | None = None) -> Any:
    while (found := http.get(path, headers=headers).raise_for_status().json())["status"] not in ENDED:
        time.sleep(0.02)
    assert found["status"] == "completed", found
    return found


if __name__ == "__main__":
    main()
