"""Tries what an FFmpeg program can do: with generated frames, in the sandbox, and with the settings of real encodes."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Final

from src.errors import AppError, DiskFull, EncodeFailed, EncodeInterrupted, JobTimeout
from src.models import abilities
from src.models.abilities import Abilities
from src.models.encode_plan import VideoPlan
from src.models.media import LightLevel, MasteringDisplay, VideoStream
from src.models.params import Codec, Quality
from src.services.encoding import hdr, presets
from src.services.encoding.arguments import PROOF_OPTIONS, file_url, filter_text, video_options
from src.services.encoding.colors import tone_map
from src.services.encoding.presets import TAGS
from src.services.encoding.proof import compare
from src.services.ffmpeg_utils_service import ENVIRONMENT, FFmpeg
from src.utils.ffmpeg_limits import Limits
from src.utils.program_answers import answer_of

_SIZE: Final = (96, 80)  # pixels; SVT-AV1 refuses less than 64
_FRAMES: Final = 4
_LIMITS: Final = Limits(wall_seconds=300.0, stall_seconds=120.0)  # enough for an emulated processor
_LIST_SECONDS: Final = 20.0
_DECODABLE: Final = re.compile(r"^ D.[VAS]... (\S+)", re.MULTILINE)
_ENCODERS: Final = re.compile(r"^ [VAS].{5} (\S+)", re.MULTILINE)
_FILTERS: Final = re.compile(r"^ [T.][S.][C.]? (\S+)", re.MULTILINE)
_VERSION: Final = re.compile(r"ffmpeg version (\S+)")

_PROOF: Final = [part for name, value in PROOF_OPTIONS.items() for part in (f"-{name}", value)]

_YUV: Final = tuple(f"yuv{chroma}p{bits}" for bits in ("", "10le", "12le") for chroma in ("420", "422", "444"))
_DEEP: Final = (*_YUV, *("gray", "gray10le", "gray12le", "gbrp", "gbrp10le", "gbrp12le"))
LOSSLESS: Final[tuple[tuple[Codec, str, tuple[str, ...]], ...]] = (
    ("h264", "libx264", _YUV[:6]),
    ("h264", "libx264rgb", ("rgb24",)),
    ("h265", "libx265", _DEEP),
    ("av1", "libsvtav1", ("yuv420p",)),
    ("av1", "libaom-av1", _DEEP),
)
"""Each lossless encoder with the pixel formats for which the planner may choose it."""
LOSSY: Final[tuple[tuple[Codec, str, tuple[str, ...]], ...]] = (
    ("h264", "libx264", ("yuv420p",)),
    ("h265", "libx265", ("yuv420p", "yuv420p10le")),
    ("av1", "libsvtav1", ("yuv420p", "yuv420p10le")),
    ("av1", "libaom-av1", ("yuv420p", "yuv420p10le")),
)
FILTERS: Final = (
    *("aformat", "apad", "aresample", "atrim", "bwdif", "concat", "crop", "extractplanes", "fillborders", "format"),
    *("hwupload", "idet", "libvmaf", "loudnorm", "mergeplanes", "pad", "pan", "scale", "setparams", "setpts", "setsar"),
    *("settb", "sidedata", "split", "trim"),
)
ENCODERS: Final = ("aac", "flac", "libmp3lame", "libopus", "libvpx-vp9", "mjpeg", "mov_text", "pcm_s16le", "pcm_s24le")
LIGHT: Final[tuple[tuple[str, str, str], ...]] = (
    ("lossless h264", "libx264", "yuv420p10le"),
    ("lossless h265", "libx265", "yuv420p10le"),
    ("lossy h265", "libx265", "yuv420p10le"),
    ("lossless av1", "libsvtav1", "yuv420p"),
    ("lossy av1", "libsvtav1", "yuv420p10le"),
)
"""The encoders that get HDR metadata as options, with a format, by part; HDR becomes SDR in lossy H.264."""
BASE: Final = "base"
PARTS: Final = (BASE, *(f"{kind} {codec}" for kind in ("lossless", "lossy") for codec in TAGS))
"""The parts in which programs are tried, so that no encode waits for the trials of another."""
_HDR: Final = VideoStream(
    index=0,
    codec="hevc",
    width=_SIZE[0],
    height=_SIZE[1],
    pixel_format="yuv420p10le",
    frame_rate=Fraction(25),
    time_base=Fraction(1, 25),
    color_primaries="bt2020",
    color_transfer="smpte2084",
    color_space="bt2020nc",
    light_level=LightLevel(1000, 400),
    mastering=MasteringDisplay(((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), (0.3127, 0.329), 0.005, 1000.0),
)


def part_of(codec: Codec, *, lossless: bool) -> str:
    """Return the part with the trials of an encode."""
    return f"{'lossless' if lossless else 'lossy'} {codec}"


def examine_program(program: Path, part: str, parent: Path | None = None) -> Abilities:
    """Run the trials of one part, in a temporary folder within ``parent``: about half a second of processor time.

    A program that cannot even be started is not ``usable``.

    Raises:
        DiskFull, EncodeInterrupted, JobTimeout: this says nothing about the program.
    """
    listed = read_lists(program)
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="ffmpeg-trials-", dir=parent) as folder:
        bench = _Bench(FFmpeg(program).confined(reads=[], writes=[Path(folder)]), Path(folder))
        found[abilities.RUNS] = bench.problem(bench.make_source)
        if not found[abilities.RUNS]:
            found |= listed.missing if part == BASE else {}
            for name, trial in bench.trials(part):
                found[name] = bench.problem(trial)
    decodes = listed.decodable if part == BASE and not found[abilities.RUNS] else frozenset()
    return Abilities(listed.version, decodes, found)


@dataclass(frozen=True, slots=True)
class Lists:
    """What a program lists about itself. ``missing``: the trials of filters and encoders that these lists answer."""

    version: str
    decodable: frozenset[str]
    missing: Mapping[str, str]
    encoders: frozenset[str] = frozenset()


def read_lists(program: Path) -> Lists:
    """Return the lists of a program; they are read again when its file changes."""
    try:
        found = program.stat()
    except OSError:
        return Lists("", frozenset(), {})
    return _read_lists(program, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _read_lists(program: Path, _size: int, _mtime_ns: int) -> Lists:
    def output(question: str) -> str:
        command = [str(program), "-hide_banner", "-nostdin", question]
        try:
            return answer_of(command, env=ENVIRONMENT, seconds=_LIST_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return ""

    version = _VERSION.search(output("-version"))
    encoders, filters = _ENCODERS.findall(output("-encoders")), _FILTERS.findall(output("-filters"))
    missing = {abilities.filter_trial(name): _absence(name, filters) for name in FILTERS}
    missing |= {abilities.encoder_trial(name): _absence(name, encoders) for name in ENCODERS}
    decodable = frozenset(_DECODABLE.findall(output("-codecs")))
    return Lists(version[1] if version else "", decodable, missing, frozenset(encoders))


def _absence(name: str, names: Collection[str]) -> str:
    return "" if name in names else "This program does not have it"


def _succeeded() -> None:
    """Do nothing: a process with several trials has shown that this one succeeds."""


class _Bench:
    """Runs trials in a folder of their own."""

    def __init__(self, program: FFmpeg, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._source = folder / "source.nut"
        self._opened = ["-f", "nut", "-i", file_url(self._source)]

    @staticmethod
    def problem(trial: Callable[[], None]) -> str:
        """Run a trial. Returns its problem, or an empty text."""
        try:
            trial()
        except (DiskFull, EncodeInterrupted, JobTimeout):
            raise
        except AppError as error:
            return str(error) or type(error).__name__
        return ""

    def make_source(self) -> None:
        """Write the frames of all trials: noise, which no prediction matches, and a moving pattern, in 16 bits."""
        width, height = _SIZE
        noise = Random(1)  # noqa: S311 (test frames)
        pixels = bytearray()
        for number in range(_FRAMES):
            for plane in range(3):
                for row in range(height):
                    if row % 2:
                        pixels += noise.randbytes(2 * width)
                        continue
                    for column in range(width):
                        pixels += (((column + 3 * number) * 517 + row * 301 + plane * 9001) & 0xFFFF).to_bytes(
                            2, "little"
                        )
        raw = self._folder / "source.raw"
        raw.write_bytes(pixels)
        opened = ["-f", "rawvideo", "-pix_fmt", "yuv444p16le", "-s", f"{width}x{height}", "-r", "25"]
        written = ["-c:v", "rawvideo", "-fps_mode", "passthrough", "-f", "nut", file_url(self._source)]
        self._run([*opened, "-i", file_url(raw), *written])

    def trials(self, part: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield the trials of one part that run something."""
        if part == BASE:
            yield abilities.TONE_MAP, self._tone_map
        for codec, encoder, formats in LOSSLESS if part.startswith("lossless") else LOSSY:
            if part == part_of(codec, lossless=True):
                plans = [_video_plan(codec, encoder, pixel_format, "lossless") for pixel_format in formats]
                names = [abilities.lossless_trial(encoder, pixel_format) for pixel_format in formats]
                yield from self._group(names, plans, proven=True)
            elif part == part_of(codec, lossless=False):
                plans = [_video_plan(codec, encoder, pixel_format, "medium") for pixel_format in formats]
                names = [abilities.encode_trial(encoder, pixel_format) for pixel_format in formats]
                yield from self._group(names, plans)
        for of, encoder, pixel_format in LIGHT:
            if of == part:
                codec = next(codec for codec in TAGS if part.endswith(codec))
                plan = _video_plan(codec, encoder, pixel_format, "medium" if part.startswith("lossy") else "lossless")
                plan = dataclasses.replace(plan, options=hdr.with_light(plan.options, encoder, _HDR))
                yield abilities.light_trial(encoder), partial(self._encode, [plan])

    def _group(
        self, names: list[str], plans: list[VideoPlan], *, proven: bool = False
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield the trials of one encoder: all in one process, or each in its own where that process fails."""
        try:
            self._encode(plans, proven=proven)
        except EncodeFailed:
            for name, plan in zip(names, plans, strict=True):
                yield name, partial(self._encode_and_compare, plan, proven=proven)
            return
        for number, name in enumerate(names):
            yield name, partial(self._compare, number) if proven else _succeeded

    def _encode_and_compare(self, plan: VideoPlan, *, proven: bool) -> None:
        self._encode([plan], proven=proven)
        if proven:
            self._compare(0)

    def _compare(self, number: int) -> None:
        if compare(self._path("before", number), self._path("after", number)) != _FRAMES:
            raise EncodeFailed("The encode has too few frames")

    def _encode(self, plans: list[VideoPlan], *, proven: bool = False) -> None:
        """Encode the source once for each plan; with ``proven``, hash all frames before and after."""
        filters, outputs, decoded = [], [], []
        for number, plan in enumerate(plans):
            ends = f"[out{number}]"
            if proven:
                ends = f",split[out{number}][hashed{number}]"
                hashes = file_url(self._path("before", number))
                outputs += ["-map", f"[hashed{number}]", *_PROOF, hashes]
                decoded += ["-map", f"{number}:v:0", "-pix_fmt", plan.pixel_format, *_PROOF]
                decoded.append(file_url(self._path("after", number)))
            filters.append(f"[0:v]format=pix_fmts={plan.pixel_format}{ends}")
            options = [part for name, value in video_options(plan).items() for part in (f"-{name}", value)]
            outputs += ["-map", f"[out{number}]", *options, "-f", "mp4", file_url(self._path("mp4", number))]
        self._run([*self._opened, "-filter_complex", ";".join(filters), *outputs])
        if proven:
            written = [file_url(self._path("mp4", number)) for number in range(len(plans))]
            self._run([*(part for path in written for part in ("-f", "mov", "-i", path)), *decoded])

    def _path(self, purpose: str, number: int) -> Path:
        return self._folder / f"{number}.{purpose}"

    def _tone_map(self) -> None:
        chain = f"format=yuv420p10le,{filter_text(tuple(tone_map(_HDR)))},format=yuv420p"
        self._run([*self._opened, "-vf", chain, "-f", "null", "-"])

    def _run(self, args: list[str]) -> None:
        self._program.run(args, limits=_LIMITS)


def _video_plan(codec: Codec, encoder: str, pixel_format: str, quality: Quality) -> VideoPlan:
    """Return the plan that a real encode has."""
    return VideoPlan(
        stream_index=0,
        action="encode",
        codec=codec,
        encoder=encoder,
        options=presets.encoder_options(encoder, codec, quality, frame_rate=25.0),
        pixel_format=pixel_format,
        width=_SIZE[0],
        height=_SIZE[1],
        tag=TAGS[codec],
        lossless=quality == "lossless",
        keep_all_frames=True,
    )
