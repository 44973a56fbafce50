"""How long a clip takes: this engine beside yt-dlp, FFmpeg by hand and a full download, in one run.

    python -m benchmarks.clip [--codec h264|vp9] [--rounds 3] [--seconds 60] [--unthrottled] [--short]

The film (see ``clip_film``) is served from a process of its own, throttled per connection and with a round trip, as
content networks do. Every way runs in a fresh process; wall and CPU time count from the first request to the finished
file, children included. Frames off: frames too many (+) or too few (-) at the start and at the end, as a player that
honours edit lists shows the clip, and as one that ignores them does.

The ways named *service* are what a worker does for a clip, from the start of the engine's child to the verified file,
with forks of the template and with programs that start from nothing: their table also says how long the first request
took, and how long the file after its last byte. ``--short`` takes a film of 45 s, which is made in less than a minute.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.clip_film import FPS, SECONDS, picture, short_picture, short_sound, sound
from benchmarks.memory import processor_seconds_of
from tests.engines.clip.origin import Origin
from tests.tools.media_kit import FFMPEG, frame_numbers
from tests.tools.template import running_template

RATE, ROUND_TRIP_SECONDS, CONNECTIONS = 2_000_000, 0.060, 8
START, START_IN_SHORT = Fraction("600.7"), Fraction("20.7")


@dataclass(frozen=True)
class Setting:
    """What one way has to do."""

    video: str
    audio: str
    suffix: str
    start: Fraction
    end: Fraction
    output: str


def ours(setting: Setting, mode: str = "exact", connections: int = CONNECTIONS) -> None:
    """The engine."""
    from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
    from src.models.progress import SilentMonitor
    from src.services.cutting.engine.engine import clip
    from src.services.cutting.engine.model import CutOrder

    tracks = (Track(setting.video, has_audio=False), Track(setting.audio, has_video=False))
    order = CutOrder(
        ClipSource(tracks),
        ranges=(TimeRange(setting.start, setting.end),),
        outputs=(Path(setting.output),),
        work_dir=Path(setting.output).parent,
        network=NetworkSettings(connections=connections),
        mode=mode,  # type: ignore[arg-type]
    )
    (report,) = clip(order, SilentMonitor())
    print(f"    {report.method}, {report.encoded_frames} frames encoded", report.notes or "", file=sys.stderr)


def service(setting: Setting, forked: bool = True) -> None:
    """What a worker does: the engine in its sandbox, through the egress proxy, and the verification of its file."""
    from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
    from src.models.progress import SilentMonitor
    from src.services.cutting.acceptance import Expectation, accept
    from src.services.cutting.engine.model import CutOrder
    from src.services.cutting.sandbox import EngineSandbox
    from src.services.egress.policy import AllowList, Policy
    from src.services.egress.proxy import EgressProxy

    tracks = (Track(setting.video, has_audio=False), Track(setting.audio, has_video=False))
    folder, output = Path(setting.output).parent, Path(setting.output)
    egress = EgressProxy(Policy(AllowList.parse(f"127.0.0.1:{urlsplit(setting.video).port}")))
    with EngineSandbox(Path(FFMPEG), egress).engine() as engine, egress.session() as way:
        network = NetworkSettings(connections=CONNECTIONS, proxy=way.proxy_url)
        ranges = (TimeRange(setting.start, setting.end),)
        order = CutOrder(ClipSource(tracks), ranges, (output,), folder, network, ffmpeg=Path(FFMPEG))
        (report,) = engine.run("clip", order, SilentMonitor())
        assert report.sound is not None
        length, heard = report.actual.end - report.actual.start, (float(report.sound.start), float(report.sound.end))
        expected = Expectation(float(length), report.encoded_frames + report.copied_frames, heard)
        accept(output, expected, SilentMonitor())


def sections(setting: Setting, force: bool = False) -> None:
    """yt-dlp's download_ranges, with or without forced key frames."""
    import yt_dlp

    named = Path(setting.output).parent / "ffmpeg"
    named.symlink_to(FFMPEG)  # yt-dlp looks for this name, on the path, whatever its ffmpeg_location says
    os.environ["PATH"] = f"{named.parent}:{os.environ['PATH']}"
    options: dict[str, Any] = {
        "outtmpl": setting.output,
        "quiet": True,
        "noprogress": True,
        "format": "v+a",
        "merge_output_format": setting.suffix[1:],
        "download_ranges": yt_dlp.utils.download_range_func(None, [(float(setting.start), float(setting.end))]),
        "force_keyframes_at_cuts": force,
    }
    common = {"ext": setting.suffix[1:], "protocol": "http"}
    formats = [
        {"format_id": "v", "url": setting.video, "vcodec": "avc1", "acodec": "none", **common},
        {"format_id": "a", "url": setting.audio, "vcodec": "none", "acodec": "mp4a", **common},
    ]
    info = {"id": "film", "title": "film", "extractor": "benchmark", "extractor_key": "Generic", "formats": formats}
    with yt_dlp.YoutubeDL(options) as downloader:
        downloader.process_ie_result({**info, "webpage_url": setting.video, "duration": SECONDS}, download=True)


