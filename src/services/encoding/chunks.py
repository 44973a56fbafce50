"""Splits a long encode at key frames into chunks that are encoded in parallel, and joins them.

Every frame of the source belongs to exactly one chunk. The joined stream gets the time stamps of the source, so the
result has the same frames at the same times as a single encode and, if lossless, the same hashes.
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
VIDEO_PERCENT: Final = 95.0  # of the progress of an encode in chunks; the rest is the audio and the joining
# Filters that use adjacent frames would miss them at the borders of chunks.
_TEMPORAL_FILTERS: Final = frozenset({"bwdif"})
_CONTAINERS: Final = ("mov", "matroska")

ChunkRunner = Callable[[ChunkTask, Sequence[Chunk]], Sequence[Path]]
"""Encodes all chunks, in any order and in any process, and returns their paths in order."""


def can_be_chunked(plan: EncodePlan, media: MediaInfo, seconds: float = CHUNK_SECONDS) -> bool:
    """Whether this encode gives the same result in chunks and is long enough for two of them."""
    video = media.main_video
    return (
        plan.video.action == "encode"
        and (media.duration_seconds or 0.0) >= 1.5 * seconds
        and media.container.startswith(_CONTAINERS)
        and video is not None
        and abs((video.start_seconds or 0.0) - (media.start_seconds or 0.0)) < 0.001
        # a rotated lossless video needs its display matrix, which chunks lack
        and not (plan.video.keep_rotation and (video.rotation_degrees or video.mirrored))
        and not _TEMPORAL_FILTERS & {one.name for one in plan.video.filters}
    )


def plan_chunks(index: FrameIndex, folder: Path, seconds: float = CHUNK_SECONDS) -> tuple[Chunk, ...]:
    """Plan chunks of about ``seconds``, each starting at a key frame, none shorter than half of that."""
    ticks = sorted(index.ticks)
    places = {tick: place for place, tick in enumerate(ticks)}
    length = seconds / float(index.time_base)
    starts = [0]
    for key in sorted(index.key_ticks):
        place = places[key]
        if ticks[place] - ticks[starts[-1]] >= length and ticks[-1] - ticks[place] >= length / 2:
            starts.append(place)
    ends = [*starts[1:], len(ticks)]
    # Less than half a frame: when FFmpeg rounds times to whole frames, two of them must not become one.
    margin = min((late - early for early, late in pairwise(ticks)), default=0) / 4

    def seconds_of(place: int) -> float:
        return max(0.0, float((ticks[place] - ticks[0] - margin) * index.time_base)) if place else 0.0

    return tuple(
        Chunk(number, seconds_of(start), end - start, folder / f"chunk-{number:04}.mp4")
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def encode_chunk(
    program: FFmpeg, task: ChunkTask, chunk: Chunk, monitor: Monitor | None = None, limits: Limits | None = None
) -> Path:
    """Encode the video of one chunk.

    Raises:
        EncodeFailed: it does not have the planned number of frames.
        DiskFull, and what ``monitor`` raises.
    """
    plan = task.plan
    opened = input_options(plan.demuxer, keep_rotation=plan.video.keep_rotation)
    if chunk.start_seconds:
        opened["ss"] = f"{chunk.start_seconds:.6f}"
    frames = ffmpeg.input(file_url(task.source), **opened)[str(plan.video.stream_index)]
    frames = filtered(frames, plan.video.filters)
    video = dataclasses.replace(plan.video, keep_all_frames=True)
    options = video_options(video) | {"f": "mp4", "frames:v": str(chunk.frames)}
    result = program.run(
        ffmpeg.get_args(ffmpeg.output(frames, file_url(chunk.path), **options)),
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
    """Encode all chunks and join them to the video track ``output``. Returns the number of frames.

    Raises:
        EncodeFailed: a chunk is invalid. The files of the chunks are deleted in any case.
    """
    try:
        return join(run(task, chunks), sorted(index.ticks), index.time_base, output)
    finally:
        for chunk in chunks:
            chunk.path.unlink(missing_ok=True)


def join(paths: Sequence[Path], ticks: Sequence[int], time_base: Fraction, output: Path) -> int:
    """Write the packets of all chunks one after the other, with the presentation times ``ticks`` of the whole video.

    A packet gets the time of its rank among the presentation times of its chunk. Decode times are the sorted
    presentation times, moved back so that none is later than the presentation time of its packet.

    Raises:
        EncodeFailed: the chunks come from different encoder settings, or frames are missing.
    """
    order = _display_order(paths)
    if len(order) != len(ticks):
        raise EncodeFailed(f"The chunks have {len(order)} frames instead of {len(ticks)}")
    shift = max((ticks[rank] - ticks[place] for rank, place in enumerate(order)), default=0)
    with av.open(str(output), "w", format="mp4") as joined:
        track: Any = None
        heads: set[bytes] = set()
        for rank, packet in enumerate(_packets(paths)):
            heads.add(bytes(packet.stream.codec_context.extradata or b""))
            if track is None:
                track = joined.add_stream_from_template(packet.stream, opaque=True)
                # AV1 does not store the sample aspect ratio, its container does.
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
    """Return the place of each packet, in file order, among all frames in presentation order."""
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
    """Return the end of the last frame, which gets the duration of the frame before it."""
    return 2 * ticks[-1] - ticks[-2] if len(ticks) > 1 else ticks[-1] + 1
