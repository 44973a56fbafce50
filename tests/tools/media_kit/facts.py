"""What a file's headers and packets say, without decoding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

import av


class PacketFact(NamedTuple):
    """One packet in the order of the file; times in seconds of presentation, size in bytes."""

    pts: Fraction | None
    dts: Fraction | None
    duration: Fraction | None
    size: int
    key: bool
    discard: bool
    """Whether an edit list hides it."""


@dataclass(frozen=True)
class VideoFacts:
    """The first video stream; ``codec`` is FFmpeg's name (h264, hevc, vp9, av1), ``fps`` the average rate."""

    codec: str
    profile: str | None
    width: int
    height: int
    pixel_format: str
    fps: Fraction | None
    start: Fraction | None
    duration: Fraction | None


@dataclass(frozen=True)
class AudioFacts:
    """The first sound stream; ``codec`` is FFmpeg's name (aac, opus)."""

    codec: str
    rate: int
    channels: int
    start: Fraction | None
    duration: Fraction | None


@dataclass(frozen=True)
class MediaFacts:
    """A file: FFmpeg's name of the container, duration in seconds, its size in bytes and its first streams."""

    container: str
    duration: Fraction | None
    size_bytes: int
    stream_count: int
    video: VideoFacts | None
    audio: AudioFacts | None


def media_facts(path: Path) -> MediaFacts:
    """Facts from the headers of ``path``."""
    with av.open(str(path)) as container:
        video = next((_video(stream) for stream in container.streams.video), None)
        audio = next((_audio(stream) for stream in container.streams.audio), None)
        duration = None if container.duration is None else Fraction(container.duration, av.time_base)
        count = len(container.streams)
        return MediaFacts(container.format.name, duration, path.stat().st_size, count, video, audio)


def packets(path: Path, kind: Literal["video", "audio"] = "video", *, edit_list: bool = True) -> list[PacketFact]:
    """All packets of the first stream of ``kind``, in decode order."""
    facts = []
    with av.open(str(path), options={} if edit_list else {"ignore_editlist": "1"}) as container:
        stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            base = packet.time_base
            pts, dts, duration = (
                None if value is None or base is None else value * base
                for value in (packet.pts, packet.dts, packet.duration)
            )
            facts.append(PacketFact(pts, dts, duration, packet.size, packet.is_keyframe, packet.is_discard))
    return facts


def _seconds(value: int | None, base: Fraction | None) -> Fraction | None:
    return None if value is None or base is None else value * base


def _video(stream: av.VideoStream) -> VideoFacts:
    context = stream.codec_context
    return VideoFacts(
        codec=_plain(context.name),
        profile=context.profile,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt or "",
        fps=stream.average_rate,
        start=_seconds(stream.start_time, stream.time_base),
        duration=_seconds(stream.duration, stream.time_base),
    )


def _audio(stream: av.AudioStream) -> AudioFacts:
    context = stream.codec_context
    return AudioFacts(
        codec=_plain(context.name),
        rate=context.sample_rate,
        channels=context.channels,
        start=_seconds(stream.start_time, stream.time_base),
        duration=_seconds(stream.duration, stream.time_base),
    )


def _plain(decoder: str) -> str:
    """The codec of a decoder's name: libdav1d decodes av1."""
    return {"libdav1d": "av1", "libopus": "opus", "libvpx-vp9": "vp9"}.get(decoder, decoder.removesuffix("float"))
