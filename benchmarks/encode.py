"""Our encodes beside the plain command with the documented numbers: eight videos, three codecs, in one run.

    python -m benchmarks.encode [--codecs h264,av1] [--qualities high,lossless] [--videos day,road] [--rounds 1]
                                [--again] [--page]

For each video, codec and preset both ways are run in turn (three times for 5 s, once for the longer ones), and the
medians of the processor time are compared: user and system of all processes, ours with probe, check and the service
itself. Where the VMAF of both differs by more than 0.1, time and bytes of the plain command at our VMAF are read off
the line through two of its rate factors (bytes as a logarithm). Results are stored beside the videos for each version
of FFmpeg and each setting, so an interrupted run goes on; ``--again`` measures again. ``--page`` writes the tables into
docs/benchmarks/encode.md.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from benchmarks.encode_page import write_table
from benchmarks.encode_runs import ENCODERS, LOSSLESS, PROGRAM, Measured, ours, plain, run, same_video, vmaf
from benchmarks.videos import VIDEOS, Video, made
from src.models.params import Codec, Quality
from src.services.encoding.presets import CRF, encoder_options
from tests.tools.media_kit import cached_file, media_cache

SAME_VMAF = 0.1
STEP = 2  # rate factors between the two points of the plain command
ROUNDS = {5: 3, 18: 1, 60: 1}


@dataclass(frozen=True)
class Compared:
    """Both ways for one video, codec and preset; ``time`` and ``size`` are ours by the plain command's at our VMAF."""

    plain_seconds: float
    plain_bytes: int
    plain_vmaf: float
    our_seconds: float
    our_bytes: int
    our_vmaf: float
    time: float
    size: float


class Store:
    """Results of earlier runs, by what was measured."""

    def __init__(self, *, again: bool) -> None:
        self._path = media_cache().parent / "benchmarks" / "encode.json"
        self._known: dict[str, dict[str, float]] = {}
        if self._path.exists():
            self._known = json.loads(self._path.read_text())
        self._again = again

    def get(self, video: Video, codec: Codec, quality: Quality, rounds: int | None) -> Compared:
        """The stored result, or the measured one, which is stored."""
        options = encoder_options(ENCODERS[codec], codec, quality, frame_rate=video.fps)
        key = " ".join(
            [
                Path(PROGRAM).name,
                source_of(video, codec, quality).stem,
                codec,
                quality,
                *(f"{n}={v}" for n, v in options),
            ]
        )
        if key not in self._known or self._again:
            self._known[key] = asdict(compare(video, codec, quality, rounds))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._known, indent=1))
        return Compared(**self._known[key])  # type: ignore[arg-type]


def compare(video: Video, codec: Codec, quality: Quality, rounds: int | None = None) -> Compared:
    """Measure one video, codec and preset."""
    source = source_of(video, codec, quality)
    encoder = ENCODERS[codec]
    options = LOSSLESS[codec] if quality == "lossless" else ["-crf", str(CRF[codec][quality])]
    with tempfile.TemporaryDirectory() as folder:
        theirs, mine, other = (Path(folder) / name for name in ("plain.mp4", "ours.mp4", "other.mp4"))
        found: tuple[list[Measured], list[Measured]] = ([], [])
        for turn in range(rounds or ROUNDS[video.seconds]):
            for way in (0, 1) if turn % 2 == 0 else (1, 0):
                one = ours(source, mine, codec, quality) if way else plain(source, theirs, encoder, options)
                found[way].append(one)
        plain_seconds, our_seconds = (statistics.median(one.cpu_seconds for one in way) for way in found)
        plain_bytes, our_bytes = found[0][0].size_bytes, found[1][0].size_bytes
        if quality == "lossless":
            both = our_seconds / plain_seconds, our_bytes / plain_bytes
            return Compared(plain_seconds, plain_bytes, 0.0, our_seconds, our_bytes, 0.0, *both)
        plain_vmaf = vmaf(source, theirs)
        our_vmaf = plain_vmaf if same_video(theirs, mine) else vmaf(source, mine)
        equal_seconds, equal_bytes = plain_seconds, float(plain_bytes)
        if abs(our_vmaf - plain_vmaf) > SAME_VMAF:
            step = STEP if our_vmaf < plain_vmaf else -STEP
            second = plain(source, other, encoder, ["-crf", str(CRF[codec][quality] + step)])
            way_there = (our_vmaf - plain_vmaf) / ((vmaf(source, other) - plain_vmaf) or math.copysign(0.01, -step))
            equal_bytes *= (second.size_bytes / plain_bytes) ** way_there
            equal_seconds *= (second.cpu_seconds / found[0][-1].cpu_seconds) ** way_there
        ratios = our_seconds / equal_seconds, our_bytes / equal_bytes
        return Compared(plain_seconds, plain_bytes, plain_vmaf, our_seconds, our_bytes, our_vmaf, *ratios)


