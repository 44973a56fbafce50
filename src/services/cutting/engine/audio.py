"""Cuts the audio: copies packets if the container supports the codec, otherwise encodes exactly to the sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.error import FFmpegError

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.demuxer import Demuxer, Pack

COPIED_INTO = {"mp4": {"aac", "opus", "mp3", "ac3", "eac3", "flac", "alac"}, "webm": {"opus", "vorbis"}}
_ENCODERS = {"mp4": ("aac", 192_000, "aac"), "webm": ("libopus", 160_000, "opus")}
_ROUNDING = Fraction(1, 50)  # seconds: the largest rounding error of packet times
_OPUS_PRE_ROLL = Fraction(80, 1000)  # RFC 7845, 4.6: decoders converge within 80 ms


def pre_roll(codec: str, rate: int) -> Fraction:
    """Return how many seconds before the cut a decoder must start to decode the first sample correctly."""
    if codec == "opus":
        return _OPUS_PRE_ROLL
    if codec in ("aac", "mp3", "vorbis", "ac3", "eac3"):
        return Fraction(2048, rate)  # overlapping windows: the packet before; twice that with spectral band replication
    return Fraction(0)


class AudioCopy:
    """Copies the packets of [start, end), in seconds of the source, and those that a decoder needs before them.

    Times are in ticks of the stream's time base and may start before ``start``: the muxer hides the surplus.
    ``reached``: the audio continued up to ``end``.
    """

    reached = False

    def __init__(self, demuxer: Demuxer, start: Fraction, end: Fraction, check: Callable[[], None]) -> None:
        context = demuxer.audio.codec_context
        self._demuxer, self._check = demuxer, check
        self.codec = context.codec.canonical_name
        roll = Fraction(0) if self.codec == "vorbis" else pre_roll(self.codec, context.sample_rate)
        self._low = ceil((start + demuxer.shift) / demuxer.time_base)
        self._high = ceil((end + demuxer.shift) / demuxer.time_base)
        self._first = floor((start + demuxer.shift - roll) / demuxer.time_base)

    def packets(self) -> Iterator[Pack]:
        """Read the packets in order. The last one's duration ends with the cut.

        A packet that does not start after the one before is left out: no container can hold it, and what it repeats is
        there. Encoders of running streams write such packets where they start again.
        """
        before: int | None = None
        for pack in self._demuxer.packets():
            self._check()
            if pack.pts + pack.duration <= self._first or (before is not None and pack.dts <= before):
                continue
            if pack.pts >= self._high:
                self.reached = True
                return
            if self.codec == "vorbis" and pack.pts < self._low:
                continue  # containers cannot hide the start of Vorbis
            before = pack.dts
            yield pack
            if pack.pts + pack.duration >= self._high:
                self.reached = True
                return  # the next packet may not have been fetched


class AudioEncode:
    """Encodes the audio of exactly [start, end), for a container that does not support the source's codec.

    Times are in samples from ``start``; the first ones are negative because of the encoder's delay. ``reached``: see
    ``AudioCopy``.
    """

    reached = False

    def __init__(
        self, demuxer: Demuxer, start: Fraction, end: Fraction, check: Callable[[], None], family: str
    ) -> None:
        encoder, bit_rate, self.codec = _ENCODERS[family]
        source = demuxer.audio.codec_context
        self.rate = 48000 if family == "webm" or source.sample_rate not in (44100, 48000) else source.sample_rate
        channels = min(source.channels, 6 if family == "mp4" else 8)
        layout = source.layout.name if source.channels in (1, 2) else {6: "5.1", 8: "7.1"}.get(channels, "stereo")
        context = av.CodecContext.create(encoder, "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout = self.rate, layout
        context.format = "fltp" if family == "mp4" else "flt"
        context.bit_rate = bit_rate if source.channels <= 2 else bit_rate * 2
        context.time_base = Fraction(1, self.rate)
        context.flags |= Flags.global_header
        context.open()
        self.context = context
        self._demuxer, self._start, self._end, self._check = demuxer, start, end, check

    def packets(self) -> Iterator[Pack]:
        """Encode the packets in order."""
        resampler = av.AudioResampler(
            format=self.context.format, layout=self.context.layout, rate=self.rate, frame_size=self.context.frame_size
        )
        sent = 0
        for frame in self._frames():
            for ready in resampler.resample(frame):
                ready.pts, ready.time_base = sent, Fraction(1, self.rate)
                sent += ready.samples
                yield from self._packs(self.context.encode(ready))
        for ready in resampler.resample(None):
            ready.pts, ready.time_base = sent, Fraction(1, self.rate)
            sent += ready.samples
            yield from self._packs(self.context.encode(ready))
        yield from self._packs(self.context.encode(None))

    def _packs(self, packets: list[Any]) -> Iterator[Pack]:
        for packet in packets:
            yield Pack(bytes(packet), packet.pts or 0, packet.pts or 0, packet.duration or 0, key=True, fresh=True)

    def _frames(self) -> Iterator[AudioFrame]:
        """Decode the audio of the cut, trimmed to the sample, with silence where the source has gaps."""
        stream = self._demuxer.audio
        decoder = av.CodecContext.create(stream.codec_context.codec.name, "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.extradata = stream.codec_context.extradata
        decoder.sample_rate = stream.codec_context.sample_rate
        decoder.layout = stream.codec_context.layout
        lead = pre_roll(stream.codec_context.codec.canonical_name, stream.codec_context.sample_rate)
        position: Fraction | None = None
        written = self._start  # audio is complete up to here
        for pack in self._demuxer.packets():
            self._check()
            time = self._demuxer.time_of(pack.pts)
            length = pack.duration * self._demuxer.time_base
            if time + length <= self._start - lead:
                continue
            if time >= self._end or (position is not None and position >= self._end):
                self.reached = True
                break
            if position is None:
                position = time
            packet = av.Packet(pack.data)
            packet.pts, packet.dts, packet.time_base = pack.pts, pack.dts, self._demuxer.time_base
            try:
                frames = decoder.decode(packet)
            except FFmpegError as error:
                raise SourceUnreadable(f"its audio cannot be decoded: {error}") from error
            for frame in frames:
                at = self._demuxer.time_of(frame.pts) if frame.pts is not None else position
                position = at + Fraction(frame.samples, frame.sample_rate)
                repeated = written - at > _ROUNDING  # the source goes back in time
                trimmed = _trim(frame, at, written if repeated else self._start, self._end)
                if trimmed is not None:
                    begin = written if repeated else max(at, self._start)
                    yield from _silence(trimmed, begin - written)
                    written = begin + Fraction(trimmed.samples, trimmed.sample_rate)
                    yield trimmed


def _silence(like: AudioFrame, seconds: Fraction) -> Iterator[AudioFrame]:
    """Generate silence of this length; none if the length is only a rounding error."""
    left = round(seconds * like.sample_rate) if seconds > _ROUNDING else 0
    while left > 0:
        frame = AudioFrame(format=like.format.name, layout=like.layout.name, samples=min(left, like.sample_rate))
        frame.sample_rate, frame.time_base, frame.pts = like.sample_rate, like.time_base, None
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        left -= frame.samples
        yield frame


def _trim(frame: AudioFrame, at: Fraction, start: Fraction, end: Fraction) -> AudioFrame | None:
    """Return the part of ``frame``, which starts at ``at`` seconds, inside [start, end)."""
    rate = frame.sample_rate
    first = max(round((start - at) * rate), 0)
    last = min(round((end - at) * rate), frame.samples)
    if first >= last:
        return None
    if first == 0 and last == frame.samples:
        return frame
    cut = AudioFrame(format=frame.format.name, layout=frame.layout.name, samples=last - first)
    cut.sample_rate, cut.time_base, cut.pts = rate, frame.time_base, None
    planar = frame.format.is_planar
    width = frame.format.bytes * (1 if planar else frame.layout.nb_channels)
    for source, target in zip(frame.planes, cut.planes, strict=True):
        data = memoryview(source)[first * width : last * width]
        target.update(bytes(data).ljust(target.buffer_size, b"\0")[: target.buffer_size])
    return cut
