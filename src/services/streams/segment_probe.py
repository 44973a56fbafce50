"""Probes segments in a child process: which streams they have, and their times on their own clocks.

``python -m src.services.streams.segment_probe`` reads ``{"pairs": [[initialisation or null, segment], ...], "deep":
false}`` from standard input and writes a list to standard output: null for a segment that cannot be read, otherwise the
fields of ``SegmentFacts``.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av
from av.error import FFmpegError

from src.models.progress import Monitor
from src.services.media.probe_child import AUDIO_FORMATS, MAX_PIXELS, MAX_STREAMS
from src.services.streams.child import UNKNOWN_CODEC_CODE, run_in_child

_MODULE = "src.services.streams.segment_probe"
_FORMATS = {"format_whitelist": AUDIO_FORMATS, "protocol_whitelist": "file"}
_SIZE_LIMIT = {"max_pixels": str(MAX_PIXELS)}
_DECODING: dict[str, Any] = {"container_options": _FORMATS, "stream_options": [_SIZE_LIMIT] * MAX_STREAMS}
_HOLE_SECONDS, _HOLE_FRAMES = 0.25, 4  # the distance of two packets that is a hole: more than both limits
_TIMESTAMP_TAG = b"com.apple.streaming.transportStreamTimestamp\0"  # RFC 8216, 3.4
_TS_HERTZ = 90_000


@dataclass(frozen=True, slots=True)
class Axis:
    """One stream of a segment: its layout (codec, then size and pixel format, or rate, channels and profile), the
    number of its packets, and its start, end and holes in seconds of its own clock."""

    layout: tuple[str, ...]
    units: int
    first: float
    end: float
    holes: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """The contents of a segment. ``container`` is FFmpeg's name; ``damaged``: some of it cannot be decoded."""

    container: str
    video: Axis | None = None
    audio: Axis | None = None
    damaged: bool = False

    def only(self, kind: str | None) -> SegmentFacts | None:
        """Return the same with only its video or its audio, or None if it has none. Without a ``kind``: all of it."""
        if kind is None:
            return self
        if kind == "video":
            return replace(self, audio=None) if self.video else None
        return replace(self, video=None) if self.audio else None


def probe_segments(
    pairs: Sequence[tuple[Path | None, Path]], folder: Path, monitor: Monitor, *, deep: bool = False
) -> list[SegmentFacts | None]:
    """Probe pairs of (initialisation, segment) in ``folder``; None for a segment that cannot be read.

    ``deep`` decodes all of them; otherwise only those with signs of damage are decoded.

    Raises:
        StreamUnreadable, CodecNotRemuxable, EncodeInterrupted, and what ``monitor`` raises.
    """
    named = [[init and str(init.absolute()), str(path.absolute())] for init, path in pairs]
    request = {"pairs": named, "deep": deep}
    answers = run_in_child(_MODULE, request, reads=[folder.absolute()], monitor=monitor)
    return [fields and _facts_of(fields) for fields in answers]


def _facts_of(fields: dict[str, Any]) -> SegmentFacts:
    return SegmentFacts(fields["container"], _axis_of(fields["video"]), _axis_of(fields["audio"]), fields["damaged"])


def _axis_of(fields: dict[str, Any] | None) -> Axis | None:
    if fields is None:
        return None
    holes = tuple((start, end) for start, end in fields["holes"])
    return Axis(tuple(fields["layout"]), fields["units"], fields["first"], fields["end"], holes)


# --- in the child -----------------------------------------------------------------------------------------------


class _UnknownCodec(Exception):
    """A stream has a codec without a decoder. Leaving the stream out would lose it without a note."""


