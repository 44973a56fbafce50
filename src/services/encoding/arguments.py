"""FFmpeg's arguments, written from a plan and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ffmpeg

from src.models.encode_plan import AudioPlan, EncodePlan, Filter, VideoPlan
from src.services.encoding.geometry import PAD_PLANES, PLANE_SIZES, pad_to
from src.services.media.probe_child import AUDIO_FORMATS, MAX_PIXELS

# Fills gaps and a late start with silence and cuts overlaps, so that the sound follows its time stamps.
FIRST_TWO = "pan=stereo|c0=c0|c1=c1"
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
        picture = filtered(picture, video.filters)
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
    arguments = list(ffmpeg.get_args(ffmpeg.merge_outputs(made, *beside) if beside else made))
    return arguments if joined is None else _with_metadata_of(file_url(source), opened, arguments)


def _with_metadata_of(source: str, opened: dict[str, Any], arguments: list[str]) -> list[str]:
    """Tags and chapters are the source's, whichever number its input has, and even if nothing else is taken from it."""
    places = [place + 1 for place, word in enumerate(arguments) if word == "-i"]
    inputs = [arguments[place] for place in places]
    more: list[str] = []
    if source not in inputs:
        inputs.append(source)
        more = list(ffmpeg.get_args(ffmpeg.input(source, **opened).output("none")))[:-1]
    before, after = arguments[: places[-1] + 1], arguments[places[-1] + 1 :]
    number = str(inputs.index(source))
    for option in ("-map_metadata", "-map_chapters"):
        after[after.index(option) + 1] = number
    return [*before, *more, *after]


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
        options |= {f"b:a:{number}": f"{track.kilobits}k", f"filter:a:{number}": audio_filter(track)}
    if track.language:
        options[f"metadata:s:a:{number}"] = f"language={track.language}"
    return options


def audio_filter(track: AudioPlan) -> str:
    """The chain of filters of an encoded audio stream."""
    form = f"aformat=channel_layouts={track.layout}:sample_rates={track.sample_rate}"
    cut = [] if track.end_seconds is None else [f"atrim=end={track.end_seconds:.6f}"]
    mixed = [FIRST_TWO] if track.first_two else []
    return ",".join([*cut, *mixed, IN_STEP, form])


def filtered(picture: Any, filters: Iterable[Filter]) -> Any:
    """A stream of pictures behind a chain of filters."""
    for one in filters:
        options = dict(one.options)
        picture = _padded(picture, options) if one.name == PAD_PLANES else picture.filter(one.name, **options)
    return picture


def _padded(picture: Any, options: dict[str, str]) -> Any:
    """Each plane padded by itself."""
    width, height, full_width, full_height, *chroma = (int(options[name]) for name in PLANE_SIZES)
    form = options["pix_fmt"]
    planes = picture.filter("format", pix_fmts=form).filter_multi_output("extractplanes", planes="y+u+v")
    around = [pad_to((width, height), (full_width, full_height))]
    around += 2 * [pad_to((chroma[0], chroma[1]), (chroma[2], chroma[3]))]
    ready = [filtered(planes[place], filters) for place, filters in enumerate(around)]
    merged = ffmpeg.filter(ready, "mergeplanes", mapping="0x001020", format=form)
    return merged.filter("setparams", range="unspecified")  # a plane alone counts as of full range


def filter_text(filters: tuple[Filter, ...]) -> str:
    """A chain of filters as FFmpeg's ``-vf`` takes it."""
    written = []
    for one in filters:
        options = ":".join(f"{name}={_quoted(value)}" for name, value in one.options)
        written.append(f"{one.name}={options}" if options else one.name)
    return ",".join(written)


def _quoted(value: str) -> str:
    """A value in which commas and the like mean nothing to the parser of the graph."""
    return f"'{value}'" if set(value) & set(",;:[]") else value
