"""How a hundred clips of eight running streams are captured and cut at the same time.

``python -m benchmarks.captures``: starts the whole service with its embedded stores against the offline site, whose
streams are requested by number, and sends all commands at once. Every window ends some seconds later. Then it prints
how many clips are complete, what the site was asked for, how much memory the process of the captures had, and how long
it took from the moment at which the site offered the last segment of a clip to its finished file.
"""

from __future__ import annotations

import argparse
import bisect
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from tests.tools.live_service import LiveService, running_service
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import LIVE_BY_NUMBER

ACCOUNT = {"email": "bench@example.com", "password": "SecurePass123!"}
_ENDED = {"completed", "failed", "cancelled"}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--clips", type=int, default=100)
    options.add_argument("--offset", type=int, default=30, help="seconds before the command at which clips start")
    options.add_argument("--duration", type=int, default=45)
    options.add_argument("--patience", type=float, default=600)
    chosen = options.parse_args()
    with OfflineYoutube() as site:
        site.live.advance(410)
        environment = {"RATE_LIMIT_ENABLED": "false", "MAX_PENDING_PER_USER": "1000000"}
        with running_service({**site.environment(), **environment}) as service, memory_of(service) as peak:
            found = clips(service, chosen.clips, chosen.offset, chosen.duration, chosen.patience)
            report(site, found, peak)


def clips(service: LiveService, number: int, offset: int, duration: int, patience: float) -> list[dict[str, Any]]:
    """The states of all clips, each with the time at which it was seen to have ended."""
    with httpx.Client(base_url=f"{service.base}/api", timeout=60) as http:
        http.post("/auth/register", json=ACCOUNT).raise_for_status()
        private = {"Authorization": f"Bearer {http.post('/auth/login', json=ACCOUNT).json()['token']}"}
        wish = {"latency": "0", "offset": offset, "duration": duration}
        wish |= {"cooldown_seconds": 0, "viewer_cooldown_seconds": 0}
        token = http.post("/auth/tokens", json=wish, headers=private).json()["token"]

        def command(place: int) -> None:
            stream = LIVE_BY_NUMBER[place % len(LIVE_BY_NUMBER)]
            http.get(f"{service.base}/c/{token}/{stream}?format=text&id={place}").raise_for_status()

        with ThreadPoolExecutor(20) as threads:
            list(threads.map(command, range(number)))
        ended: dict[str, dict[str, Any]] = {}
        until = time.monotonic() + patience
        while len(ended) < number and time.monotonic() < until:
            time.sleep(0.5)
            for page in range(1, number // 50 + 2):
                listed = http.get(f"/video/list?page={page}&per_page=50", headers=private).json()["videos"]
                for each in listed:
                    if each["status"] in _ENDED and each["video_id"] not in ended:
                        ended[each["video_id"]] = {"seen_at": time.time()}
        for video_id, seen in ended.items():
            seen |= http.get(f"/video/status/{video_id}", headers=private).json()
        return list(ended.values())


def report(site: OfflineYoutube, found: list[dict[str, Any]], peak: list[int]) -> None:
    """Print what was measured."""
    media = [each for each in site.requests if each.is_media and each.method == "GET" and "range" not in each.headers]
    whole = Counter((each.parameters["id"], each.parameters["itag"], each.parameters.get("sq")) for each in media)
    extractions = sum(site.extractions(video_id) for video_id in LIVE_BY_NUMBER)
    complete = [each for each in found if each["status"] == "completed" and each["complete"]]
    stream = site.live.numbered().stream
    took = []
    for each in complete:
        end = Fraction(datetime.fromisoformat(each["requested"]["to"]).timestamp())
        last = bisect.bisect_right(stream.ingested, end) - 1
        took.append(each["seen_at"] - float(stream.ingested[last] + stream.lengths[last]))
    print("| clips ended | complete | extractions | segments | fetched twice | memory MB | p50 s | p95 s |")
    print("|---|---|---|---|---|---|---|---|")
    twice = sum(count - 1 for count in whole.values())
    p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
    print(
        f"| {len(found)} | {len(complete)} | {extractions} | {len(whole)} | {twice} | {max(peak) / 1e6:.0f} "
        f"| {statistics.median(took):.1f} | {p95:.1f} |"
    )
    for each in found:
        if each not in complete:
            print(each["status"], each["error"], each["notes"])


@contextmanager
def memory_of(service: LiveService) -> Iterator[list[int]]:
    """Collect the proportional memory of the process of the captures, in bytes, twice a second."""
    (pid,) = service.processes("-Q captures")
    sizes, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    sizes.append(int(line.split()[1]) * 1024)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield sizes
    finally:
        done.set()


if __name__ == "__main__":
    main()