def source_of(video: Video, codec: Codec, quality: Quality) -> Path:
    """The upload: the video itself, or as MPEG-4 where the service would rightly copy it instead of encoding it."""
    original = made(video)
    if quality != "lossless" or codec != "h264":
        return original
    command = ["-i", str(original), "-c:v", "mpeg4", "-q:v", "2", "-c:a", "copy"]
    return cached_file(f"{original.stem} {' '.join(command[2:])}", ".mp4", lambda path: _run([*command, str(path)]))


def _run(args: Sequence[str]) -> None:
    run(args)


HEAD = [
    "| video | length | plain: processor s | MB | VMAF | ours: processor s | MB | VMAF | time | size |",
    "|---|---|---|---|---|---|---|---|---|---|",
]


def row(video: Video, one: Compared) -> str:
    """One line of a table."""
    sides = [
        f"{seconds:.1f} | {size / 1e6:.2f} | {score:.2f}" if score else f"{seconds:.1f} | {size / 1e6:.2f} | -"
        for seconds, size, score in (
            (one.plain_seconds, one.plain_bytes, one.plain_vmaf),
            (one.our_seconds, one.our_bytes, one.our_vmaf),
        )
    ]
    name = f"{video.name} ({video.kind})"
    return f"| {name} | {video.seconds} s | {' | '.join(sides)} | {one.time:.2f} | {one.size:.2f} |"


def summary(title: str, found: Sequence[Compared]) -> str:
    """Median and worst of one codec and preset."""
    times, sizes = [one.time for one in found], [one.size for one in found]
    return (
        f"| {title} | {len(found)} | {statistics.median(times):.2f} | {max(times):.2f} "
        f"| {statistics.median(sizes):.2f} | {max(sizes):.2f} |"
    )


def main() -> None:
    """Measure, print, and write the page if asked."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--codecs", default=",".join(ENCODERS))
    asked.add_argument("--qualities", default="high,medium")
    asked.add_argument("--videos", default=",".join(video.name for video in VIDEOS))
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--again", action="store_true")
    asked.add_argument("--page", action="store_true")
    args = asked.parse_args()
    store = Store(again=args.again)
    videos = [video for video in VIDEOS if video.name in args.videos.split(",")]
    codecs = [codec for codec in get_args(Codec) if codec in args.codecs.split(",")]
    qualities = [quality for quality in get_args(Quality) if quality in args.qualities.split(",")]
    totals = [
        "| codec and preset | videos | time: median | worst | size: median | worst |",
        "|---|---|---|---|---|---|",
    ]
    tables: dict[str, list[str]] = {}
    for codec in codecs:
        for quality in qualities:
            title = f"{codec} {quality}"
            print(title, *HEAD, sep="\n", flush=True)
            found, rows = [], list(HEAD)
            for video in videos:
                found.append(store.get(video, codec, quality, args.rounds))
                rows.append(row(video, found[-1]))
                print(rows[-1], flush=True)
            totals.append(summary(title, found))
            tables[title] = rows
    print(*totals, sep="\n")
    if args.page:
        for title, rows in tables.items():
            write_table(title, rows)
        write_table("summary of lossless" if qualities == ["lossless"] else "summary", totals)


if __name__ == "__main__":
    main()