def probe_segment(content: bytes, *, deep: bool = False) -> SegmentFacts | None:
    """Probe a segment with its initialisation in front; ``deep`` decodes it even without signs of damage."""
    try:
        with av.open(io.BytesIO(content), "r", **_DECODING) as media:
            video_stream = next(iter(media.streams.video), None)
            audio_stream = next(iter(media.streams.audio), None)
            packets: dict[int, list[tuple[Fraction, Fraction]]] = {}
            corrupt = 0
            for packet in media.demux([stream for stream in (video_stream, audio_stream) if stream is not None]):
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    start = packet.pts * packet.time_base
                    length = (packet.duration or 0) * packet.time_base
                    packets.setdefault(packet.stream_index, []).append((start, length))
                    corrupt += packet.is_corrupt
            offset = _packed_offset(content)
            video, audio = (_axis(stream, packets, offset) for stream in (video_stream, audio_stream))
            name = media.format.name.split(",")[0]
    except (FFmpegError, ValueError):
        return None
    if video is None and audio is None:
        return None
    # A source seldom pauses its video and its audio at the same time.
    holes = [axis.holes for axis in (video, audio) if axis is not None]
    damaged = all(holes) or ((deep or any(holes) or corrupt > 0) and _is_damaged(content))
    return SegmentFacts(name, video, audio, damaged=damaged)


def _axis(stream: Any, all_packets: dict[int, list[tuple[Fraction, Fraction]]], offset: float) -> Axis | None:
    if stream is None or stream.index not in all_packets:
        return None
    packets = sorted(all_packets[stream.index])
    steps = [float(late[0] - early[0]) for early, late in pairwise(packets)]
    usual = float(median(steps)) if steps else 0.0
    most = max(_HOLE_SECONDS, _HOLE_FRAMES * usual)
    holes = tuple(
        (float(early[0]) + max(float(early[1]), usual) + offset, float(late[0]) + offset)
        for (early, late), step in zip(pairwise(packets), steps, strict=True)
        if step > most
    )
    last, length = packets[-1]
    end = float(last) + (float(length) or usual)
    return Axis(_layout(stream), len(packets), float(packets[0][0]) + offset, end + offset, holes)


def _layout(stream: Any) -> tuple[str, ...]:
    context = stream.codec_context
    if context is None:
        raise _UnknownCodec()
    name = str(context.codec.canonical_name)
    if stream.type == "video":
        aspect = stream.sample_aspect_ratio or 1
        return name, str(context.width), str(context.height), str(context.pix_fmt), str(aspect)
    return name, str(context.sample_rate), str(context.channels), str(stream.profile or "")


def _packed_offset(content: bytes) -> float:
    """Read the start time of a segment of packed audio, whose packets count from 0."""
    if not content.startswith(b"ID3"):
        return 0.0
    at = content[:4096].find(_TIMESTAMP_TAG)
    stamp = content[at + len(_TIMESTAMP_TAG) :][:8]
    return (int.from_bytes(stamp, "big") & (1 << 33) - 1) / _TS_HERTZ if at >= 0 and len(stamp) == 8 else 0.0


def _is_damaged(content: bytes) -> bool:
    """Whether the first video or audio stream cannot be decoded completely. Frames of an open GOP, which refer to the
    previous segment, do not count."""
    for kind in ("video", "audio"):
        try:
            with av.open(io.BytesIO(content), "r", **_DECODING) as media:
                stream: Any = next(iter(getattr(media.streams, kind)), None)
                if stream is None:
                    continue
                # One thread: decoding stops at the first fault, and more threads would only decode further ahead.
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode", **_SIZE_LIMIT}
                key: Fraction | None = None
                for packet in media.demux(stream):
                    if packet.is_keyframe and key is None and packet.pts is not None:
                        key = packet.pts
                    early = key is None or packet.pts is None or packet.pts < key
                    try:
                        frames = packet.decode()
                    except FFmpegError:
                        if not early or not packet.size:
                            return True
                        continue
                    if any(frame.is_corrupt and frame.pts is not None and frame.pts >= (key or 0) for frame in frames):
                        return True
        except FFmpegError:
            return True
    return False


def main() -> int:
    """Answer the request on standard input."""
    answers = []
    heads: dict[str, bytes] = {}
    request = json.load(sys.stdin)
    for init, path in request["pairs"]:
        if init is not None and init not in heads:
            heads[init] = Path(init).read_bytes()
        try:
            facts = probe_segment(heads.get(init, b"") + Path(path).read_bytes(), deep=request["deep"])
        except _UnknownCodec:
            return UNKNOWN_CODEC_CODE
        answers.append(None if facts is None else asdict(facts))
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