def ffmpeg_copy(setting: Setting) -> None:
    """FFmpeg by hand: seek in both inputs, copy."""
    _ffmpeg(setting, ["-c", "copy"])


def ffmpeg_exact(setting: Setting, speed: str = "") -> None:
    """FFmpeg by hand with the engine's promise: seek in both inputs, encode the picture, as that is its only exact way.

    ``speed``: "" is what comes without a thought, "fast" what a user in a hurry types, "fastest" the least work
    that it can do, at the quality of the engine's edges.
    """
    if setting.suffix == ".mp4":
        presets = {"": [], "fast": ["-preset", "veryfast"], "fastest": ["-preset", "ultrafast", "-crf", "15"]}
        encoder = ["-c:v", "libx264", *presets[speed]]
    else:
        encoder = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-row-mt", "1", "-cpu-used", "8" if speed else "5"]
    _ffmpeg(setting, [*encoder, "-c:a", "copy"])


def _ffmpeg(setting: Setting, codecs: list[str]) -> None:
    length = ["-t", str(float(setting.end - setting.start))]
    seek = ["-ss", str(float(setting.start)), *length]
    command = [FFMPEG, "-v", "error", *seek, "-i", setting.video, *seek, "-i", setting.audio, *codecs, *length]
    subprocess.run([*command, "-y", setting.output], check=True)


def full_download(setting: Setting) -> None:
    """All of both files with as many connections, then a copying cut."""
    from concurrent.futures import ThreadPoolExecutor

    import httpx

    folder = Path(setting.output).parent
    names = []
    with httpx.Client() as client, ThreadPoolExecutor(CONNECTIONS) as pool:
        for number, url in enumerate((setting.video, setting.audio)):
            answer = client.get(url, headers={"Range": "bytes=0-0"})
            size = int(answer.headers["content-range"].rpartition("/")[2])
            names.append(folder / f"whole{number}{setting.suffix}")
            with names[-1].open("wb") as file:

                def piece(first: int, url: str = url, size: int = size, fd: int = file.fileno()) -> None:
                    asked = {"Range": f"bytes={first}-{min(first + (8 << 20), size) - 1}"}
                    with client.stream("GET", url, headers=asked, timeout=60) as response:
                        for data in response.iter_raw(1 << 18):
                            os.pwrite(fd, data, first)
                            first += len(data)

                list(pool.map(piece, range(0, size, 8 << 20)))
    _ffmpeg(replace(setting, video=str(names[0]), audio=str(names[1])), ["-c", "copy"])


WAYS: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "engine, exact": (ours, {}),
    "engine, key frame": (ours, {"mode": "keyframe"}),
    "engine, exact, 1 connection": (ours, {"connections": 1}),
    "engine, exact, 16 connections": (ours, {"connections": 16}),
    "service": (service, {}),
    "service, programs": (service, {"forked": False}),
    "yt-dlp sections": (sections, {}),
    "yt-dlp sections, forced key frames": (sections, {"force": True}),
    "FFmpeg by hand, copy": (ffmpeg_copy, {}),
    "FFmpeg by hand, encode": (ffmpeg_exact, {}),
    "FFmpeg by hand, encode veryfast": (ffmpeg_exact, {"speed": "fast"}),
    "FFmpeg by hand, encode ultrafast": (ffmpeg_exact, {"speed": "fastest"}),
    "full download, then copy": (full_download, {}),
}


def measured(name: str, setting: Setting) -> dict[str, float]:
    """Wall and CPU seconds of one way, in this process."""
    way, options = WAYS[name]
    if way is sections:
        import yt_dlp  # noqa: F401 (its import is not what is measured)
    elif way is ours:
        import src.services.cutting.engine.engine
    elif way is service:
        import src.services.cutting.acceptance
        import src.services.cutting.sandbox  # noqa: F401
        from src.utils.sandbox import available

        available()
    with running_template() if way is service and options.get("forked", True) else nullcontext() as template:

        def cpu() -> float:
            who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
            used = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))
            return used + (processor_seconds_of(template.pid) if template else 0)

        used, began = cpu(), time.monotonic()
        way(setting, **options)
        ended = time.monotonic()
        time.sleep(0.2 if template else 0)  # until its forks are collected
        return {"wall": ended - began, "cpu": cpu() - used, "began": began, "ended": ended}


