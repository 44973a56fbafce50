"""Searches on samples for the rate factor that meets a target: a size in megabytes, or a quality in VMAF."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ffmpeg

from src.errors import EncodeFailed
from src.models.encode_plan import EncodePlan
from src.models.params import Codec
from src.models.progress import Monitor
from src.services.encoding.arguments import file_url, filter_text, filtered, input_options, video_options
from src.services.ffmpeg_utils_service import FFmpeg

SAMPLES: Final = 4
SAMPLE_SECONDS: Final = 2.0
RANGES: Final[dict[Codec, tuple[int, int]]] = {"h264": (10, 42), "h265": (10, 45), "av1": (12, 60)}
_MOST_PROBES: Final = 10


@dataclass(frozen=True, slots=True)
class Sampled:
    """The bit rate of the samples' video in kbit/s, and their mean VMAF (None if it was not measured)."""

    kilobits: float
    vmaf: float | None = None


def find_factor(measure: Callable[[int], float], target: float, start: int, low: int, high: int) -> int:
    """Find the highest whole factor whose measure is at least ``target``; the measure decreases with the factor.

    It bisects, with the next step interpolated between the nearest known points; at most ten measurements.

    Raises:
        EncodeFailed: not even ``low`` reaches the target.
    """
    known: dict[int, float] = {}
    good, bad = low - 1, high + 1
    point = start
    for _ in range(_MOST_PROBES):
        known[point] = measure(point)
        if known[point] >= target:
            good = max(good, point)
        else:
            bad = min(bad, point)
        if bad - good <= 1:
            break
        point = _next(known, target, good, bad)
    if good < low:
        raise EncodeFailed("The target cannot be reached with this codec")
    return good


def _next(known: dict[int, float], target: float, good: int, bad: int) -> int:
    """Return a point strictly between the two borders."""
    middle = (good + bad) // 2
    if good in known and bad in known and known[good] > known[bad]:
        share = (known[good] - target) / (known[good] - known[bad])
        middle = good + round(share * (bad - good))
    elif len(known) == 1 or good not in known or bad not in known:
        step = 6 if good in known else -6  # one doubling of the rate
        middle = (good if good in known else bad) + step
    return min(max(middle, good + 1), bad - 1)


class Sampler:
    """Encodes short samples of a video with the settings of its plan."""

    def __init__(self, program: FFmpeg, plan: EncodePlan, source: Path, folder: Path, monitor: Monitor) -> None:
        self._program, self._plan, self._source, self._folder, self._monitor = program, plan, source, folder, monitor
        self._cache: dict[tuple[int, bool], Sampled] = {}

    def measure(self, factor: int, *, quality: bool) -> Sampled:
        """Measure the bit rate and, with ``quality``, the VMAF of all samples at a rate factor."""
        known = self._cache.get((factor, quality))
        if known is None:
            found = [
                self._one(start, length, factor, quality)
                for start, length in sample_places(self._plan.duration_seconds)
            ]
            kilobits = sum(one.kilobits for one in found) / len(found)
            scores = [one.vmaf for one in found if one.vmaf is not None]
            known = Sampled(kilobits, sum(scores) / len(scores) if scores else None)
            self._cache[factor, quality] = known
        return known

    def _one(self, start: float, length: float, factor: int, quality: bool) -> Sampled:
        plan = with_factor(self._plan, factor)
        piece = self._folder / "sample.mp4"
        try:
            opened = input_options(plan.demuxer) | {"ss": f"{start:.3f}", "t": f"{length:.3f}"}
            video = ffmpeg.input(file_url(self._source), **opened)[str(plan.video.stream_index)]
            video = filtered(video, plan.video.filters)
            output = ffmpeg.output(video, file_url(piece), f="mp4", **video_options(plan.video))
            result = self._program.run(ffmpeg.get_args(output), monitor=self._monitor)
            seconds = max(length, 0.04)
            kilobits = piece.stat().st_size * 8 / 1000 / seconds
            if not result.frames:
                raise EncodeFailed("A sample has no frames")
            return Sampled(kilobits, self._vmaf(piece, opened) if quality else None)
        finally:
            piece.unlink(missing_ok=True)

    def _vmaf(self, piece: Path, opened: dict[str, str]) -> float:
        """Measure the VMAF of a sample against the same frames before the encoder, paired by number."""
        log = self._folder / "vmaf.json"
        by_number = "settb=1/25,setpts=N"
        stream = self._plan.video.stream_index
        graph = (
            f"[1:{stream}]{filter_text(self._plan.video.filters)},{by_number}[reference];[0:v]{by_number}[encoded];"
            f"[encoded][reference]libvmaf=log_fmt=json:log_path={log.name}"
        )
        again = [part for name, value in opened.items() for part in (f"-{name}", value)]
        args = [
            "-i",
            file_url(piece),
            *again,
            "-i",
            file_url(self._source),
            "-filter_complex",
            graph,
            "-f",
            "null",
            "-",
        ]
        try:
            self._program.run(args, monitor=self._monitor, cwd=self._folder)
            return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])
        finally:
            log.unlink(missing_ok=True)


def factor_for_vmaf(sampler: Sampler, codec: Codec, start: int, target: float) -> tuple[int, float]:
    """Find the highest factor whose samples reach a VMAF. Returns it and the reached VMAF."""

    def score(factor: int) -> float:
        return sampler.measure(factor, quality=True).vmaf or 0.0

    factor = find_factor(score, target, start, *RANGES[codec])
    return factor, score(factor)


def factor_for_size(sampler: Sampler, codec: Codec, start: int, kilobits: float) -> int:
    """Find the lowest factor (the best quality) whose samples need at most ``kilobits`` kbit/s of video."""
    low, high = RANGES[codec]
    measured: dict[int, float] = {}

    def rate(factor: int) -> float:
        measured[factor] = sampler.measure(factor, quality=False).kilobits
        return math.log2(measured[factor])

    try:
        above = find_factor(rate, math.log2(kilobits) + 1e-9, start, low, high)
    except EncodeFailed:
        return low  # even the best quality is small enough
    if above >= high:
        raise EncodeFailed("This codec cannot reach so small a size")
    return above + 1


def video_kilobits(plan: EncodePlan, target_bytes: float) -> float:
    """Return the bit rate for the video, in kbit/s, in a file of this size without its audio and 1 % for the container.

    Raises:
        EncodeFailed: the size is too small for any video.
    """
    seconds = plan.duration_seconds or 0.0
    audio = sum(track.kilobits for track in plan.audio)
    left = target_bytes * 8 / 1000 * 0.99 / seconds - audio if seconds > 0 else 0.0
    if left < 8:
        raise EncodeFailed("The size is too small: the audio alone needs more")
    return left


def sample_places(duration_seconds: float | None) -> list[tuple[float, float]]:
    """Return start and length in seconds of each sample: evenly distributed, or the whole of a short video."""
    length = duration_seconds or SAMPLE_SECONDS
    if length <= SAMPLES * SAMPLE_SECONDS:
        return [(0.0, length)]
    part = length / SAMPLES
    return [(part * (number + 0.5) - SAMPLE_SECONDS / 2, SAMPLE_SECONDS) for number in range(SAMPLES)]


def with_factor(plan: EncodePlan, factor: int) -> EncodePlan:
    """Return the plan with another rate factor."""
    options = dict(plan.video.options)
    if "crf" in options:
        options["crf"] = str(factor)
    return dataclasses.replace(plan, video=dataclasses.replace(plan.video, options=tuple(options.items())))
