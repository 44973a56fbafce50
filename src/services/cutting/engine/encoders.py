"""Decodes and encodes the frames of edges and of whole clips, with a quality visually equal to the source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible

_DECODERS = {"h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "libdav1d", "vp8": "vp8"}
"""The decoder for each codec of edges; other codecs use FFmpeg's default."""

_SKIPPING = {"h264"}
"""Codecs whose frames name themselves as not referred to. HEVC's names leave out the layers above them."""

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes to stderr; only this variable limits it to errors

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}

# Quality: constant, at or below the value that the encoders' authors call visually transparent
# (x264 17-18, x265 about 20, VP9 about 20 of 63, SVT-AV1 about 20 of 63). Edges favour speed, whole clips size.
_EDGE: dict[str, dict[str, str]] = {
    # With the tools of _private, twice as fast as superfast. A fixed quantiser needs no half-size copy of each frame to
    # estimate its complexity, which takes a quarter of the time; the pictures are as good as with CRF 15.
    "h264": {"preset": "ultrafast", "qp": "16"},
    "hevc": {"preset": "ultrafast", "crf": "16"},
    "vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "14", "b": "0", "row-mt": "1", "lag-in-frames": "0"},
    "av1": {"preset": "8", "crf": "18"},  # 10 and faster show artefacts
}
_WHOLE: dict[str, dict[str, str]] = {
    "h264": {"preset": "veryfast", "crf": "17"},
    "hevc": {"preset": "fast", "crf": "18"},
    "vp9": {"deadline": "good", "cpu-used": "4", "crf": "20", "b": "0", "row-mt": "1"},
    "av1": {"preset": "8", "crf": "20"},
}
_EDGE_THREADS = max((os.cpu_count() or 2) - 1, 1)
"""For H.264: the decoder of the same frames uses the other core, and each thread of x264 costs a tenth more."""
_H264_PROFILES = {"Constrained Baseline": "baseline", "Baseline": "baseline", "Main": "main", "High": "high"}


def codec_name(stream: VideoStream) -> str:
    """Return FFmpeg's name of the codec, independent of its decoder."""
    return stream.codec_context.codec.canonical_name


