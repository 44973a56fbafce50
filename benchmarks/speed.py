"""How long a clip takes from the request to its last byte, beside the raw transfer and yt-dlp.

``python -m benchmarks.speed``: the whole service with its embedded stores, over HTTP, against the offline YouTube,
which plays the long film of ``benchmarks.clip_film`` in a process of its own on the same processors: TLS behind a
proxy, each connection limited and each reply delayed as a distant content network would. The link has been looked up
before, for all ways alike. *Raw* is as many bytes as the service was sent, over eight new connections, with nothing
done to them. yt-dlp cuts with FFmpeg at key frames, so its clips are not exact; how many frames they are off is told.

Each clip starts at another place of the film, so that nothing is reused, and as far behind a key frame as the next of
three distances. ``--ten`` makes ten clips at once instead, and asks for a status ten times a second meanwhile.
"""

from __future__ import annotations

import argparse
import functools
import json
import mmap
import multiprocessing
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from http.client import HTTPSConnection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.clip_film import FPS, GOP_FRAMES, NOISY, SECONDS, picture, sound
from benchmarks.memory import processor_seconds
from tests.tools.live_service import LiveService, running_service
from tests.tools.media_kit import FFMPEG, Film, frame_numbers
from tests.tools.offline_youtube import player
from tests.tools.offline_youtube.ladder import RUNGS, Rung
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

CONNECTIONS = 8
NETWORKS = {"slow": (2e6, 0.060), "fast": (20e6, 0.010), "none": (None, 0.0)}
"""Bytes per second of a connection, and the delay of a reply in seconds."""
# Seconds behind a key frame: just after it, in the middle of its group, and just before the next one.
DISTANCES = (Fraction("0.3"), Fraction("2.5"), Fraction("4.7"))
GROUP = Fraction(GOP_FRAMES, FPS)
LINK = OfflineYoutube.url(VideoId.LADDER)
ACCOUNT = {"email": "bench@example.com", "password": "SecurePass123!"}


