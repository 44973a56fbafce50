"""Encodes measured: our settings beside the plain command with the documented numbers, in one run.

``python -m benchmarks.encode`` writes its tables into docs/benchmarks/encode.md (between the marks; what stands around
them stays) in about ten minutes on two cores. With codecs behind it, it measures only those and writes nothing. Time is
processor time (user and system of the encoder process), which a busy machine disturbs little; quality is VMAF
(vmaf_v0.6.1), mean of all frames. ``python -m benchmarks.encode try libx264 "-preset faster -crf 21" ...`` measures
settings of your own, ``python -m benchmarks.encode chunks`` two chunks side by side beside the whole.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from src.models.chunk import Chunk, ChunkTask
from src.models.params import Codec, Quality
from src.services.encode.chunks import encode_chunk
from src.services.encode.presets import CRF
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg

QUALITIES: tuple[Quality, ...] = ("high", "medium")
PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks" / "encode.md"
SCENE_SECONDS = 3
BEGIN, END = "<!-- measured: {} -->", "<!-- end of {} -->"
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
    wall = time.monotonic() - began
    return Measured(cpu, wall, out.stat().st_size, vmaf(film, out))


def ours(film: Path, out: Path, codec: Codec, quality: Quality, *, chunked: bool | None = None) -> Measured:
    """The whole service: probe, plan, encode, check. With ``chunked`` told, in one piece or as two chunks side by
    side, and without a look at the quality, which is the same."""
    service = EncodingService(FFmpeg(Path(PROGRAM)), chunk_seconds=len(SCENES) * SCENE_SECONDS / 2.1)
    before, began = os.times(), time.monotonic()
    service.encode_video_to_mp4(film, out, codec, quality, run_chunks=side_by_side if chunked else None)
    wall, after = time.monotonic() - began, os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Measured(cpu, wall, out.stat().st_size, vmaf(film, out) if chunked is None else 0.0)


def side_by_side(task: ChunkTask, chunks: Sequence[Chunk]) -> list[Path]:
    """Two chunks at a time, as two workers on this machine would make them."""
    assert len(chunks) == 2
    program = FFmpeg(Path(PROGRAM))
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda chunk: encode_chunk(program, task, chunk), chunks))


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
        if args == ["chunks"]:
            compare_chunks(film, folder)
            return
        table = compare(film, folder, args)
        if not args:
            write_results({"encodes": table, "chunks": compare_chunks(film, folder)})


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


CHUNKED: tuple[tuple[Codec, Quality], ...] = (
    ("h264", "high"),
    ("h265", "high"),
    ("av1", "high"),
    ("h264", "lossless"),
    ("h265", "lossless"),
    ("av1", "lossless"),
)


def compare_chunks(film: Path, folder: Path) -> str:
    """The same encode in one piece and as two chunks side by side on this machine, alternately, twice each, as a
    table: wall and processor seconds of the better try, chunks by whole."""
    rows = [
        "| encode | whole: wall s | processor s | two chunks: wall s | processor s | wall | processor |",
        "|---|---|---|---|---|---|---|",
    ]
    print(*rows, sep="\n", flush=True)
    for codec, quality in CHUNKED:
        found: dict[bool, list[Measured]] = {False: [], True: []}
        for chunked in (False, True, True, False):
            found[chunked].append(ours(film, folder / "out.mp4", codec, quality, chunked=chunked))
        whole, parts = (
            [min(getattr(one, name) for one in found[chunked]) for name in ("wall_seconds", "cpu_seconds")]
            for chunked in (False, True)
        )
        ratios = [part / one for part, one in zip(parts, whole, strict=True)]
        numbers = " | ".join(f"{value:.1f}" for value in (*whole, *parts))
        rows.append(f"| {codec} {quality} | {numbers} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def write_results(tables: dict[str, str]) -> None:
    """Put the tables into their page, each between its marks."""
    text = RESULTS.read_text()
    for name, table in tables.items():
        head, mark, rest = text.partition(BEGIN.format(name))
        _, end, tail = rest.partition(END.format(name))
        if not mark or not end:
            raise SystemExit(f"{RESULTS.name} has lost its marks for {name}")
        text = f"{head}{mark}\n{table}\n{end}{tail}"
    RESULTS.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
