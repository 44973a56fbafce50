"""Verifies a finished clip: its frames, its times, and whether it can be decoded."""

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
_MOST_END_ERROR = Fraction(1, 20)  # some containers store the last packet's duration inexactly
_DECODE_ALL_PIXELS = 300 * 640 * 360  # clips up to this size are decoded completely, in about a quarter of a second
_SAMPLE_FRAMES = 8
_A_LITTLE = Fraction(1, 500)


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected facts of a clip. Times in seconds of the clip; None is not checked.

    ``frames``: the number of shown frames; ``last_frame``: the time of the last one; ``audio_end``: the end of the
    audio; ``joins``: the times at which copied and encoded frames meet.
    """

    frames: int | None = None
    last_frame: Fraction | None = None
    audio_end: Fraction | None = None
    has_video: bool = True
    has_audio: bool = False
    joins: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """The facts of a clip: the number of shown frames, and the first and last times in seconds."""

    frames: int
    video_start: Fraction | None
    last_frame: Fraction | None
    audio_start: Fraction | None
    audio_end: Fraction | None


def verify(path: Path, expected: Expected, check: Callable[[], None] = lambda: None) -> ClipFacts:
    """Verify the clip at ``path``. Returns its facts.

    Raises:
        ClipIncomplete: it differs from what is expected, or cannot be decoded.
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
    audio_span: list[int] = []
    with av.open(str(path)) as container:
        video = next(iter(container.streams.video), None)
        base = video.time_base if video is not None else None
        video_index = video.index if video is not None else -1
        audio = next(iter(container.streams.audio), None)
        audio_base = (audio.time_base if audio is not None else None) or Fraction(1)
        last_dts: dict[int, int] = {}
        for packet in container.demux():
            check()
            if not packet.size or packet.pts is None:
                continue
            pts, dts, index = packet.pts, packet.dts, packet.stream_index
            if dts is not None and dts <= last_dts.get(index, dts - 1):
                raise ClipIncomplete("The decode times of the finished file do not increase.")
            last_dts[index] = dts if dts is not None else pts
            if packet.is_discard:
                continue
            if index == video_index:
                shown.append(pts)
            elif audio is not None and index == audio.index:
                end = pts + (packet.duration or 0)
                audio_span = [min(pts, audio_span[0]), max(end, audio_span[1])] if audio_span else [pts, end]
    shown.sort()
    if len(set(shown)) != len(shown):
        raise ClipIncomplete("Two frames of the finished file have the same time.")
    start, last = (shown[0] * base, shown[-1] * base) if shown and base is not None else (None, None)
    spans = [tick * audio_base for tick in audio_span]
    return ClipFacts(len(shown), start, last, *(spans or (None, None)))


def _compare(facts: ClipFacts, expected: Expected) -> None:
    if expected.has_video != (facts.frames > 0) or (expected.has_audio and facts.audio_start is None):
        raise ClipIncomplete("A stream is missing in the finished file.")
    if expected.frames is not None and facts.frames != expected.frames:
        raise ClipIncomplete(f"The finished file has {facts.frames} frames instead of {expected.frames}.")
    if facts.video_start is not None and abs(facts.video_start) > _TOLERANCE:
        raise ClipIncomplete("The video of the finished file does not start at 0.")
    for name, found, wanted in (
        ("video", facts.last_frame, expected.last_frame),
        ("audio", facts.audio_end, expected.audio_end),
    ):
        if wanted is not None and (found is None or abs(found - wanted) > _MOST_END_ERROR):
            raise ClipIncomplete(f"The {name} of the finished file ends too early or too late.")


def _decode(path: Path, facts: ClipFacts, joins: tuple[Fraction, ...], check: Callable[[], None]) -> None:
    """Decode short clips completely. Of long ones, decode some frames from the key frames at the start, after each join
    and in the last GOP; the frames in between were copied packet by packet."""
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
    """Decodes all samples with one decoder, so that it has to switch between parameter sets as a player does."""

    def __init__(self, stream: VideoStream) -> None:
        context = CodecContext.create(stream.codec_context.codec.name, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = stream.codec_context.extradata
        context.thread_type, context.thread_count = "AUTO", 0
        context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        if context.codec.name == "h264":  # its deblocking finds no errors; that of HEVC does, by hashes of pictures
            context.options |= {"skip_loop_filter": "all"}
        self._context, self._stream = context, stream
        self._sent = self._received = 0
        self._started: set[int] = set()

    def decode(self, container: InputContainer, most: int | None, check: Callable[[], None]) -> None:
        """Decode from the next key frame on, ``most`` packets or all."""
        begin: int | None = None
        count = 0
        for packet in container.demux(self._stream):
            check()
            if not packet.size or (most is not None and count >= most):
                break
            if begin is None and packet.is_keyframe and packet.pts is not None:
                if packet.pts in self._started:
                    return  # this GOP was decoded before
                begin = packet.pts
                self._started.add(begin)
            if begin is None or packet.pts is None or packet.pts < begin:
                continue  # before the first key frame, or one of its leading frames
            count += 1
            self._sent += not packet.is_discard
            self._take(self._context.decode(packet))
        if most is None:
            self.finish()

    def finish(self) -> None:
        """Flush the decoder. Raises ClipIncomplete if a packet did not become an intact frame."""
        self._take(self._context.decode(None))
        if self._received != self._sent:
            raise ClipIncomplete(f"{self._sent - self._received} frames of the finished file cannot be decoded.")

    def _take(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            self._received += 1
            if frame.is_corrupt:
                raise ClipIncomplete("A frame of the finished file is damaged.")
