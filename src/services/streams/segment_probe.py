"""The child process that looks into segments: which streams they have, and from when to when by their own clocks.

``python -m src.services.streams.segment_probe`` reads ``{"pairs": [[initialisation or null, segment], ...], "deep": false}``
from standard input and writes a list of answers to standard output: null for what cannot be read, otherwise the fields
of ``Look``.
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
from src.services.media.probe_child import AUDIO_FORMATS
from src.services.streams.child import ask

_MODULE = "src.services.streams.segment_probe"
_FORMATS = {"format_whitelist": AUDIO_FORMATS, "protocol_whitelist": "file"}
_HOLE_SECONDS, _HOLE_FRAMES = 0.25, 4  # between two packets; more than both is a hole
_TIMESTAMP_TAG = b"com.apple.streaming.transportStreamTimestamp\0"  # RFC 8216, 3.4
_TS_HERTZ = 90_000


@dataclass(frozen=True, slots=True)
class Axis:
    """One stream of a segment: its layout (codec, then size and pixel format, or rate, channels and profile), how many
    packets it has, from when to when, in seconds of its own clock, and where it has holes."""

    layout: tuple[str, ...]
    units: int
    first: float
    end: float
    holes: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a segment holds. ``container`` is FFmpeg's name; ``damaged``: some of it cannot be decoded."""

    container: str
    video: Axis | None = None
    audio: Axis | None = None
    damaged: bool = False

    def only(self, kind: str | None) -> Look | None:
        """The same with nothing but its video or its audio; None if that is nothing."""
        if kind is None:
            return self
        video, audio = (self.video, None) if kind == "video" else (None, self.audio)
        return None if video is audio else replace(self, video=video, audio=audio)


def look_into(
    pairs: Sequence[tuple[Path | None, Path]], folder: Path, monitor: Monitor, *, deep: bool = False
) -> list[Look | None]:
    """What each of these (initialisation, segment) holds; None for what cannot be read. All lie in ``folder``.

    ``deep`` decodes all of them; otherwise only those that look damaged.

    Raises:
        StreamUnreadable, EncodeInterrupted, and what ``monitor`` raises.
    """
    named = [[None if init is None else str(init.absolute()), str(path.absolute())] for init, path in pairs]
    question = {"pairs": named, "deep": deep}
    answers = ask(_MODULE, question, reads=[folder.absolute()], monitor=monitor)
    return [None if fields is None else _look_of(fields) for fields in answers]


def _look_of(fields: dict[str, Any]) -> Look:
    axes = {name: None if fields[name] is None else _axis_of(fields[name]) for name in ("video", "audio")}
    return Look(fields["container"], axes["video"], axes["audio"], fields["damaged"])


def _axis_of(fields: dict[str, Any]) -> Axis:
    holes = tuple((start, end) for start, end in fields["holes"])
    return Axis(tuple(fields["layout"]), fields["units"], fields["first"], fields["end"], holes)


# --- in the child -----------------------------------------------------------------------------------------------


def read_look(content: bytes, *, deep: bool = False) -> Look | None:
    """What a segment (with its initialisation in front) holds; ``deep`` decodes it, however well it looks."""
    try:
        with av.open(io.BytesIO(content), "r", container_options=_FORMATS) as media:
            video = next(iter(media.streams.video), None)
            audio = next(iter(media.streams.audio), None)
            packets: dict[int, list[tuple[Fraction, Fraction]]] = {}
            corrupt = 0
            for packet in media.demux([stream for stream in (video, audio) if stream is not None]):
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    start = packet.pts * packet.time_base
                    length = (packet.duration or 0) * packet.time_base
                    packets.setdefault(packet.stream_index, []).append((start, length))
                    corrupt += packet.is_corrupt
            offset = _packed_offset(content)
            seen, heard = (
                None if stream is None else _axis(stream, packets.get(stream.index, []), offset)
                for stream in (video, audio)
            )
            name = media.format.name.split(",")[0]
    except (FFmpegError, ValueError):
        return None
    if seen is None and heard is None:
        return None
    # A pause of the source is seldom one of its video and its audio at the same time.
    holes = [axis.holes for axis in (seen, heard) if axis is not None]
    damaged = all(holes) or ((deep or any(holes) or corrupt > 0) and _is_damaged(content))
    return Look(name, seen, heard, damaged=damaged)


def _axis(stream: Any, packets: list[tuple[Fraction, Fraction]], offset: float) -> Axis | None:
    if not packets:
        return None
    packets.sort()
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
    name = str(context.codec.canonical_name)
    if stream.type == "video":
        aspect = stream.sample_aspect_ratio or 1
        return name, str(context.width), str(context.height), str(context.pix_fmt), str(aspect)
    return name, str(context.sample_rate), str(context.channels), str(stream.profile or "")


def _packed_offset(content: bytes) -> float:
    """The time at which a segment of packed audio begins; its packets count from 0."""
    if not content.startswith(b"ID3"):
        return 0.0
    at = content[:4096].find(_TIMESTAMP_TAG)
    stamp = content[at + len(_TIMESTAMP_TAG) :][:8]
    return (int.from_bytes(stamp, "big") & (1 << 33) - 1) / _TS_HERTZ if at >= 0 and len(stamp) == 8 else 0.0


def _is_damaged(content: bytes) -> bool:
    """Whether the first stream of video or of audio cannot be decoded whole. Frames of an open group of pictures, which
    need the segment before, do not count."""
    for kind in ("video", "audio"):
        try:
            with av.open(io.BytesIO(content), "r", container_options=_FORMATS) as media:
                stream: Any = next(iter(getattr(media.streams, kind)), None)
                if stream is None:
                    continue
                # One thread: the decoder is dropped at the first fault, and threads would only read ahead.
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
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
    """Answer the question on standard input."""
    answers = []
    heads: dict[str, bytes] = {}
    question = json.load(sys.stdin)
    for init, path in question["pairs"]:
        if init is not None and init not in heads:
            heads[init] = Path(init).read_bytes()
        look = read_look(heads.get(init, b"") + Path(path).read_bytes(), deep=question["deep"])
        answers.append(None if look is None else asdict(look))
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
