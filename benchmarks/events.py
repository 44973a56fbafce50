"""200 listeners of event streams and 50 pollers at once: failures, times of a status, processor time, memory.

``python -m benchmarks.events [--listeners 200] [--pollers 50] [--seconds 20] [--encodes 0]``: the whole service on this
machine, a job that tells a reading twice a second, pollers that ask for its status twice a second; first alone, then
beside listeners, then beside encodes as well. How late a mere sleeper wakes up tells how quiet the machine is.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from src.config import Settings
from src.launcher.joining import join
from src.services.cache_service import CacheService, connect_redis
from src.services.progress_cache import ProgressCache
from tests.tools.live_service import LiveService, running_service
from tests.tools.media_kit import Film, cached_film

ACCOUNT = {"email": "user@example.com", "password": "SecurePass123!"}
LINK = "https://youtube.com/watch?v=dQw4w9WgXcQ"
PAUSE_SECONDS = 0.5
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Asked:
    """What pollers saw: seconds of each answer, how many were none, and how late sleepers woke up."""

    times: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass
class Heard:
    """What listeners saw: how many events each, and how many streams broke or were refused."""

    events: list[int]
    failed: int


def main() -> None:
    """Start a service and tell the numbers."""
    parser = argparse.ArgumentParser()
    for name, number in (("listeners", 200), ("pollers", 50), ("seconds", 20), ("encodes", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    environment = {
        "RATE_LIMIT_ENABLED": "false",
        "PASSWORD_HASH_COST": "4",
        "YTDLP_PROXY": "http://127.0.0.1:9",
        "ENCODE_WORKERS": str(max(options.encodes, 1)),
    }
    with running_service(environment) as service, httpx.Client(base_url=service.base, timeout=120) as http:
        token, video_id = begin(http)
        status = f"/api/video/status/{video_id}"
        print("| beside | polls | failed | p50 ms | p99 ms | API CPU ms a poll | API MB | a sleeper's delay p99 ms |")
        print("|---|---|---|---|---|---|---|---|")

        def row(beside: str) -> None:
            asked, seconds = measured(service, token, status, options.pollers, options.seconds)
            cost = f"{seconds / len(asked.times) * 1000:.1f}"
            memory = f"{memory_mb(service.processes('gunicorn')):.0f}"
            numbers = [len(asked.times), asked.failed, at(asked.times, 0.5), at(asked.times, 0.99), cost, memory]
            print("|", " | ".join(map(str, [beside, *numbers, at(asked.late, 0.99)])), "|", flush=True)

        with readings(service, video_id):
            row("nothing")
            paths = [f"/api/jobs/{video_id}/events", "/api/events"]
            with listening(service, token, paths, options.listeners) as heard:
                row(f"{options.listeners} listeners")
                if options.encodes:
                    encode(http, token, options.encodes)
                    row(f"{options.listeners} listeners, {options.encodes} encodes")
        print(f"\nlisteners that failed: {heard.failed}; events heard by each: {min(heard.events)}-{max(heard.events)}")


def begin(http: httpx.Client) -> tuple[dict[str, str], str]:
    """The headers of a login, and a saved clip."""
    user_id = http.post("/api/auth/register", json=ACCOUNT).json()["user_id"]
    token = {"Authorization": f"Bearer {http.post('/api/auth/login', json=ACCOUNT).json()['token']}"}
    body = {"url": LINK, "start_time": 1, "end_time": 5, "user_id": user_id}
    return token, str(http.post("/api/video/save", json=body, headers=token).json()["video_id"])


def encode(http: httpx.Client, token: dict[str, str], number: int) -> None:
    """Begin so many encodes that last longer than the measurement."""
    film = cached_film(Film(size=(1280, 720), seconds=Fraction(60), noise=20), ".mp4")
    for _ in range(number):
        with film.open("rb") as file:
            sent = http.post("/api/encode/upload", files={"video": ("film.mp4", file)}, headers=token).json()
        body = {"video_codec": "h265", "quality_preset": "lossless"}
        at_once = {**token, "Prefer": "respond-async"}
        http.post(f"/api/encode/start/{sent['encode_id']}", json=body, headers=at_once).raise_for_status()
    time.sleep(3)


@contextmanager
def readings(service: LiveService, video_id: str) -> Iterator[None]:
    """A reading of this job twice a second, as a worker writes it."""
    environ = {"DATA_DIR": str(service.folder / "data")}
    progress = ProgressCache(CacheService(connect_redis(join(Settings.load(environ, None, None)).redis_uri)))
    done = threading.Event()

    def tell() -> None:
        percent = 0.0
        while not done.wait(PAUSE_SECONDS):
            percent = (percent + 0.1) % 100
            reading = {"current_phase": "downloading", "download_progress": round(percent, 1), "speed": "2.3x"}
            progress.set_progress(video_id, {**reading, "encoding_progress": 0, "eta": "03:24"})

    thread = threading.Thread(target=tell)
    thread.start()
    yield
    done.set()
    thread.join()


@contextmanager
def listening(service: LiveService, token: dict[str, str], paths: list[str], number: int) -> Iterator[Heard]:
    """Listeners in a process of their own; what they heard is known when this is left."""
    ours, theirs = multiprocessing.Pipe()
    asked = (service.base, token["Authorization"], paths, number, theirs)
    process = multiprocessing.get_context("spawn").Process(target=listen_all, args=asked)
    process.start()
    ours.recv()
    heard = Heard([], 0)
    yield heard
    ours.send("enough")
    heard.events, heard.failed = ours.recv()
    process.join()


def listen_all(base: str, authorization: str, paths: list[str], number: int, parent: Connection) -> None:
    """Listen until the parent has enough."""
    address = urlsplit(base)
    events, broken = [0] * number, [False] * number
    connected = asyncio.Semaphore(0)

    async def listen(place: int) -> None:
        lines = [f"GET {paths[place % len(paths)]} HTTP/1.1", f"Host: {address.netloc}"]
        request = "\r\n".join([*lines, f"Authorization: {authorization}", "", ""])
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request.encode())
        broken[place] = not (await reader.readline()).startswith(b"HTTP/1.1 200")
        connected.release()
        while line := await reader.readline():
            events[place] += line.startswith(b"data:")
        broken[place] = True

    async def listen_to_all() -> None:
        tasks = [asyncio.create_task(listen(place)) for place in range(number)]
        for _ in tasks:
            await connected.acquire()
        parent.send("all are connected")
        await asyncio.to_thread(parent.recv)
        parent.send((events, sum(broken)))
        for task in tasks:
            task.cancel()

    asyncio.run(listen_to_all())


def measured(
    service: LiveService, token: dict[str, str], path: str, pollers: int, seconds: float
) -> tuple[Asked, float]:
    """What pollers see, and the seconds of processor time that the API takes meanwhile."""
    before = cpu_seconds(service.processes("gunicorn"))
    asked = asyncio.run(poll_all(service.base, token, path, pollers, seconds))
    return asked, cpu_seconds(service.processes("gunicorn")) - before


async def poll_all(base: str, token: dict[str, str], path: str, pollers: int, seconds: float) -> Asked:
    """Ask for a status twice a second, each poller on a connection of its own."""
    asked = Asked()
    until = time.monotonic() + seconds
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)

    async def poll(http: httpx.AsyncClient) -> None:
        await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                asked.failed += (await http.get(path, headers=token)).status_code != 200
            except httpx.HTTPError:
                asked.failed += 1
            asked.times.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS)

    async def sleep() -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            asked.late.append(time.monotonic() - began - 0.01)

    async with httpx.AsyncClient(base_url=base, timeout=60, limits=unlimited) as http:
        await asyncio.gather(sleep(), *(poll(http) for _ in range(pollers)))
    return asked


def at(seconds: list[float], part: float) -> str:
    """The time, in ms, that this part of all stayed below."""
    return f"{sorted(seconds)[int(len(seconds) * part)] * 1000:.1f}"


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of these processes so far. man 5 proc_pid_stat, fields 14 and 15."""
    spent = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13] for pid in pids]
    return sum(int(each) for both in spent for each in both) / _TICK


def memory_mb(pids: list[int]) -> float:
    """Private and shared memory of these processes, each page counted in its share."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


if __name__ == "__main__":
    main()
