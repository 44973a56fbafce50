"""Reads one file with PyAV in a child process and prints its facts as JSON, or its poster.

``python -m src.services.media.probe_child TASKS NEED FILE`` with one or several (``probe,scan``) of the tasks probe,
scan, check, check_audio, check_video, decode and index, or with the task poster, and the need video, audio or any. It
ends with 0 and JSON (or the JPEG) on stdout, with 1 and one sentence about what is wrong with the file, or with
NO_MEMORY; any other end is a crash.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av

from src.models.media import FrameIndex, FrameSize, MediaInfo, StreamTimeline, Timeline, VideoStream
from src.services.media import facts, streams
from src.services.media.frame_sizes import SizeWatch
from src.services.media.poster import make_poster
from src.services.media.trial import Trial

MAX_PIXELS: Final = 8192 * 4608  # 8K in any of its usual shapes
MAX_STREAMS: Final = 64
VIDEO_FORMATS: Final = "mov,matroska,avi,flv,asf,mpeg,mpegts,mpegvideo"
AUDIO_FORMATS: Final = VIDEO_FORMATS + ",mp3,wav,flac,ogg,aac"
NO_MEMORY: Final = 2
"""The exit code if this process needs more memory than allowed."""
_FIRST_PACKETS: Final = 3000  # a video without a frame in these packets counts as unreadable
_DECODED_FRAMES: Final = 6  # frames at the start that are examined for interlacing


class Unreadable(Exception):
    """The sentence for the client about what is wrong with the file."""


def open_media(path: str, need: str) -> Any:
    """Open the container with the whitelists and limits."""
    options = {
        "format_whitelist": VIDEO_FORMATS if need == "video" else AUDIO_FORMATS,
        "protocol_whitelist": "file",
        "probesize": "20000000",
        "analyzeduration": "20000000",
        "max_streams": str(MAX_STREAMS),
    }
    if Path(path).stat().st_size == 0:
        raise Unreadable("This file is empty")
    bounded: Any = [{"max_pixels": str(MAX_PIXELS)}] * MAX_STREAMS
    try:
        try:
            return av.open(f"file:{path}", container_options=options, stream_options=bounded, metadata_errors="replace")
        except ValueError as error:
            if isinstance(error, av.error.FFmpegError):
                raise
            # A container without a header: options are impossible for streams that are not yet known.
            return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except MemoryError:  # av's own is an FFmpegError as well
        raise
    except (av.error.FFmpegError, ValueError, UnicodeError):
        raise Unreadable("This file is not a video, or its container is not supported") from None


def read_info(path: str, need: str) -> MediaInfo:
    """Read the facts of a file and require at least one decodable frame of the needed kind."""
    with open_media(path, need) as media:
        unreadable = [s.type for s in media.streams if s.type in ("video", "audio") and s.codec_context is None]
        video = [streams.video(stream) for stream in media.streams.video if stream.codec_context is not None]
        audio = [streams.audio(stream) for stream in media.streams.audio if stream.codec_context is not None]
        main = next((stream for stream in video if not stream.attached_picture), None)
        if need == "video" and main is None and "video" in unreadable:
            raise Unreadable("The codec of this video is not supported")
        if need == "audio" and not audio and "audio" in unreadable:
            raise Unreadable("The codec of this audio is not supported")
        if need == "video" and main is None:
            raise Unreadable("This file has audio but no video" if audio else "This file has no video")
        if need == "audio" and not audio:
            raise Unreadable("This file has no audio")
        if main is not None and main.width * main.height > MAX_PIXELS:
            raise Unreadable("The video is larger than 8K")
        if main is not None and need != "audio":
            video[video.index(main)] = _with_decoded_facts(media, main, required=need == "video")
        start = None if media.start_time is None else media.start_time / av.time_base
        return MediaInfo(
            container=media.format.name,
            duration_seconds=None if media.duration is None else media.duration / av.time_base,
            size_bytes=Path(path).stat().st_size,
            bit_rate=media.bit_rate or None,
            video=tuple(video),
            audio=tuple(audio),
            subtitles=tuple(streams.subtitle(stream) for stream in media.streams.subtitles),
            tags={str(name): str(value) for name, value in _tags(media).items()},
            chapters=len(media.chapters()),
            start_seconds=start,
            others=sum(stream.type not in ("video", "audio", "subtitle") for stream in media.streams),
            unreadable=tuple(unreadable),
        )


def _tags(media: Any) -> dict[str, str]:
    """Return the file's tags; Ogg stores them in its first stream."""
    streams = media.streams.audio if media.format.name == "ogg" else ()
    return {**(streams[0].metadata if streams else {}), **media.metadata}


def _with_decoded_facts(media: Any, known: VideoStream, *, required: bool) -> VideoStream:
    """Add the facts of decoded frames to ``known``."""
    stream = media.streams[known.index]
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    decoded = []
    for frame in _frames(media, stream):
        decoded.append(frame)
        if len(decoded) == _DECODED_FRAMES:
            break
    if not decoded and required:
        raise Unreadable("No frame of this video can be decoded")
    return facts.with_frames(known, decoded) if decoded else known


