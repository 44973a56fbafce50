"""How fast the API answers under 50 clients, how long the start takes, and what the service weighs at rest.

``python -m benchmarks.api``: starts the whole service with its embedded stores on a free port of this machine, lets 50
clients save, ask for a status and list for a bounded number of requests, and prints a table. No job is run.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.tools.live_service import LiveService, descendants, running_service

LINK = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
ACCOUNT = {"email": "bench@example.com", "password": "SecurePass123!"}

Request = Callable[[httpx.Client], httpx.Response]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--requests", type=int, default=40, help="requests of each kind that one client sends")
    chosen = options.parse_args()
    began = time.monotonic()
    environment = {
        "RATE_LIMIT_ENABLED": "false",
        "MAX_PENDING_PER_USER": "1000000",
        "YTDLP_PROXY": "http://127.0.0.1:9",
    }
    with running_service(environment) as service:
        print(f"start to ready line: {time.monotonic() - began:.1f} s")
        time.sleep(3)
        print_memory(service)
        measure(f"{service.base}/api", chosen.clients, chosen.requests)


def measure(base: str, clients: int, requests: int) -> None:
    """One table row a kind of request."""
    with httpx.Client(base_url=base, timeout=30) as http:
        user_id = http.post("/auth/register", json=ACCOUNT).json()["user_id"]
        private = {"Authorization": f"Bearer {http.post('/auth/login', json=ACCOUNT).json()['token']}"}
        public = {"Authorization": f"Bearer {http.get('/auth/token/public').json()['token']}"}
        body = {"url": LINK, "start_time": 60, "end_time": 120, "user_id": user_id}
        video_id = http.post("/video/save", json=body, headers=public).json()["video_id"]
    kinds: list[tuple[str, Request]] = [
        ("GET /api/health/simple", lambda http: http.get("/health/simple")),
        ("POST /api/video/save", lambda http: http.post("/video/save", json=body, headers=public)),
        ("GET /api/video/status", lambda http: http.get(f"/video/status/{video_id}", headers=private)),
        ("GET /api/video/list", lambda http: http.get("/video/list", headers=private)),
    ]
    print(f"\n{clients} clients, {requests} requests each\n")
    print("| request | per second | p50 ms | p99 ms | failed |\n|---|---|---|---|---|")
    for name, request in kinds:
        seconds, times, failed = storm(base, clients, requests, request)
        quantiles = statistics.quantiles(times, n=100)
        rate = len(times) / seconds
        print(f"| {name} | {rate:.0f} | {quantiles[49] * 1000:.0f} | {quantiles[98] * 1000:.0f} | {failed} |")


def storm(base: str, clients: int, requests: int, request: Request) -> tuple[float, list[float], int]:
    """(wall seconds, seconds of each request, how many failed) of so many clients at once."""
    times: list[float] = []
    failed = 0
    lock = threading.Lock()
    start = threading.Barrier(clients + 1)

    def client() -> None:
        nonlocal failed
        mine, wrong = [], 0
        with httpx.Client(base_url=base, timeout=30) as http:
            http.get("/health/simple")  # the connection is made before the clock runs
            start.wait()
            for _ in range(requests):
                began = time.perf_counter()
                try:
                    wrong += request(http).status_code >= 400
                except httpx.HTTPError:
                    wrong += 1
                mine.append(time.perf_counter() - began)
        with lock:
            times.extend(mine)
            failed += wrong

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, times, failed


def print_memory(service: LiveService) -> None:
    """Proportional set size of every process of the service, by program."""
    sizes: dict[str, int] = {}
    for pid in [service.pid, *descendants(service.pid)]:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            name = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        words = ("mongod", "valkey", "gunicorn", "celery", "scheduler", "start_server")
        program = next((word for word in words if word in name), "other")
        kilobytes = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        sizes[program] = sizes.get(program, 0) + kilobytes
    print("memory at rest (PSS): " + ", ".join(f"{name} {size / 1024:.0f} MB" for name, size in sorted(sizes.items())))
    print(f"in all {sum(sizes.values()) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