class LongRung(Rung):
    """A format of the long film; ``path`` is its file."""

    path: Path

    @functools.cached_property
    def data(self) -> bytes:
        """The file, read where it is asked for."""
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[return-value]

    def describe(self) -> dict[str, object]:
        """The format as the player interface tells it."""
        told = super().describe()
        return {**told, "bitrate": len(self.data) * 8 // SECONDS, "approxDurationMs": str(SECONDS * 1000)}


def long_rung(itag: int, path: Path, mime: str, quality: str, audio_quality: str | None = None) -> LongRung:
    """The format of that number in this file."""
    fields: dict[str, Any] = {"codec": None} if audio_quality else {"size": (1920, 1080), "audio": None}
    rung = LongRung(itag, Film(fps=Fraction(FPS), **fields), ".mp4", mime, quality, audio_quality)
    object.__setattr__(rung, "path", path)
    return rung


def serve(rate: float | None, delay: float, pipe: Connection) -> None:
    """The site's process: tells how it is reached, then how many bytes of media it sent since the last question."""
    player.SECONDS = SECONDS  # type: ignore[attr-defined]
    aac = 'audio/mp4; codecs="mp4a.40.2"'
    RUNGS["ladder"] = (
        long_rung(137, picture("h264"), 'video/mp4; codecs="avc1.640028"', "hd1080"),
        long_rung(140, sound("aac"), aac, "tiny", "AUDIO_QUALITY_MEDIUM"),
    )
    with OfflineYoutube(bytes_per_second=rate, round_trip_seconds=delay) as site:
        pipe.send((site.proxy_url, site.environment(), site.options()))
        seen = 0
        while pipe.recv():
            media = site.media_requests(VideoId.LADDER)
            sent = sum(request.bytes_sent for request in media[seen:])
            pipe.send((sent, len(media) - seen))
            seen = len(media)


@dataclass
class Site:
    """The site as the measuring process sees it."""

    proxy_url: str
    environment: dict[str, str]
    options: dict[str, Any]
    pipe: Connection

    def sent(self) -> tuple[int, int]:
        """Bytes and requests of media since the last question."""
        self.pipe.send(True)
        answer: tuple[int, int] = self.pipe.recv()
        return answer


@dataclass(frozen=True)
class Clip:
    """What is asked for, in seconds of the film."""

    start: Fraction
    end: Fraction


def places(seconds: int, number: int) -> list[Clip]:
    """So many clips, each at another place of the part that costs an encoder what real pictures do."""
    room = (NOISY[1] - NOISY[0] - seconds) // GROUP - 1
    starts = [NOISY[0] + GROUP * (place * 7 % room) + DISTANCES[place % 3] for place in range(number)]
    return [Clip(start, start + seconds) for start in starts]


# The ways.


class Client:
    """A user of the service with an account and a link that has been looked up."""

    def __init__(self, service: LiveService) -> None:
        self.http = httpx.Client(base_url=f"{service.base}/api", timeout=600)
        self.user = self.http.post("/auth/register", json=ACCOUNT).raise_for_status().json()["user_id"]
        token = self.http.post("/auth/login", json=ACCOUNT).raise_for_status().json()["token"]
        self.private = {"Authorization": f"Bearer {token}"}
        public = self.http.get("/auth/token/public").raise_for_status().json()["token"]
        self.public = {"Authorization": f"Bearer {public}"}
        self.http.post("/video/resolutions", json={"url": LINK}).raise_for_status()

    def save(self, clip: Clip) -> str:
        """Its id."""
        body = {"url": LINK, "start_time": float(clip.start), "end_time": float(clip.end), "user_id": self.user}
        return str(self.http.post("/video/save", json=body, headers=self.public).raise_for_status().json()["video_id"])

    def fetch(self, video_id: str, path: Path) -> None:
        """Request the clip and receive its file."""
        headers = {**self.private, "Prefer": "wait=300"}
        with (
            path.open("wb") as file,
            self.http.stream("POST", f"/video/download/{video_id}", json={}, headers=headers) as answer,
        ):
            answer.raise_for_status()
            for data in answer.iter_raw(1 << 18):
                file.write(data)

    def status(self, video_id: str) -> None:
        """Ask for it."""
        self.http.get(f"/video/status/{video_id}", headers=self.private).raise_for_status()


def raw(site: Site, url: str, first: int, count: int) -> float:
    """Seconds that so many bytes of the picture need over eight new connections."""
    parts, proxy = urlsplit(url), urlsplit(site.proxy_url)
    share = -(-count // CONNECTIONS)

    def piece(number: int) -> None:
        begin = first + number * share
        context = ssl._create_unverified_context()  # noqa: S323 (a site of this machine)
        connection = HTTPSConnection(proxy.hostname or "", proxy.port, context=context, timeout=60)
        connection.set_tunnel(parts.hostname or "", 443)
        headers = {"Range": f"bytes={begin}-{begin + share - 1}"}
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        answer = connection.getresponse()
        while answer.read(1 << 18):
            pass
        connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(piece, range(CONNECTIONS)))
    return time.monotonic() - began


def sections(options: dict[str, Any], clip: Clip, output: Path) -> dict[str, Any]:
    """yt-dlp's section of a link that it has looked up, measured in this process."""
    import yt_dlp

    named = output.parent / "ffmpeg"
    named.symlink_to(FFMPEG)  # yt-dlp looks for this name on the path
    os.environ["PATH"] = f"{named.parent}:{os.environ['PATH']}"
    ranges = yt_dlp.utils.download_range_func(None, [(float(clip.start), float(clip.end))])
    settings = {"quiet": True, "noprogress": True, "no_warnings": True, "format": "137+140"}
    settings |= {"outtmpl": str(output), "merge_output_format": "mp4", "download_ranges": ranges, **options}
    settings["external_downloader_args"] = {"ffmpeg_i": ["-tls_verify", "0"]}  # the site's certificate is its own
    with yt_dlp.YoutubeDL(settings) as downloader:
        info = downloader.extract_info(LINK, download=False)
        used, began = _cpu(), time.monotonic()
        downloader.process_ie_result(info, download=True)
        url = next(each["url"] for each in info["formats"] if each["format_id"] == "137")
        return {"wall": time.monotonic() - began, "cpu": _cpu() - used, "url": url}


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def sections_apart(site: Site, clip: Clip, output: Path) -> dict[str, Any]:
    """``sections`` in a fresh process."""
    asked = json.dumps([site.options, str(clip.start), str(clip.end), str(output)])
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed", "--child", asked]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


# What is measured.


def one_by_one(site: Site, service: LiveService, client: Client, seconds: int, rounds: int) -> None:
    """Print the rows of one network and one length."""
    rows: dict[str, list[tuple[float, float, int, int]]] = {"service": [], "yt-dlp sections": [], "raw": []}
    off: dict[str, set[str]] = {"service": set(), "yt-dlp sections": set()}
    for clip in places(seconds, rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder) / "ours.mp4", Path(folder) / "theirs.mp4"
            video_id = client.save(clip)
            site.sent()
            used, began = processor_seconds(service), time.monotonic()
            client.fetch(video_id, ours)
            wall = time.monotonic() - began
            time.sleep(0.5)  # until its processes have been waited for
            sent, requests = site.sent()
            rows["service"].append((wall, processor_seconds(service) - used, sent, requests))
            result = sections_apart(site, clip, theirs)
            their_bytes, their_requests = site.sent()
            rows["yt-dlp sections"].append((result["wall"], result["cpu"], their_bytes, their_requests))
            first = int(clip.start / SECONDS * picture("h264").stat().st_size)
            rows["raw"].append((raw(site, result["url"], first, sent), 0.0, sent, CONNECTIONS))
            if len(rows["raw"]) <= len(DISTANCES):
                off["service"].add(frames_off(ours, clip))
                off["yt-dlp sections"].add(frames_off(theirs, clip))
    for way, runs in rows.items():
        wall, cpu, sent, requests = (statistics.median(column) for column in zip(*runs, strict=True))
        walls = [run[0] for run in runs]
        spread = f"{min(walls):.2f}-{max(walls):.2f}"
        wrong = ", ".join(sorted(off.get(way, set())))
        print(
            f"| {seconds} s | {way} | {wall:.2f} ({spread}) | {cpu:.2f} | {sent / 1e6:.1f} | {requests:.0f} | {wrong} |"
        )


def frames_off(path: Path, clip: Clip) -> str:
    """Frames too many (+) or too few (-) at the start and at the end, in players that honour edit lists."""
    first, last = -int(-clip.start * FPS // 1), -int(-clip.end * FPS // 1) - 1
    shown = [frame.number for frame in frame_numbers(path, edit_list=True)]
    return f"{first - shown[0]:+d}/{shown[-1] - last:+d}"


def ten_at_once(service: LiveService, client: Client) -> None:
    """Print how long ten clips of ten seconds take together, and how long a status takes meanwhile."""
    ids = [client.save(clip) for clip in places(10, 10)]
    took: list[float] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            began = time.monotonic()
            client.status(ids[0])
            took.append(time.monotonic() - began)
            done.wait(max(0.0, 0.1 - took[-1]))

    poller = threading.Thread(target=poll)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(10) as threads:
        poller.start()
        used, began = processor_seconds(service), time.monotonic()
        list(threads.map(lambda video_id: client.fetch(video_id, Path(folder) / video_id), ids))
        wall = time.monotonic() - began
        done.set()
        poller.join()
    cpu = processor_seconds(service) - used
    p99 = statistics.quantiles(took, n=100)[-1]
    print(
        f"ten at once: {wall:.2f} s, {10 / wall:.2f} a second, {cpu / 10:.2f} CPU s each; "
        f"{len(took)} statuses, p50 {statistics.median(took) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    options.add_argument("--seconds", nargs="*", type=int, default=[60, 10])
    options.add_argument("--rounds", type=int, default=6, help="clips of each length (6)")
    options.add_argument("--ten", action="store_true")
    options.add_argument("--child", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        asked, start, end, output = json.loads(chosen.child)
        print(json.dumps(sections(asked, Clip(Fraction(start), Fraction(end)), Path(output))))
        return
    context = multiprocessing.get_context("spawn")
    for network in chosen.networks:
        here, there = multiprocessing.Pipe()
        process = context.Process(target=serve, args=(*NETWORKS[network], there), daemon=True)
        process.start()
        proxy_url, settings, options_there = here.recv()
        site = Site(proxy_url, settings, options_there, here)
        # What one clip has fetched must not help the next one: each is the first of its video.
        environment = {**site.environment, "SHARED_MEDIA_MB": "0", "RATE_LIMIT_ENABLED": "false"}
        print(f"\nNetwork: {network}\n")
        with running_service(environment) as service:
            client = Client(service)
            if chosen.ten:
                ten_at_once(service, client)
            else:
                print("| clip | way | wall s (range) | CPU s | MB | requests | frames off |")
                print("|---|---|---|---|---|---|---|")
                for seconds in chosen.seconds:
                    one_by_one(site, service, client, seconds, chosen.rounds)
        here.send(False)
        process.join()


if __name__ == "__main__":
    main()
