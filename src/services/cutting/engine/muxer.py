"""Writes the clip with times from 0 and hides surplus audio by the means of its container."""

from __future__ import annotations

import io
import struct
from contextlib import nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from src.errors import disk_fault
from src.services.cutting.engine.audio import AudioEncode
from src.services.cutting.engine.demuxer import Demuxer, Pack
from src.services.cutting.engine.encoders import codec_name
from src.services.cutting.engine.webm_patches import ROOM, opus_template, set_webm_duration, set_webm_shape

FAMILIES = {".mp4": "mp4", ".m4a": "mp4", ".m4v": "mp4", ".mov": "mp4", ".webm": "webm"}
_OPTIONS = {"mp4": {"movflags": "+faststart", "movie_timescale": "90000"}, "webm": {"cues_to_front": "1"}}
_TAGS = {"hevc": "hvc1"}  # Apple's players refuse hev1


class Output:
    """A file that is being written. Streams are added first, then packets in the order of their decode times."""

    def __init__(self, path: Path) -> None:
        self.family = FAMILIES[path.suffix.lower()]
        self._container = av.open(str(path), "w", format=self.family, options=_OPTIONS[self.family])
        self._path = path
        self._ends: dict[int, int] = {}  # where each stream ends, in ticks
        self._bases: dict[int, Fraction] = {}
        self._templates: list[Any] = []
        self._shown: tuple[int, int] | None = None

    def add_video(self, demuxer: Demuxer, header: bytes | None) -> Stream:
        """Add the video of ``demuxer``; ``header`` replaces the codec header of its stream."""
        stream = self._container.add_stream_from_template(demuxer.video, opaque=True)
        if header is not None:
            stream.codec_context.extradata = header
        context = stream.codec_context
        assert isinstance(context, VideoCodecContext)
        context.sample_aspect_ratio = demuxer.video.sample_aspect_ratio or Fraction(1)  # some codecs do not store it
        self._shape(stream, demuxer)
        codec = codec_name(demuxer.video)
        if self.family == "mp4" and codec in _TAGS:
            stream.codec_context.codec_tag = _TAGS[codec]
        self._bases[stream.index] = demuxer.time_base
        return stream

    def add_new_video(self, demuxer: Demuxer, codec: str) -> Stream:
        """Add a video with the properties of ``demuxer`` in another codec; its first packet contains the header."""
        source = demuxer.video
        stream = self._container.add_mux_stream(
            codec, rate=source.average_rate, width=source.codec_context.width, height=source.codec_context.height
        )
        stream.time_base = demuxer.time_base
        self._shape(stream, demuxer)
        self._bases[stream.index] = demuxer.time_base
        return stream

    def _shape(self, stream: Stream, demuxer: Demuxer) -> None:
        """Remember the display size of a WebM, which FFmpeg cannot write."""
        size, aspect = demuxer.video.codec_context, demuxer.video.sample_aspect_ratio or Fraction(1)
        if self.family == "webm" and aspect != 1:
            stream.metadata["title"] = ROOM
            self._shown = round(size.width * aspect), size.height

    def add_copied_audio(self, demuxer: Demuxer, priming: Fraction) -> Stream:
        """Add the audio of ``demuxer``, whose first ``priming`` seconds are hidden."""
        template = demuxer.audio
        if template.codec_context.codec.canonical_name == "opus":
            samples = round(priming * 48000)
            head = _opus_head(template.codec_context.extradata or b"", template.codec_context.channels, samples)
            holder = av.open(io.BytesIO(opus_template(head, template.codec_context.channels, samples)), "r")
            self._templates.append(holder)  # a template must outlive its copies
            template = holder.streams.audio[0]
        stream = self._container.add_stream_from_template(template, opaque=True)
        stream.time_base = demuxer.time_base
        self._bases[stream.index] = demuxer.time_base
        return stream

    def add_encoded_audio(self, audio: AudioEncode) -> Stream:
        """Add the audio of an encoder."""
        if audio.codec == "opus":
            extradata = audio.context.extradata or b""
            samples = struct.unpack_from("<H", extradata, 10)[0]
            holder = av.open(io.BytesIO(opus_template(extradata, audio.context.channels, samples)), "r")
            self._templates.append(holder)
            stream = self._container.add_stream_from_template(holder.streams.audio[0], opaque=True)
        else:
            stream = self._container.add_stream("aac", rate=audio.rate, layout=audio.context.layout.name)
            stream.codec_context.bit_rate = audio.context.bit_rate or 0
        stream.time_base = Fraction(1, audio.rate)
        self._bases[stream.index] = Fraction(1, audio.rate)
        return stream

    def write(self, stream: Stream, pack: Pack, zero: int) -> None:
        """Write a packet. ``zero``: the start of the clip in ticks of the source.

        Raises:
            DiskFull, DiskUnwritable.
        """
        packet = av.Packet(pack.data)
        packet.stream = stream
        packet.time_base = self._bases[stream.index]
        packet.pts, packet.dts, packet.duration = pack.pts - zero, pack.dts - zero, pack.duration
        packet.is_keyframe = pack.key
        self._ends[stream.index] = max(self._ends.get(stream.index, 0), packet.pts + pack.duration)
        try:
            self._container.mux_one(packet)
        except OSError as error:
            raise _translated(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Finish the file, or only close it after an error. Raises DiskFull."""
        try:
            with suppress(Exception) if error is not None else nullcontext():
                self._container.close()
            if error is None and self.family == "webm" and self._ends:
                end = max(ticks * self._bases[index] for index, ticks in self._ends.items())
                set_webm_duration(self._path, end)
            if error is None and self._shown is not None:
                set_webm_shape(self._path, *self._shown)
        except OSError as problem:
            raise _translated(problem) from problem
        finally:
            for holder in self._templates:
                holder.close()


def _translated(error: OSError) -> Exception:
    return disk_fault(error) or error


def _opus_head(head: bytes, channels: int, skip: int) -> bytes:
    """Return the OpusHead with another pre-skip (RFC 7845, 5.1), in samples at 48 kHz."""
    if head[:8] != b"OpusHead":
        head = b"OpusHead" + struct.pack("<BBHIHB", 1, channels, 0, 48000, 0, 0)
    return head[:10] + struct.pack("<H", min(skip, 65535)) + head[12:]
