"""The same encode in one piece and as two chunks side by side on this machine: ``python -m benchmarks.encode_chunks``.

It writes its table into docs/benchmarks/encode.md: the better of two tries each, alternately; chunks by whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.encode_page import write_table
from benchmarks.encode_runs import PROGRAM, Measured, ours
from benchmarks.videos import VIDEOS, made
from src.models.chunk import Chunk, ChunkTask
from src.models.params import Codec, Quality
from src.services.encoding.chunks import encode_chunk
from src.services.ffmpeg_utils_service import FFmpeg

SECONDS = 12
CHUNKED: tuple[tuple[Codec, Quality], ...] = (("h264", "lossless"), ("av1", "high"), ("h264", "high"))


def side_by_side(task: ChunkTask, chunks: Sequence[Chunk]) -> list[Path]:
    """Two chunks at a time, as two workers on this machine would make them."""
    assert len(chunks) == 2
    program = FFmpeg(Path(PROGRAM))
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda chunk: encode_chunk(program, task, chunk), chunks))


def compare(source: Path, out: Path) -> list[str]:
    """The rows of the table."""
    rows = [
        "| encode | whole: wall s | processor s | two chunks: wall s | processor s | wall | processor |",
        "|---|---|---|---|---|---|---|",
    ]
    for codec, quality in CHUNKED:
        found: dict[bool, list[Measured]] = {False: [], True: []}
        for chunked in (False, True, True, False):
            run_chunks = side_by_side if chunked else None
            length = SECONDS / 2.1
            found[chunked].append(ours(source, out, codec, quality, chunk_seconds=length, run_chunks=run_chunks))
        whole, parts = (
            [min(getattr(one, name) for one in found[chunked]) for name in ("wall_seconds", "cpu_seconds")]
            for chunked in (False, True)
        )
        ratios = [part / one for part, one in zip(parts, whole, strict=True)]
        numbers = " | ".join(f"{value:.1f}" for value in (*whole, *parts))
        rows.append(f"| {codec} {quality} | {numbers} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    road = next(video for video in VIDEOS if video.name == "road")
    with tempfile.TemporaryDirectory() as folder:
        write_table("chunks", compare(made(road, SECONDS), Path(folder) / "out.mp4"))
