"""Encodes measured: our settings beside the plain command with the documented numbers, in one run.

``python -m benchmarks.encode`` writes the table to docs/benchmarks/encode.md; with codecs behind it, it measures only
those and writes nothing. Time is processor time (user and system
of the encoder process), which a busy machine disturbs little; quality is VMAF (vmaf_v0.6.1), mean of all frames.
``python -m benchmarks.encode try libx264 "-preset faster -crf 21" ...`` measures settings of your own.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from src.models.params import Codec, Quality
from src.services.encode.presets import CRF
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg

QUALITIES: tuple[Quality, ...] = ("high", "medium")
PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks" / "encode.md"
SCENE_SECONDS = 2
# Four kinds of picture, each with grain: slow zoom over fine detail, a pan over soft texture, small things that move,
# and a cut to a dark, noisy scene.
SCENES = (
    "mandelbrot=s=1280x720:r=25:end_scale=0.2:maxiter=400,format=yuv420p,noise=alls=2:allf=t",
    "perlin=s=1600x720:r=25:octaves=6:persistence=0.6:seed=7,crop=1280:720:x='n*2':y=0,format=yuv420p,noise=alls=1:allf=t",
    "life=s=320x180:r=25:mold=12:death_color=#405060:life_color=#f0e0a0:seed=5,scale=1280:720:flags=bicubic,"
    "gblur=sigma=2,format=yuv420p",
    "gradients=s=1280x720:r=25:n=6:seed=3:speed=0.02,eq=brightness=-0.25,format=yuv420p,noise=alls=3:allf=t",
)


@dataclass(frozen=True)
class Measured:
    """One encode: processor seconds, wall seconds, bytes of video and sound, VMAF."""

    cpu_seconds: float
    wall_seconds: float
    size_bytes: int
    vmaf: float


def make_content(folder: Path) -> Path:
    """The film: the scenes one after the other, 720p25, lossless."""
    film = folder / "film.mkv"
    inputs = [part for scene in SCENES for part in ("-f", "lavfi", "-t", str(SCENE_SECONDS), "-i", scene)]
    chain = "".join(f"[{number}:v]" for number in range(len(SCENES))) + f"concat=n={len(SCENES)}[v]"
    run(
        [
            *inputs,
            "-filter_complex",
            chain,
            "-map",
            "[v]",
            "-c:v",
            "libx264",
            "-qp",
            "0",
            "-preset",
            "ultrafast",
            str(film),
        ]
    )
    return film


def run(args: Sequence[str]) -> float:
    """Run FFmpeg; its processor seconds."""
    command = [PROGRAM, "-hide_banner", "-nostdin", "-y", "-v", "error", *args]
    process = subprocess.Popen(command, env={"SVT_LOG": "1", "PATH": os.defpath})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"FFmpeg failed: {shlex.join(command)}")
    return usage.ru_utime + usage.ru_stime


def vmaf(film: Path, encoded: Path) -> float:
    """Mean VMAF of all frames."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        graph = f"[0:v]format=yuv420p[a];[1:v]format=yuv420p[b];[a][b]libvmaf=log_fmt=json:log_path={log}:n_threads=2"
        run(["-i", str(encoded), "-i", str(film), "-filter_complex", graph, "-f", "null", "-"])
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def plain(film: Path, out: Path, encoder: str, options: Sequence[str]) -> Measured:
    """The command that everybody types."""
    began = time.monotonic()
    cpu = run(["-i", str(film), "-c:v", encoder, *options, "-c:a", "aac", "-b:a", "192k", str(out)])
    return Measured(cpu, time.monotonic() - began, out.stat().st_size, vmaf(film, out))


def ours(film: Path, out: Path, codec: Codec, quality: Quality) -> Measured:
    """The whole service: probe, plan, encode, check."""
    before, began = os.times(), time.monotonic()
    EncodingService(FFmpeg(Path(PROGRAM))).encode_video_to_mp4(film, out, codec, quality)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Measured(cpu, time.monotonic() - began, out.stat().st_size, vmaf(film, out))


def line(name: str, found: Measured) -> str:
    """One row of the table."""
    size = found.size_bytes / 1e6
    return f"| {name} | {found.cpu_seconds:.1f} | {found.wall_seconds:.1f} | {size:.2f} | {found.vmaf:.2f} |"


def main(args: list[str]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = make_content(folder)
        if args and args[0] == "try":
            for options in args[2:]:
                print(
                    line(f"{args[1]} {options}", plain(film, folder / "out.mp4", args[1], shlex.split(options))),
                    flush=True,
                )
            return
        table = compare(film, folder, args)
        if not args:
            write_results(table)


def compare(film: Path, folder: Path, only: Sequence[str] = ()) -> str:
    """Plain command and ours, for each codec (or those of ``only``) and lossy preset, as a table.

    The plain command is measured at the documented factor and at two more, so that its size at exactly our quality can
    be told: on a line through both points, size as a logarithm over VMAF.
    """
    rows = [
        "| encode | processor s | wall s | MB | VMAF | time | size at equal VMAF |",
        "|---|---|---|---|---|---|---|",
    ]
    print(*rows, sep="\n", flush=True)
    plain_encoders: dict[Codec, str] = {"h264": "libx264", "h265": "libx265", "av1": "libsvtav1"}
    out = folder / "out.mp4"
    for codec, encoder in plain_encoders.items():
        if only and codec not in only:
            continue
        for quality in QUALITIES:
            crf = CRF[codec][quality]
            base = plain(film, out, encoder, ["-crf", str(crf)])
            other = plain(film, out, encoder, ["-crf", str(crf + 2)])
            mine = ours(film, out, codec, quality)
            slope = math.log(base.size_bytes / other.size_bytes) / max(base.vmaf - other.vmaf, 0.01)
            equal = base.size_bytes * math.exp(slope * (mine.vmaf - base.vmaf))
            ratios = f" {mine.cpu_seconds / base.cpu_seconds:.2f} | {mine.size_bytes / equal:.2f} |"
            found = [
                line(f"{codec} {quality}: `-c:v {encoder} -crf {crf}`", base) + " | |",
                line(f"{codec} {quality}: `-crf {crf + 2}`", other) + " | |",
                line(f"{codec} {quality}: **ours**", mine) + ratios,
            ]
            print(*found, sep="\n", flush=True)
            rows += found
    return "\n".join(rows)


def write_results(table: str) -> None:
    """Put the table into its page."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    seconds = SCENE_SECONDS * len(SCENES)
    text = (
        "# Encodes beside the plain command\n\n"
        f"Written by `python -m benchmarks.encode`: a film of {seconds} s, 1280x720, 25 fps, four generated scenes\n"
        "(zoom into detail, pan over texture, many small movements, dark and noisy), FFmpeg of the `imageio-ffmpeg`\n"
        f"wheel, {os.cpu_count()} cores. Ours is the whole service: probe, plan, encode, check. *time* is our\n"
        "processor time by the plain command's; *size at equal VMAF* is our size by its size at our VMAF.\n\n"
    )
    RESULTS.write_text(text + table + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
