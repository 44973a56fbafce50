"""Reads the facts of the streams of an open file, and finds its main video and cover images."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av

from src.models.media import AudioStream, SubtitleStream, VideoStream
from src.services.media import facts

COVER_CODECS: Final = frozenset({"mjpeg", "png"})


def main_stream(media: Any) -> Any | None:
    """Return the stream of ``MediaInfo.main_video``: the first video that has a decoder and is not a cover image."""
    readable = (stream for stream in media.streams.video if stream.codec_context is not None)
    return next((stream for stream in readable if not is_cover(stream)), None)


def is_cover(stream: Any) -> bool:
    """Whether a video stream is an image that belongs to the file, and not the video itself.

    Cameras also store their thumbnail as a normal track of one JPEG or PNG next to the video.
    """
    named = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    if stream.disposition & named:
        return True
    if stream.frames > 1 or not _is_image(stream):
        return False
    # FFmpeg prefers the stream with more frames, and counts those of the first seconds if the container does not.
    best = stream.container.streams.best("video")
    return best is not None and best.index != stream.index and not _is_image(best)


def _is_image(stream: Any) -> bool:
    return stream.codec_context is not None and facts.codec_name(stream.codec_context) in COVER_CODECS


def video(stream: Any) -> VideoStream:
    """Read the facts of a video stream that has a decoder."""
    context = stream.codec_context
    return VideoStream(
        index=stream.index,
        codec=facts.codec_name(context),
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt or "",
        frame_rate=facts.rate(stream.average_rate),
        time_base=stream.time_base or Fraction(1, 1000),
        profile=stream.profile,
        sample_aspect=facts.rate(stream.sample_aspect_ratio) or Fraction(1),
        color_primaries=facts.named(facts.PRIMARIES, context.color_primaries),
        color_transfer=facts.named(facts.TRANSFERS, context.color_trc),
        color_space=facts.named(facts.MATRICES, context.colorspace),
        color_range=facts.RANGES.get(context.color_range),
        field_order=facts.FIELD_ORDERS.get(context.field_order),
        duration_seconds=facts.stream_seconds(stream, stream.duration),
        attached_picture=is_cover(stream),
        base_rate=facts.rate(stream.base_rate),
        start_seconds=facts.stream_seconds(stream, stream.start_time),
        bit_rate=context.bit_rate or None,
        frames=stream.frames or None,
        codec_tag=facts.tag_text(context.codec_tag),
        alpha=stream.metadata.get("alpha_mode") == "1",
    )


def audio(stream: Any) -> AudioStream:
    """Read the facts of an audio stream that has a decoder."""
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=facts.codec_name(context),
        sample_rate=context.sample_rate,
        channels=context.channels,
        layout=context.layout.name if context.layout else None,
        language=stream.language,
        profile=stream.profile,
        bit_rate=context.bit_rate or None,
        start_seconds=facts.stream_seconds(stream, stream.start_time),
        duration_seconds=facts.stream_seconds(stream, stream.duration),
        default=bool(stream.disposition & av.stream.Disposition.default),
        title=stream.metadata.get("title"),
    )


def subtitle(stream: Any) -> SubtitleStream:
    """Read the facts of a subtitle stream."""
    context = stream.codec_context
    return SubtitleStream(stream.index, context.name if context is not None else "unknown", stream.language)
