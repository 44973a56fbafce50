"""Single encodes, measured: processor time, bytes and VMAF of the plain command and of the whole service."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from src.models.chunk import Chunk, ChunkTask
from src.models.params import Codec, Quality
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg

PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265", "av1": "libsvtav1"}
EVERY = 3  # VMAF is taken of every third frame
# What people type for a lossless encode: -crf 0 is lossless only in libx264.
LOSSLESS: dict[Codec, list[str]] = {
    "h264": ["-crf", "0"],
    "h265": ["-x265-params", "lossless=1:log-level=error"],
    "av1": ["-svtav1-params", "lossless=1"],
}


@dataclass(frozen=True)
class Measured:
    """One encode: processor seconds of all processes, wall seconds, bytes, and VMAF where it was asked for."""

    cpu_seconds: float
    wall_seconds: float
    size_bytes: int
    vmaf: float = 0.0


def run(args: Sequence[str]) -> float:
    """Run FFmpeg; its processor seconds."""
    command = [PROGRAM, "-hide_banner", "-nostdin", "-y", "-v", "error", *args]
    process = subprocess.Popen(command, env={"SVT_LOG": "1", "PATH": os.defpath})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"FFmpeg failed: {shlex.join(command)}")
    return usage.ru_utime + usage.ru_stime


def vmaf(source: Path, encoded: Path) -> float:
    """Mean VMAF (vmaf_v0.6.1) of every third frame; frames are paired by number."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        same = "format=yuv420p,settb=1/25,setpts=N"
        measure = f"libvmaf=log_fmt=json:log_path={log}:n_threads=2:n_subsample={EVERY}"
        graph = f"[0:v]{same}[a];[1:v]{same}[b];[a][b]{measure}"
        inputs = ["-i", str(encoded), "-i", str(source)]
        run(
            [
                *inputs,
                "-filter_complex",
                graph,
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1/25",
                "-an",
                "-f",
                "null",
                "-",
            ]
        )
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def same_video(first: Path, second: Path) -> bool:
    """Whether the video streams of both files have the same packets, byte for byte."""
    hashes = []
    for path in (first, second):
        command = [PROGRAM, "-v", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy", "-f", "streamhash", "-"]
        hashes.append(subprocess.run(command, check=True, capture_output=True).stdout)
    return hashes[0] == hashes[1]


def plain(source: Path, out: Path, encoder: str, options: Sequence[str]) -> Measured:
    """The command that everybody types."""
    began = time.monotonic()
    cpu = run(["-i", str(source), "-c:v", encoder, *options, "-c:a", "aac", "-b:a", "192k", str(out)])
    return Measured(cpu, time.monotonic() - began, out.stat().st_size)


def ours(
    source: Path,
    out: Path,
    codec: Codec,
    quality: Quality,
    *,
    chunk_seconds: float = 1e9,
    run_chunks: Callable[[ChunkTask, Sequence[Chunk]], Sequence[Path]] | None = None,
) -> Measured:
    """The whole service: probe, plan, encode, check; with the processor time of this process as well."""
    service = EncodingService(FFmpeg(Path(PROGRAM)), chunk_seconds=chunk_seconds)
    before, began = os.times(), time.monotonic()
    service.encode_video_to_mp4(source, out, codec, quality, run_chunks=run_chunks)
    wall, after = time.monotonic() - began, os.times()
    return Measured(sum(after[:4]) - sum(before[:4]), wall, out.stat().st_size)
