"""200 listeners of one service's event streams and 50 pollers at once: failures, times of a status, memory.

``python -m benchmarks.events [listeners] [pollers] [seconds]``
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import httpx

from tests.live_service import LiveService, running_service

ACCOUNT = {"email": "user@example.com", "password": "SecurePass123!"}
LINK = "https://youtube.com/watch?v=dQw4w9WgXcQ"


def memory_mb(pids: list[int]) -> float:
    """Private and shared memory of these processes, each page counted in its share."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


async def listen(http: httpx.AsyncClient, token: dict[str, str], path: str, heard: list[int], place: int) -> str:
    """Follow a stream until it is cancelled; what went wrong, if anything."""
    try:
        async with http.stream("GET", path, headers=token) as reply:
            if reply.status_code != 200:
                return f"{reply.status_code}"
            async for line in reply.aiter_lines():
                heard[place] += line.startswith("data:")
        return ""
    except httpx.HTTPError as error:
        return repr(error)


async def poll(http: httpx.AsyncClient, token: dict[str, str], path: str, until: float, times: list[float]) -> int:
    """Ask for a status twice a second; how often it failed."""
    failed = 0
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            reply = await http.get(path, headers=token)
            failed += reply.status_code != 200
        except httpx.HTTPError:
            failed += 1
        times.append(time.monotonic() - began)
        await asyncio.sleep(0.5)
    return failed


async def measure(service: LiveService, listeners: int, pollers: int, seconds: float) -> dict[str, object]:
    """The numbers of one run."""
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=service.base, timeout=httpx.Timeout(60), limits=unlimited) as http:
        user_id = (await http.post("/api/auth/register", json=ACCOUNT)).json()["user_id"]
        login = (await http.post("/api/auth/login", json=ACCOUNT)).json()
        token = {"Authorization": f"Bearer {login['token']}"}
        body = {"url": LINK, "start_time": 1, "end_time": 5, "user_id": user_id}
        public = (await http.get("/api/auth/token/public")).json()["token"]
        saved = await http.post("/api/video/save", json=body, headers={"Authorization": f"Bearer {public}"})
        video_id = saved.json()["video_id"]
        processes = service.processes("gunicorn")
        before = memory_mb(processes)
        heard = [0] * listeners
        paths = [f"/api/jobs/{video_id}/events", "/api/events"]
        tasks = [asyncio.create_task(listen(http, token, paths[place % 2], heard, place)) for place in range(listeners)]
        await asyncio.sleep(5)
        times: list[float] = []
        until = time.monotonic() + seconds
        status = f"/api/video/status/{video_id}"
        polls = [asyncio.create_task(poll(http, token, status, until, times)) for _ in range(pollers)]
        failed_polls = sum(await asyncio.gather(*polls))
        during = memory_mb(service.processes("gunicorn"))
        ended = [task.result() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        times.sort()
        return {
            "listeners": listeners,
            "listeners that failed": [one for one in ended if one],
            "listeners that heard": sum(count > 0 for count in heard),
            "polls": len(times),
            "polls that failed": failed_polls,
            "status p50 ms": round(statistics.median(times) * 1000, 1),
            "status p99 ms": round(times[int(len(times) * 0.99)] * 1000, 1),
            "API memory MB before": round(before),
            "API memory MB with listeners": round(during),
        }


def main() -> None:
    """Start a service and tell the numbers."""
    listeners, pollers, seconds = [*map(int, sys.argv[1:]), 200, 50, 20][:3] if len(sys.argv) > 3 else (200, 50, 20)
    with running_service({"RATE_LIMIT_ENABLED": "false", "PASSWORD_HASH_COST": "4"}) as service:
        print(json.dumps(asyncio.run(measure(service, listeners, pollers, seconds)), indent=2))


if __name__ == "__main__":
    main()
