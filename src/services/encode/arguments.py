"""FFmpeg's arguments, written from a plan and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import ffmpeg

from src.models.encode_plan import AudioPlan, EncodePlan, Filter, VideoPlan
from src.services.media_reader import AUDIO_FORMATS, MAX_PIXELS

# Fills gaps and a late start with silence and cuts overlaps, so that the sound follows its time stamps.
IN_STEP = "aresample=async=1:min_hard_comp=0.1:first_pts=0"


def input_options(demuxer: str, *, keep_rotation: bool = False) -> dict[str, Any]:
    """How an untrusted file is opened: as what the probe found, no other container, no other file, at most 8K."""
    options: dict[str, Any] = {
        "f": demuxer,
        "format_whitelist": AUDIO_FORMATS,
        "protocol_whitelist": "file",
        "max_pixels": str(MAX_PIXELS),
    }
    if keep_rotation:
        options["noautorotate"] = None
    return options


def file_url(path: Path) -> str:
    """A path that FFmpeg takes for a path, whatever characters it has."""
    return f"file:{path.absolute()}"


def encode_arguments(
    plan: EncodePlan, source: Path, output: Path, *, proof: Path | None = None, joined: Path | None = None
) -> list[str]:
    """The arguments of the whole encode.

    ``proof`` receives the hash of every frame that goes into the encoder. ``joined`` is a file with the video encoded
    already (in chunks): it is copied, and only the rest is taken from the source.
    """
    opened = input_options(plan.demuxer, keep_rotation=plan.video.keep_rotation)
    source_input = ffmpeg.input(file_url(source), **opened)
    picture = source_input[str(plan.video.stream_index)]
    beside: list[Any] = []
    video = plan.video
    if joined is not None:
        picture = ffmpeg.input(file_url(joined), f="mov")["v:0"]
        video = dataclasses.replace(video, action="copy")
    elif video.action == "encode":
        for one in video.filters:
            picture = picture.filter(one.name, **dict(one.options))
        if proof is not None:
            both = picture.filter_multi_output("split")
            picture = both[0]
            beside = [ffmpeg.output(both[1], file_url(proof), **PROOF_OPTIONS)]
    streams = [picture]
    options = general_options() | video_options(video)
    if plan.cover_art_index is not None:
        streams.append(source_input[str(plan.cover_art_index)])
        options |= {"c:v:1": "copy", "disposition:v:1": "attached_pic"}
    for number, track in enumerate(plan.audio):
        streams.append(source_input[str(track.stream_index)])
        options |= audio_options(track, number)
    for number, text in enumerate(plan.subtitles):
        streams.append(source_input[str(text.stream_index)])
        options[f"c:s:{number}"] = "mov_text"
    made = ffmpeg.output(*streams, file_url(output), **options)
    return list(ffmpeg.get_args(ffmpeg.merge_outputs(made, *beside) if beside else made))


PROOF_OPTIONS: dict[str, Any] = {"f": "framemd5", "fps_mode": "passthrough"}


def general_options() -> dict[str, Any]:
    """What every MP4 gets."""
    return {
        "f": "mp4",
        "movflags": "+faststart",
        "max_error_rate": "1",
        "map_metadata": "0",
        "map_chapters": "0",
        # Where a film was shot is nobody's business. (Two names of one option: ffmpeg-python repeats none.)
        "metadata": "location=",
        "metadata:g": "location-eng=",
    }


def video_options(video: VideoPlan) -> dict[str, Any]:
    """The options of the first video stream."""
    options: dict[str, Any] = {"tag:v:0": video.tag}
    if video.action == "copy":
        return options | {"c:v:0": "copy"}
    options["c:v:0"] = video.encoder
    options["fps_mode:v:0"] = "passthrough" if video.keep_all_frames else "vfr"
    if video.time_base is not None:
        options["enc_time_base:v:0"] = f"{video.time_base.numerator}/{video.time_base.denominator}"
    return options | {f"{name}:v:0": value for name, value in video.options}


def audio_options(track: AudioPlan, number: int) -> dict[str, Any]:
    """The options of one audio stream."""
    options = {f"c:a:{number}": "copy" if track.action == "copy" else "aac"}
    if track.action == "encode":
        form = f"aformat=channel_layouts={track.layout}:sample_rates={track.sample_rate}"
        options |= {f"b:a:{number}": f"{track.kilobits}k", f"filter:a:{number}": f"{IN_STEP},{form}"}
    if track.language:
        options[f"metadata:s:a:{number}"] = f"language={track.language}"
    return options


def filter_text(filters: tuple[Filter, ...]) -> str:
    """A chain of filters as FFmpeg's ``-vf`` takes it."""
    written = []
    for one in filters:
        options = ":".join(f"{name}={value}" for name, value in one.options)
        written.append(f"{one.name}={options}" if options else one.name)
    return ",".join(written)
