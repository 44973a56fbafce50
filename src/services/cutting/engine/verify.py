"""Looks at a finished clip before anybody is told that it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from src.errors import ClipIncomplete

_TOLERANCE = Fraction(1, 500)  # containers round to milliseconds
_MOST_END_ERROR = Fraction(1, 20)  # the last packet's length is told loosely by some containers
_DECODE_ALL_PIXELS = 300 * 640 * 360  # clips up to here are decoded whole, in about a quarter of a second
_SAMPLE_FRAMES = 8
_A_LITTLE = Fraction(1, 500)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the clip must be. Times in seconds of the clip; None is not checked.

    ``frames`` counts shown pictures, ``last_frame`` is when the last one appears, ``audio_end`` where the sound ends;
    ``joins`` are the times at which copied and new pictures meet.
    """

    frames: int | None = None
    last_frame: Fraction | None = None
    audio_end: Fraction | None = None
    has_video: bool = True
    has_audio: bool = False
    joins: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What the clip is: shown frames, and first and last times in seconds."""

    frames: int
    video_start: Fraction | None
    last_frame: Fraction | None
    audio_start: Fraction | None
    audio_end: Fraction | None


def verify(path: Path, expected: Expected, check: Callable[[], None] = lambda: None) -> ClipFacts:
    """The facts of the clip at ``path``.

    Raises:
        ClipIncomplete: it is not what was expected, or a decoder complains.
    """
    try:
        facts = _read_facts(path, check)
        _compare(facts, expected)
        if expected.has_video:
            _decode(path, facts, expected.joins, check)
    except (FFmpegError, ValueError) as error:
        raise ClipIncomplete(f"The finished file cannot be read: {error}") from error
    return facts


def _read_facts(path: Path, check: Callable[[], None]) -> ClipFacts:
    shown: list[int] = []
    heard: list[int] = []
    with av.open(str(path)) as container:
        video = next(iter(container.streams.video), None)
        base = video.time_base if video is not None else None
        picture = video.index if video is not None else -1
        sound = next(iter(container.streams.audio), None)
        audio_base = (sound.time_base if sound is not None else None) or Fraction(1)
        last_dts: dict[int, int] = {}
        for packet in container.demux():
            check()
            if not packet.size or packet.pts is None:
                continue
            pts, dts, index = packet.pts, packet.dts, packet.stream_index
            if dts is not None and dts <= last_dts.get(index, dts - 1):
                raise ClipIncomplete("The decode times of the finished file do not rise.")
            last_dts[index] = dts if dts is not None else pts
            if packet.is_discard:
                continue
            if index == picture:
                shown.append(pts)
            elif sound is not None and index == sound.index:
                end = pts + (packet.duration or 0)
                heard = [min(pts, heard[0]), max(end, heard[1])] if heard else [pts, end]
    shown.sort()
    if len(set(shown)) != len(shown):
        raise ClipIncomplete("Two frames of the finished file have the same time.")
    start, last = (shown[0] * base, shown[-1] * base) if shown and base is not None else (None, None)
    spans = [tick * audio_base for tick in heard]
    return ClipFacts(len(shown), start, last, *(spans or (None, None)))


def _compare(facts: ClipFacts, expected: Expected) -> None:
    if expected.has_video != (facts.frames > 0) or (expected.has_audio and facts.audio_start is None):
        raise ClipIncomplete("A stream is missing in the finished file.")
    if expected.frames is not None and facts.frames != expected.frames:
        raise ClipIncomplete(f"The finished file has {facts.frames} frames instead of {expected.frames}.")
    if facts.video_start is not None and abs(facts.video_start) > _TOLERANCE:
        raise ClipIncomplete("The picture of the finished file does not begin at 0.")
    for name, found, wanted in (
        ("picture", facts.last_frame, expected.last_frame),
        ("sound", facts.audio_end, expected.audio_end),
    ):
        if wanted is not None and (found is None or abs(found - wanted) > _MOST_END_ERROR):
            raise ClipIncomplete(f"The {name} of the finished file ends too early or too late.")


def _decode(path: Path, facts: ClipFacts, joins: tuple[Fraction, ...], check: Callable[[], None]) -> None:
    """Decode short clips whole; of long ones some frames from each key frame that begins something: the clip, what
    follows a join, and its last group of pictures. What lies between was copied packet by packet."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        if facts.frames * context.width * context.height <= _DECODE_ALL_PIXELS or stream.time_base is None:
            _Checked(stream).decode(container, None, check)
            return
        last = facts.last_frame if facts.last_frame is not None else Fraction(0)
        checked = _Checked(stream)
        for number, place in enumerate((None, *joins, last)):
            if number and place is not None:
                container.seek(int((place + _A_LITTLE) / stream.time_base), stream=stream)
            checked.decode(container, _SAMPLE_FRAMES, check)
        checked.finish()


class _Checked:
    """One decoder for all samples, so that it has to pass from one set of parameters to the other, as in a player."""

    def __init__(self, stream: VideoStream) -> None:
        context = CodecContext.create(stream.codec_context.codec.name, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = stream.codec_context.extradata
        context.thread_type, context.thread_count = "AUTO", 0
        context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        self._context, self._stream = context, stream
        self._sent = self._received = 0
        self._begun: set[int] = set()

    def decode(self, container: InputContainer, most: int | None, check: Callable[[], None]) -> None:
        """Decode from the next key frame on, ``most`` packets or all."""
        begin: int | None = None
        count = 0
        for packet in container.demux(self._stream):
            check()
            if not packet.size or (most is not None and count >= most):
                break
            if begin is None and packet.is_keyframe and packet.pts is not None:
                if packet.pts in self._begun:
                    return  # the same group as before
                begin = packet.pts
                self._begun.add(begin)
            if begin is None or packet.pts is None or packet.pts < begin:
                continue  # before the first key frame, or one of its leading pictures
            count += 1
            self._sent += not packet.is_discard
            self._take(self._context.decode(packet))
        if most is None:
            self.finish()

    def finish(self) -> None:
        """Raises ClipIncomplete when a packet did not become a sound frame."""
        self._take(self._context.decode(None))
        if self._received != self._sent:
            raise ClipIncomplete(f"{self._sent - self._received} frames of the finished file cannot be decoded.")

    def _take(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            self._received += 1
            if frame.is_corrupt:
                raise ClipIncomplete("A frame of the finished file is damaged.")
