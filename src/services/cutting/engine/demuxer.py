"""Reads the packets of one stream of a layout, in decode order, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Literal, NamedTuple, Self

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.video.stream import VideoStream

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes.layout import Layout
from src.services.fetch.reader import Incoming, SeekableReader, SequentialReader
from src.utils.clock_turns import nearest_turn
from src.utils.timecode import FRAME_TOLERANCE_SECONDS

_BUFFER_BYTES = 128 << 10
_RATE_FRAMES = "3"
"""How many frames of an MP4 FFmpeg reads to guess its frame rate. It stores how long each frame is shown, so the guess
is only a hint for encoders. The usual 20 frames must arrive, and are decoded, before the first packet is returned."""
_MOST_EARLY = 16  # frames that a supported codec may reorder


class Pack(NamedTuple):
    """A packet. Times in ticks of its stream's time base. ``fresh``: it comes from an encoder, not from the source.

    A tuple, because a clip has thousands of them.
    """

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool
    fresh: bool = False


class NoStream(SourceUnreadable):
    """The layout has no video, or no audio."""


class Demuxer:
    """An open layout and one of its streams."""

    def __init__(self, fetcher: Incoming, layout: Layout, kind: Literal["video", "audio"]) -> None:
        """Raises NoStream, and SourceUnreadable if the bytes cannot be demuxed."""
        self.layout = layout
        reader = (SeekableReader if layout.seekable else SequentialReader)(fetcher, layout.parts)
        options = {"analyzeduration": "10000000"}
        if layout.container == "mp4":
            options["fpsprobesize"] = _RATE_FRAMES
        try:
            self._container = av.open(
                reader,
                "r",
                format=layout.container,
                options=options,
                buffer_size=_BUFFER_BYTES,
                metadata_errors="ignore",
            )
        except FFmpegError as error:
            raise SourceUnreadable(f"it cannot be demuxed: {error}") from error
        streams = self._container.streams.video if kind == "video" else self._container.streams.audio
        self.stream: VideoStream | AudioStream | None = next(
            (s for s in streams if not s.disposition & av.stream.Disposition.attached_pic), None
        )
        if self.stream is None or self.stream.time_base is None or self.stream.codec_context is None:
            self._container.close()
            raise NoStream(f"it has no {kind}")
        self.time_base: Fraction = self.stream.time_base
        self.shift = layout.shift_of(self.stream.index)
        if layout.span is not None and self._container.format.name == "mpegts":
            first = (self.stream.start_time or 0) * self.time_base
            self.shift += first - nearest_turn(first, layout.span[0] + self.shift)
        if layout.seek_to is not None:
            self._seek(layout.seek_to)
        self._packets: Iterator[Pack] = self._demux()

    def _seek(self, seconds: Fraction) -> None:
        assert self.stream is not None
        if self._container.format.name == "mpegts":  # its clock starts at any time
            first = next(iter(self._container.streams.video), self.stream)
            self.shift = (first.start_time or 0) * (first.time_base or self.time_base)
        if seconds > 0:
            with suppress(FFmpegError):  # a file without seeking is read from its start
                self._container.seek(int((seconds + self.shift) / self.time_base), stream=self.stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._container.close()

    @property
    def video(self) -> VideoStream:
        """The stream of a demuxer of kind "video"."""
        assert isinstance(self.stream, VideoStream)
        return self.stream

    @property
    def audio(self) -> AudioStream:
        """The stream of a demuxer of kind "audio"."""
        assert isinstance(self.stream, AudioStream)
        return self.stream

    def time_of(self, ticks: int) -> Fraction:
        """Convert ticks to a presentation time in seconds."""
        return ticks * self.time_base - self.shift

    def first_tick(self, seconds: Fraction) -> int:
        """Return the first tick that counts as at or after ``seconds``.

        Coarse clocks (WebM counts milliseconds) round the times of frames, and callers round decimals, so a frame just
        before ``seconds`` still counts.
        """
        tolerance = max(min(self.time_base / 2, Fraction(1, 2000)), FRAME_TOLERANCE_SECONDS)
        return -int(-(seconds + self.shift - tolerance) / self.time_base // 1)

    def first_time(self) -> Fraction:
        """Return the presentation time of the first packet, in seconds; without packets, a very large number."""
        pack = self.peek()
        return Fraction(10**12) if pack is None else self.time_of(pack.pts)

    def peek(self) -> Pack | None:
        """Return the first packet, which ``packets`` will still read."""
        pack = next(self._packets, None)
        if pack is not None:
            self._packets = chain([pack], self._packets)
        return pack

    def packets(self) -> Iterator[Pack]:
        """Read all packets, in decode order; this works once. Raises what ``Fetcher.read`` raises, and SourceUnreadable
        for broken data."""
        return self._packets

    def _usual_duration(self) -> int:
        """Return the duration for packets without one: audio that was read before its rate was known."""
        context = self.stream.codec_context if isinstance(self.stream, AudioStream) else None
        if context is None or not context.frame_size or not context.sample_rate:
            return 0
        return round(Fraction(context.frame_size, context.sample_rate) / self.time_base)

    def _demux(self) -> Iterator[Pack]:
        following: int | None = None  # the time for a packet without one
        usual = self._usual_duration()
        early: list[Pack] | None = []  # Matroska stores no decode times; the first ones are derived from later packets
        try:
            for packet in self._container.demux(self.stream):
                pts = packet.pts
                if pts is None:
                    pts = following if packet.dts is None else packet.dts
                if not packet.size or pts is None:
                    continue  # packets before the first timestamp have no known time
                dts = packet.dts if packet.dts is not None else pts
                duration = packet.duration or usual
                following = pts + duration
                pack = Pack(bytes(packet), pts, dts, duration, packet.is_keyframe)
                if early is not None and packet.dts is None and len(early) < _MOST_EARLY:
                    early.append(pack)
                    continue
                if early:
                    yield from _decoded_before(early, dts if packet.dts is not None else None)
                early = None
                yield pack
            yield from _decoded_before(early or [], None)
        except FFmpegError as error:
            raise SourceUnreadable(f"it cannot be demuxed: {error}") from error


def _decoded_before(packs: list[Pack], following: int | None) -> list[Pack]:
    """Add decode times, increasing up to ``following``, to packets in decode order that have none. ``following`` is
    None if no later packet has a decode time."""
    if following is None:
        shown = sorted(pack.pts for pack in packs)
        delay = max((rank - pack.pts for rank, pack in zip(shown, packs, strict=True)), default=0)
        return [pack._replace(dts=rank - delay) for rank, pack in zip(shown, packs, strict=True)]
    timed: list[Pack] = []
    for pack in reversed(packs):
        following = min(following - max(pack.duration, 1), pack.pts)
        timed.append(pack._replace(dts=following))
    return timed[::-1]
