"""One long encode as many short ones: cut at key frames, encoded side by side, joined without a seam.

Every frame of the source belongs to exactly one chunk. The joined stream gets the time stamps of the source, so the
result has the same frames at the same times as one encode of the whole, in lossless with the same hashes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg

from src.errors import EncodeFailed
from src.models.chunk import Chunk, ChunkTask
from src.models.encode_plan import EncodePlan
from src.models.media import FrameIndex, MediaInfo
from src.models.progress import Monitor
from src.services.encoding.arguments import file_url, filtered, input_options, video_options
from src.services.encoding.progress import encode_reporter
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.ffmpeg_limits import Limits

CHUNK_SECONDS: Final = 30.0
PICTURE_PERCENT: Final = 95.0  # of an encode in chunks; the rest is the sound, and the joining
# Filters that look at neighbouring frames would see none at a seam; a turned lossless picture needs its display matrix.
_LOOKS_ASIDE: Final = frozenset({"bwdif"})
_CONTAINERS: Final = ("mov", "matroska")

ChunkRunner = Callable[[ChunkTask, Sequence[Chunk]], Sequence[Path]]
"""Encodes all chunks, in any order and at any place, and tells in order where each lies."""


def can_be_chunked(plan: EncodePlan, media: MediaInfo, seconds: float = CHUNK_SECONDS) -> bool:
    """Whether chunks of this encode are the same as the whole, and it is long enough for two of them."""
    video = media.main_video
    return (
        plan.video.action == "encode"
        and (media.duration_seconds or 0.0) >= 1.5 * seconds
        and media.container.startswith(_CONTAINERS)
        and video is not None
        and abs((video.start_seconds or 0.0) - (media.start_seconds or 0.0)) < 0.001
        and not (plan.video.keep_rotation and (video.rotation_degrees or video.mirrored))
        and not _LOOKS_ASIDE & {one.name for one in plan.video.filters}
    )


def plan_chunks(index: FrameIndex, folder: Path, seconds: float = CHUNK_SECONDS) -> tuple[Chunk, ...]:
    """Chunks of about ``seconds``, each beginning at a key frame, none with less than half of that."""
    ticks = sorted(index.ticks)
    places = {tick: place for place, tick in enumerate(ticks)}
    length = seconds / float(index.time_base)
    starts = [0]
    for key in sorted(index.key_ticks):
        place = places[key]
        if ticks[place] - ticks[starts[-1]] >= length and ticks[-1] - ticks[place] >= length / 2:
            starts.append(place)
    ends = [*starts[1:], len(ticks)]
    # Not half a frame: where its times are rounded to whole frames, two of them must not become one.
    before = min((late - early for early, late in pairwise(ticks)), default=0) / 4
    return tuple(
        Chunk(
            number=number,
            start_seconds=max(0.0, float((ticks[start] - ticks[0] - before) * index.time_base)) if start else 0.0,
            frames=end - start,
            path=folder / f"chunk-{number:04}.mp4",
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def encode_chunk(
    program: FFmpeg, task: ChunkTask, chunk: Chunk, monitor: Monitor | None = None, limits: Limits | None = None
) -> Path:
    """Encode the picture of one chunk.

    Raises:
        EncodeFailed: it has not as many frames as it should.
        DiskFull, and what ``monitor`` raises.
    """
    plan = task.plan
    opened = input_options(plan.demuxer, keep_rotation=plan.video.keep_rotation)
    if chunk.start_seconds:
        opened["ss"] = f"{chunk.start_seconds:.6f}"
    picture = ffmpeg.input(file_url(task.source), **opened)[str(plan.video.stream_index)]
    picture = filtered(picture, plan.video.filters)
    video = dataclasses.replace(plan.video, keep_all_frames=True)
    options = video_options(video) | {"f": "mp4", "frames:v": str(chunk.frames)}
    result = program.run(
        ffmpeg.get_args(ffmpeg.output(picture, file_url(chunk.path), **options)),
        monitor=monitor,
        frames=chunk.frames,
        on_progress=None if monitor is None else encode_reporter(monitor),
        limits=limits,
    )
    if result.frames != chunk.frames:
        raise EncodeFailed(f"Chunk {chunk.number} has {result.frames} frames instead of {chunk.frames}")
    return chunk.path


def encode_in_chunks(
    task: ChunkTask, chunks: Sequence[Chunk], index: FrameIndex, output: Path, run: ChunkRunner
) -> int:
    """Have all chunks encoded and join them to the video track ``output``; the number of frames.

    Raises:
        EncodeFailed: a chunk is not as it should be. Nothing but ``output`` is left at the chunks' places.
    """
    try:
        return join(run(task, chunks), sorted(index.ticks), index.time_base, output)
    finally:
        for chunk in chunks:
            chunk.path.unlink(missing_ok=True)


def join(paths: Sequence[Path], ticks: Sequence[int], time_base: Fraction, output: Path) -> int:
    """Write the packets of all chunks one after the other, with the presentation times ``ticks`` of the whole film.

    A packet gets the time of its rank among the presentation times of its chunk. Decoding times are the sorted
    presentation times, moved back far enough that none is behind its own.

    Raises:
        EncodeFailed: the chunks were not written by one and the same encoder setting, or frames are missing.
    """
    order = _display_order(paths)
    if len(order) != len(ticks):
        raise EncodeFailed(f"The chunks hold {len(order)} frames instead of {len(ticks)}")
    shift = max((ticks[rank] - ticks[place] for rank, place in enumerate(order)), default=0)
    with av.open(str(output), "w", format="mp4") as joined:
        track: Any = None
        heads: set[bytes] = set()
        for rank, packet in enumerate(_packets(paths)):
            heads.add(bytes(packet.stream.codec_context.extradata or b""))
            if track is None:
                track = joined.add_stream_from_template(packet.stream, opaque=True)
                # AV1 does not tell the shape of its pixels, its container does.
                track.codec_context.sample_aspect_ratio = packet.stream.sample_aspect_ratio or Fraction(1)
                track.time_base = time_base
            place = order[rank]
            packet.stream = track
            packet.time_base = time_base
            packet.pts, packet.dts = ticks[place], ticks[rank] - shift
            packet.duration = (ticks[place + 1] if place + 1 < len(ticks) else _after(ticks)) - ticks[place]
            joined.mux(packet)
    if len(heads) != 1:
        raise EncodeFailed("The chunks have different stream headers")
    return len(order)


def _display_order(paths: Sequence[Path]) -> list[int]:
    """For each packet of all chunks, in file order, its place among all frames as they are shown."""
    order: list[int] = []
    for path in paths:
        times = [packet.pts for packet in _packets([path])]
        ranks = {time: rank for rank, time in enumerate(sorted(times))}
        if len(ranks) != len(times):
            raise EncodeFailed("Two frames of a chunk have the same time")
        base = len(order)
        order += [base + ranks[time] for time in times]
    return order


def _packets(paths: Iterable[Path]) -> Iterator[Any]:
    for path in paths:
        with av.open(str(path), format="mp4") as chunk:
            yield from (packet for packet in chunk.demux(chunk.streams.video[0]) if packet.size)


def _after(ticks: Sequence[int]) -> int:
    """The end of the last frame: as long as the one before it."""
    return 2 * ticks[-1] - ticks[-2] if len(ticks) > 1 else ticks[-1] + 1