class Decoder:
    """Decodes packets of ``stream`` to frames in presentation order, on all cores."""

    def __init__(self, stream: VideoStream) -> None:
        name = codec_name(stream)
        context = av.CodecContext.create(_DECODERS.get(name, name), "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = stream.codec_context.extradata
        context.thread_type, context.thread_count = "AUTO", 0
        self._base = stream.time_base or Fraction(1, 90000)
        self._context, self._can_skip = context, name in _SKIPPING

    def decode(self, pack: Pack, *, spare: bool = False) -> Iterator[VideoFrame]:
        """Decode a packet. Returns the frames that are ready; damaged frames are omitted, so callers count frames.

        ``spare``: the caller does not need this frame, only what refers to it; it is left out if nothing does.
        """
        if self._can_skip:
            self._context.skip_frame = "NONREF" if spare else "DEFAULT"
        # A packet that refers to our bytes needs the interpreter's lock to release them: the decoder's threads would
        # wait for the lock while the thread that closes the decoder holds it and waits for them.
        packet = av.Packet(len(pack.data))
        packet.update(pack.data)
        packet.pts, packet.dts, packet.duration, packet.time_base = pack.pts, pack.dts, pack.duration, self._base
        packet.is_keyframe = pack.key
        return self._frames(packet)

    def flush(self) -> Iterator[VideoFrame]:
        """Return the remaining frames."""
        return self._frames(None)

    def _frames(self, packet: av.Packet[Any] | None) -> Iterator[VideoFrame]:
        try:
            yield from self._context.decode(packet)
        except FFmpegError:
            return


class AnyEncoder(Protocol):
    """An encoder as the cuts of the video use it."""

    @property
    def extradata(self) -> bytes | None:
        """The codec header, if it is separate from the packets."""
        ...

    def encode(self, frame: VideoFrame) -> list[Pack]:
        """Encode a frame. Returns the packets that are ready."""
        ...

    def flush(self) -> list[Pack]:
        """Return the remaining packets; the encoder cannot be used afterwards."""
        ...

    def close(self) -> None:
        """Release all resources."""
        ...


class Encoder:
    """Encodes frames with the properties of ``stream``. Times in ticks of its time base."""

    def __init__(
        self, stream: VideoStream, codec: str, options: dict[str, str], *, whole: bool = False, other: bool = False
    ) -> None:
        """``whole``: for a clip, not for an edge; ``other``: ``codec`` is not that of ``stream``.

        Raises SmartImpossible if no encoder supports such frames.
        """
        if codec not in _ENCODERS:
            raise SmartImpossible(f"no encoder for {codec} is available")
        source = stream.codec_context
        context = av.CodecContext.create(_ENCODERS[codec], "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = source.width, source.height, source.pix_fmt
        context.time_base = stream.time_base or Fraction(1, 90000)
        context.framerate = stream.average_rate or stream.guessed_rate or Fraction(30)
        context.sample_aspect_ratio = stream.sample_aspect_ratio or Fraction(1)
        for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(context, name, getattr(source, name))
        whole = whole or other
        if not other:
            context.flags |= Flags.global_header
        elif context.pix_fmt not in [f.name for f in context.codec.video_formats or []]:
            context.pix_fmt = "yuv420p"
        context.thread_count = 0 if whole or codec != "h264" else _EDGE_THREADS
        context.options = {**(_WHOLE if whole else _EDGE)[codec], **_private(stream, codec, options, whole=whole)}
        try:
            context.open()
        except (FFmpegError, ValueError) as error:
            raise SmartImpossible(f"the {codec} encoder does not support these frames: {error}") from error
        self._context = context

    @property
    def extradata(self) -> bytes | None:
        """The codec header."""
        return self._context.extradata

    def encode(self, frame: VideoFrame) -> list[Pack]:
        """Encode a frame. Returns the packets that are ready."""
        assert frame.pts is not None
        frame.pict_type = 0  # the encoder decides, not the source
        if frame.format.name != self._context.pix_fmt:
            frame = frame.reformat(format=self._context.pix_fmt)
        return self._packs(frame)

    def flush(self) -> list[Pack]:
        """Return the remaining packets; the encoder cannot be used afterwards."""
        return self._packs(None)

    def close(self) -> None:
        """Do nothing: the codec context is released with this object."""

    def _packs(self, frame: VideoFrame | None) -> list[Pack]:
        packs = []
        for packet in self._context.encode(frame):
            assert packet.pts is not None
            dts = packet.dts if packet.dts is not None else packet.pts
            packs.append(Pack(bytes(packet), packet.pts, dts, packet.duration or 0, packet.is_keyframe, fresh=True))
        return packs


def _private(stream: VideoStream, codec: str, options: dict[str, str], *, whole: bool) -> dict[str, str]:
    """Return the encoder's private options: no reordering in edges, and the source's profile."""
    if codec == "h264":
        params = {"open-gop": "0", "keyint": "250", **options}
        if not whole:
            params |= {"bframes": "0", "scenecut": "0", "rc-lookahead": "0", "sync-lookahead": "0"}
            params |= {"cabac": "1", "8x8dct": "1", "no-deblock": "0"}
        found: dict[str, str] = {"x264-params": ":".join(f"{name}={value}" for name, value in params.items())}
        profile = _H264_PROFILES.get(stream.codec_context.profile or "")
        return found | ({"profile": profile} if profile else {})
    if codec == "hevc":
        params = {"open-gop": "0", "info": "0", "log-level": "none", **options}
        if not whole:
            params |= {"bframes": "0", "wpp": "0", "repeat-headers": "0", "keyint": "-1", "hrd": "0", "weightp": "0"}
        return {"x265-params": ":".join(f"{name}={value}" for name, value in params.items())}
    if codec == "av1":
        return {"svtav1-params": "keyint=10s" if whole else "keyint=-1"} | options
    return dict(options)
