"""Translates a plan into the arguments of FFmpeg."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ffmpeg

from src.models.encode_plan import AudioPlan, EncodePlan, Filter, VideoPlan
from src.services.encoding.geometry import PAD_PLANES, PLANE_SIZES, pad_to
from src.services.media.probe_child import AUDIO_FORMATS, MAX_PIXELS

FIRST_TWO = "pan=stereo|c0=c0|c1=c1"
# Fills gaps and a late start with silence and cuts overlaps, so that the audio follows its time stamps.
IN_STEP = "aresample=async=1:min_hard_comp=0.1:first_pts=0"


def input_options(demuxer: str, *, keep_rotation: bool = False) -> dict[str, Any]:
    """Return the options to open an untrusted file: only with the probed demuxer, no other files, at most 8K."""
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
    """Return a URL that FFmpeg reads as a path, with any characters."""
    return f"file:{path.absolute()}"


def encode_arguments(
    plan: EncodePlan, source: Path, output: Path, *, proof: Path | None = None, joined: Path | None = None
) -> list[str]:
    """Return the arguments of the whole encode.

    ``proof`` receives the hash of every frame that the encoder reads. ``joined``: a file with the video that was
    already encoded in chunks; it is copied, and only the other streams come from the source.
    """
    opened = input_options(plan.demuxer, keep_rotation=plan.video.keep_rotation)
    source_input = ffmpeg.input(file_url(source), **opened)
    frames = source_input[str(plan.video.stream_index)]
    proofs: list[Any] = []
    video = plan.video
    if joined is not None:
        frames = ffmpeg.input(file_url(joined), f="mov")["v:0"]
        video = dataclasses.replace(video, action="copy")
    elif video.action == "encode":
        frames = filtered(frames, video.filters)
        if proof is not None:
            both = frames.filter_multi_output("split")
            frames = both[0]
            proofs = [ffmpeg.output(both[1], file_url(proof), **PROOF_OPTIONS)]
    streams = [frames]
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
    result = ffmpeg.output(*streams, file_url(output), **options)
    arguments = list(ffmpeg.get_args(ffmpeg.merge_outputs(result, *proofs) if proofs else result))
    return arguments if joined is None else _with_metadata_of(file_url(source), opened, arguments)


def _with_metadata_of(source: str, opened: dict[str, Any], arguments: list[str]) -> list[str]:
    """Take tags and chapters from the source, which is added as an input if no stream comes from it."""
    places = [place + 1 for place, argument in enumerate(arguments) if argument == "-i"]
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


# Hashes of 128 bits that take a fifth of the time of MD5. Nobody chooses what they compare: both sides come from here.
PROOF_OPTIONS: dict[str, Any] = {"f": "framehash", "hash": "murmur3", "fps_mode": "passthrough"}


def general_options() -> dict[str, Any]:
    """Return the options of every MP4."""
    return {
        "f": "mp4",
        "movflags": "+faststart",
        "max_error_rate": "1",
        "map_metadata": "0",
        "map_chapters": "0",
        # Removes the place of recording for privacy. (Two names of one option: ffmpeg-python cannot repeat one.)
        "metadata": "location=",
        "metadata:g": "location-eng=",
    }


def video_options(video: VideoPlan) -> dict[str, Any]:
    """Return the options of the first video stream."""
    options: dict[str, Any] = {"tag:v:0": video.tag}
    if video.action == "copy":
        return options | {"c:v:0": "copy"}
    options["c:v:0"] = video.encoder
    options["fps_mode:v:0"] = "passthrough" if video.keep_all_frames else "vfr"
    if video.time_base is not None:
        options["enc_time_base:v:0"] = f"{video.time_base.numerator}/{video.time_base.denominator}"
    return options | {f"{name}:v:0": value for name, value in video.options}


def audio_options(track: AudioPlan, number: int) -> dict[str, Any]:
    """Return the options of one audio stream."""
    options = {f"c:a:{number}": "copy" if track.action == "copy" else "aac"}
    if track.action == "encode":
        options |= {f"b:a:{number}": f"{track.kilobits}k", f"filter:a:{number}": audio_filter(track)}
    if track.language:
        options[f"metadata:s:a:{number}"] = f"language={track.language}"
    return options


def audio_filter(track: AudioPlan) -> str:
    """Return the filter chain of an encoded audio stream."""
    form = f"aformat=channel_layouts={track.layout}:sample_rates={track.sample_rate}"
    cut = [] if track.end_seconds is None else [f"atrim=end={track.end_seconds:.6f}"]
    mixed = [FIRST_TWO] if track.first_two else []
    return ",".join([*cut, *mixed, IN_STEP, form])


def filtered(frames: Any, filters: Iterable[Filter]) -> Any:
    """Apply a chain of filters to a stream of frames."""
    for one in filters:
        options = dict(one.options)
        frames = _padded(frames, options) if one.name == PAD_PLANES else frames.filter(one.name, **options)
    return frames


def _padded(frames: Any, options: dict[str, str]) -> Any:
    """Pad each plane separately."""
    width, height, full_width, full_height, *chroma = (int(options[name]) for name in PLANE_SIZES)
    form = options["pix_fmt"]
    planes = frames.filter("format", pix_fmts=form).filter_multi_output("extractplanes", planes="y+u+v")
    around = [pad_to((width, height), (full_width, full_height))]
    around += 2 * [pad_to((chroma[0], chroma[1]), (chroma[2], chroma[3]))]
    ready = [filtered(planes[place], filters) for place, filters in enumerate(around)]
    merged = ffmpeg.filter(ready, "mergeplanes", mapping="0x001020", format=form)
    return merged.filter("setparams", range="unspecified")  # FFmpeg marks a single plane as full range


def filter_text(filters: tuple[Filter, ...]) -> str:
    """Write a filter chain in the syntax of FFmpeg's ``-vf``."""
    written = []
    for one in filters:
        options = ":".join(f"{name}={_quoted(value)}" for name, value in one.options)
        written.append(f"{one.name}={options}" if options else one.name)
    return ",".join(written)


def _quoted(value: str) -> str:
    """Quote a value that contains separators of filter graphs."""
    return f"'{value}'" if set(value) & set(",;:[]") else value
