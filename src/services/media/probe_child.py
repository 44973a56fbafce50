"""The child process of the probe: reads one file with PyAV and prints the facts as JSON, or its poster.

``python -m src.services.media.probe_child TASKS NEED FILE`` with one or several (``probe,scan``) of the tasks probe,
scan, check, hear, decode and index, or with the task poster, and the need video, audio or any. Ends with 0 and JSON (or
the JPEG) on stdout, with 1 and one sentence that says what is wrong with the file, or with NO_MEMORY; any other end is
a crash.
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

MAX_PIXELS: Final = 8192 * 4608  # 8K in any of its usual shapes
MAX_STREAMS: Final = 64
VIDEO_FORMATS: Final = "mov,matroska,avi,flv,asf,mpeg,mpegts,mpegvideo"
AUDIO_FORMATS: Final = VIDEO_FORMATS + ",mp3,wav,flac,ogg,aac"
NO_MEMORY: Final = 2
"""The exit code when the memory that this process may use did not suffice."""
_FIRST_PACKETS: Final = 3000  # a video that shows nothing after so many packets is none
_LOOKED_AT: Final = 6  # frames of the start that are asked whether they are interlaced


class Unreadable(Exception):
    """The sentence that the asker gets."""


def open_media(path: str, need: str) -> Any:
    """The opened container, behind the whitelists and limits."""
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
            # A container without a head: its streams cannot have options before they are seen.
            return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except MemoryError:  # av's own is an FFmpegError as well
        raise
    except (av.error.FFmpegError, ValueError, UnicodeError):
        raise Unreadable("This file is not a video, or of a container that is not accepted") from None


def read_info(path: str, need: str) -> MediaInfo:
    """The facts of a file that has at least one frame of what is needed."""
    with open_media(path, need) as media:
        unreadable = [s.type for s in media.streams if s.type in ("video", "audio") and s.codec_context is None]
        video = [streams.video(stream) for stream in media.streams.video if stream.codec_context is not None]
        audio = [streams.audio(stream) for stream in media.streams.audio if stream.codec_context is not None]
        main = next((stream for stream in video if not stream.attached_picture), None)
        if need == "video" and main is None and "video" in unreadable:
            raise Unreadable("No decoder here knows the codec of this video")
        if need == "audio" and not audio and "audio" in unreadable:
            raise Unreadable("No decoder here knows the codec of this sound")
        if need == "video" and main is None:
            raise Unreadable("This file has sound but no video" if audio else "This file has no video")
        if need == "audio" and not audio:
            raise Unreadable("This file has no sound")
        if main is not None and main.width * main.height > MAX_PIXELS:
            raise Unreadable("The picture is larger than 8K")
        if main is not None and need != "audio":
            seen = _look(media, main, required=need == "video")
            video = [seen if stream is main else stream for stream in video]
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
    """The file's tags; Ogg has them at its first stream."""
    streams = media.streams.audio if media.format.name == "ogg" else ()
    return {**(streams[0].metadata if streams else {}), **media.metadata}


def _look(media: Any, known: VideoStream, *, required: bool) -> VideoStream:
    """``known`` with what only decoded frames tell."""
    stream = media.streams[known.index]
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    seen = []
    for frame in _frames(media, stream):
        seen.append(frame)
        if len(seen) == _LOOKED_AT:
            break
    if not seen and required:
        raise Unreadable("No frame of this video can be decoded")
    return facts.with_frames(known, seen) if seen else known


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
    """The time axes of the main video and of all sound; ``check`` decodes key frames, the last GOP and the sound,
    ``hear`` the sound."""
    decode = task == "decode"
    axes: dict[int, facts.Axis] = {}
    errors = 0
    with open_media(path, "any") as media:
        picture = streams.main_stream(media)
        wanted = [] if picture is None else [picture]
        wanted += [stream for stream in media.streams.audio if stream.codec_context is not None]
        for stream in wanted:
            axes[stream.index] = facts.Axis()
            if decode:
                stream.thread_type = "AUTO"
        trial = facts.Trial()
        sizes = SizeWatch(picture, MAX_PIXELS) if picture is not None and task == "scan" else None
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
                # An empty packet at the end has stream_index 0, whichever stream it ends.
                axis = axes[packet.stream.index]
                if decode:
                    axis.take(packet.decode())
                else:
                    axis.take([packet])
                    if task == "check" or (task == "hear" and packet.stream.type == "audio"):
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
    """The times of all shown frames of the main video."""
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
                raise Unreadable("The frames of this video cannot be told from its packets")
            ticks.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        return FrameIndex(stream.time_base, tuple(ticks), tuple(keys))


def _axis(stream: Any, axis: facts.Axis, sizes: tuple[FrameSize, ...]) -> StreamTimeline:
    times = sorted(axis.times)
    gaps = [late - early for early, late in pairwise(times)]
    return StreamTimeline(
        index=stream.index,
        kind=stream.type,
        units=axis.units,
        first_seconds=times[0] if times else None,
        last_seconds=times[-1] if times else None,
        end_seconds=axis.end,
        largest_gap_seconds=max(gaps, default=0.0),
        smallest_gap_seconds=min(gaps, default=0.0),
        keyframes=axis.keyframes,
        silences=facts.silences(axis.spans) if stream.type == "audio" else (),
        sizes=sizes if stream.type == "video" else (),
    )


def read_poster(path: str) -> bytes:
    """A picture from the beginning of the film, as JPEG."""
    with open_media(path, "video") as media:
        stream = streams.main_stream(media)
        picture = None if stream is None else make_poster(media, stream)
    if picture is None:
        raise Unreadable("This video shows no picture")
    return picture


def _answer(task: str, need: str, path: str) -> bytes:
    if task == "poster":
        return read_poster(path)
    if task == "probe":
        answer: MediaInfo | Timeline | FrameIndex = read_info(path, need)
    else:
        answer = read_index(path) if task == "index" else read_timeline(path, task)
    return as_json(answer) + b"\n"


def as_json(answer: MediaInfo | Timeline | FrameIndex) -> bytes:
    """An answer as one line of JSON. The parent reads it with pydantic, whose import would double this start."""
    return json.dumps(answer, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    """What JSON has no form of its own for."""
    if isinstance(value, Fraction):
        return str(value)
    assert dataclasses.is_dataclass(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def main(tasks: str, need: str, path: str) -> int:
    """Do the tasks and print the answers, one a line."""
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