def _frames(media: Any, stream: Any) -> Iterator[Any]:
    for count, packet in enumerate(media.demux(stream)):
        try:
            yield from (frame for frame in packet.decode() if not frame.is_corrupt)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            continue
        if count > _FIRST_PACKETS:
            return


def read_timeline(path: str, task: str) -> Timeline:
    """Read the timelines of the main video and of all audio; ``check`` decodes key frames, the last GOP and the audio,
    ``check_audio`` only the audio, and ``check_video`` only the video, without a timeline of the audio."""
    decode = task == "decode"
    axes: dict[int, facts.Axis] = {}
    errors = 0
    with open_media(path, "any") as media:
        main = streams.main_stream(media)
        wanted = [] if main is None else [main]
        if task != "check_video":
            wanted += [stream for stream in media.streams.audio if stream.codec_context is not None]
        for stream in wanted:
            axes[stream.index] = facts.Axis(stream.time_base)
            if decode:
                stream.thread_type = "AUTO"
        options = {"max_pixels": str(MAX_PIXELS)}
        if main is not None and main.codec_context.name == "h264" and task in ("check", "check_video"):
            options["skip_loop_filter"] = "all"  # a quarter of the time of decoding; it finds no errors
            main.codec_context.options = options
        trial = Trial(options)
        sizes = SizeWatch(main, MAX_PIXELS) if main is not None and task == "scan" else None
        packets = media.demux(wanted) if wanted else iter(())
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except MemoryError:
                raise
            except av.error.FFmpegError:
                errors += 1
                break
            try:
                # An empty packet at the end always has stream_index 0, so its stream decides.
                axis = axes[packet.stream.index]
                if decode:
                    axis.take(packet.decode())
                else:
                    axis.take([packet])
                    if task in ("check", f"check_{packet.stream.type}"):
                        trial.take(packet)
                    elif sizes is not None and packet.stream.type == "video":
                        sizes.take(packet)
            except MemoryError:
                raise
            except av.error.FFmpegError:
                errors += 1
        errors += trial.end()
        found = tuple(sizes.sizes) if sizes is not None else ()
        return Timeline(tuple(_axis(stream, axes[stream.index], found) for stream in wanted), errors=errors)


def read_index(path: str) -> FrameIndex:
    """Read the times of all shown frames of the main video."""
    with open_media(path, "video") as media:
        stream = streams.main_stream(media)
        if stream is None:
            raise Unreadable("This file has no video")
        ticks: list[int] = []
        keys: list[int] = []
        for packet in media.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None or (not ticks and not packet.is_keyframe):
                raise Unreadable("The packets of this video do not correspond to its frames")
            ticks.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        return FrameIndex(stream.time_base, tuple(ticks), tuple(keys))


def _axis(stream: Any, axis: facts.Axis, sizes: tuple[FrameSize, ...]) -> StreamTimeline:
    times = sorted(axis.times)
    gaps = [late - early for early, late in pairwise(times)]
    first, last = (times[0], times[-1]) if times else (None, None)
    timeline = StreamTimeline(
        index=stream.index,
        kind=stream.type,
        units=axis.units,
        first_seconds=first,
        last_seconds=last,
        end_seconds=axis.end,
        largest_gap_seconds=max(gaps, default=0.0),
        smallest_gap_seconds=min(gaps, default=0.0),
        keyframes=axis.keyframes,
    )
    if stream.type == "audio":
        return dataclasses.replace(timeline, silences=facts.silences(axis.spans))
    return dataclasses.replace(timeline, sizes=sizes)


def read_poster(path: str) -> bytes:
    """Create a JPEG from the start of the video."""
    with open_media(path, "video") as media:
        stream = streams.main_stream(media)
        jpeg = None if stream is None else make_poster(media, stream)
    if jpeg is None:
        raise Unreadable("This video has no frames")
    return jpeg


def _answer(task: str, need: str, path: str) -> bytes:
    if task == "poster":
        return read_poster(path)
    if task == "probe":
        answer: MediaInfo | Timeline | FrameIndex = read_info(path, need)
    else:
        answer = read_index(path) if task == "index" else read_timeline(path, task)
    return as_json(answer) + b"\n"


def as_json(answer: MediaInfo | Timeline | FrameIndex) -> bytes:
    """Write an answer as one line of JSON, without pydantic: its import would double the start of this process."""
    return json.dumps(answer, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    """Convert fractions and dataclasses to JSON values."""
    if isinstance(value, Fraction):
        return str(value)
    assert dataclasses.is_dataclass(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def main(tasks: str, need: str, path: str) -> int:
    """Do the tasks and print the answers, one per line."""
    try:
        answers = [_answer(task, need, path) for task in tasks.split(",")]
    except Unreadable as reason:
        sys.stdout.write(str(reason))
        return 1
    except MemoryError:
        return NO_MEMORY
    except (av.error.FFmpegError, OSError):
        sys.stdout.write("This file cannot be read")
        return 1
    for answer in answers:
        sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