class TimedOrigin(Origin):
    """Remembers when its first and last bytes were sent, by the clock of the machine."""

    first = last = 0.0

    @property
    def bytes_sent(self) -> int:
        """All bytes so far."""
        return self._sent

    @bytes_sent.setter
    def bytes_sent(self, value: int) -> None:
        self._sent, self.last = value, time.monotonic()


def serve(files: dict[str, Path], rate: float | None, delay: float, pipe: Connection) -> None:
    """The origin's process: tells its addresses, then bytes, requests and their times so far at each question."""
    with TimedOrigin(dict(files), bytes_per_second=rate, round_trip_seconds=delay) as origin:

        def note(number: int) -> None:
            origin.first = origin.first or time.monotonic()

        origin.on_request = note
        pipe.send({name: origin.url(name) for name in files})
        while pipe.recv():
            pipe.send((origin.bytes_sent, origin.requests, origin.first, origin.last))
            origin.bytes_sent = origin.requests = 0
            origin.first = 0.0


def frames_off(path: str, start: Fraction, end: Fraction, edit_list: bool) -> str:
    """How many frames too many (+) or too few (-) the clip has at its start and end."""
    first, last = -int(-start * FPS // 1), -int(-end * FPS // 1) - 1
    shown = [frame.number for frame in frame_numbers(Path(path), edit_list=edit_list)]
    return f"{first - shown[0]:+d}/{shown[-1] - last:+d}"


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--codec", choices=("h264", "vp9"), default="h264")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--unthrottled", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="*", default=list(WAYS))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, fields = arguments.child[0], json.loads(arguments.child[1])
        fields |= {"start": Fraction(fields["start"]), "end": Fraction(fields["end"])}
        print(json.dumps(measured(name, Setting(**fields))))
        return
    suffix = ".mp4" if arguments.codec == "h264" else ".webm"
    if arguments.short:
        start, files = START_IN_SHORT, {"v.mp4": short_picture(), "a.mp4": short_sound()}
    else:
        files = {f"v{suffix}": picture(arguments.codec), f"a{suffix}": sound("aac" if suffix == ".mp4" else "opus")}
        start = START
    rate, delay = (None, 0.0) if arguments.unthrottled else (float(RATE), ROUND_TRIP_SECONDS)
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    origin = context.Process(target=serve, args=(files, rate, delay, there), daemon=True)
    origin.start()
    urls = here.recv()
    end = start + arguments.seconds
    results: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.only}
    off: dict[str, tuple[str, str]] = {}
    for number in range(arguments.rounds):
        for name in arguments.only:
            with tempfile.TemporaryDirectory() as folder:
                output = f"{folder}/clip{suffix}"
                fields = {"video": urls[f"v{suffix}"], "audio": urls[f"a{suffix}"], "suffix": suffix}
                fields |= {"start": str(start), "end": str(end), "output": output}
                here.send(True)
                here.recv()
                command = [sys.executable, "-W", "ignore", "-m", "benchmarks.clip", "--child", name, json.dumps(fields)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                result = json.loads(done.stdout.strip().splitlines()[-1])
                here.send(True)
                sent, requests, first, last = here.recv()
                result |= {"first": first - result.pop("began"), "after": result.pop("ended") - last}
                results[name].append({**result, "bytes": sent, "requests": requests})
                if number == 0:
                    off[name] = (
                        frames_off(output, start, end, edit_list=True),
                        frames_off(output, start, end, edit_list=False),
                    )
                print(f"  round {number + 1} {name}: {result['wall']:.2f} s", file=sys.stderr, flush=True)
    here.send(False)
    table(results, off, rate)


def table(results: dict[str, list[dict[str, float]]], off: dict[str, tuple[str, str]], rate: float | None) -> None:
    """Medians, and ratios to the engine's exact way."""
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in results.items()
    }
    base = medians.get("engine, exact") or next(iter(medians.values()))
    if rate is not None:
        limit = base["bytes"] / (CONNECTIONS * rate) + 2 * ROUND_TRIP_SECONDS
        print(
            f"wire limit, {CONNECTIONS} connections: {limit:.2f} s; engine, exact: {base['wall'] / limit:.2f} x of it"
        )
    print("| way | wall s (best) | x engine | CPU s | to first request s | after last byte s | MB | requests ", end="")
    print("| frames off | ignoring edit lists |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, row in medians.items():
        best = min(run["wall"] for run in results[name])
        cells = [name, f"{row['wall']:.2f} ({best:.2f})", f"{row['wall'] / base['wall']:.2f}", f"{row['cpu']:.2f}"]
        cells += [f"{row['first']:.2f}", f"{row['after']:.2f}"]
        cells += [f"{row['bytes'] / 1e6:.1f}", f"{row['requests']:.0f}", *off[name]]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
