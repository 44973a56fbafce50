"""The search for a rate factor, the places of samples, chunks and hardware plans: arithmetic, no program runs."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import EncodeFailed
from src.models.encode_plan import EncodePlan
from src.models.media import FrameIndex
from src.models.outcome import NoteCode
from src.services.encoding.chunks import can_be_chunked, plan_chunks
from src.services.encoding.hardware import DEVICES, candidates, with_device
from src.services.encoding.planner import plan_encode
from src.services.encoding.search import find_factor, sample_places, video_kilobits
from tests.unit.test_encode_plan import media


@pytest.mark.parametrize("target", [99.5, 97.0, 95.0, 90.3, 80.0, 71.0])
@pytest.mark.parametrize("start", [18, 23, 30])
@pytest.mark.parametrize("bend", [1.0, 1.4])
def test_the_factor_is_the_highest_that_is_good_enough(target: float, start: int, bend: float) -> None:
    calls: list[int] = []

    def measure(factor: int) -> float:
        calls.append(factor)
        return float(100 - (factor - 10) ** bend / 32**bend * 32)

    found = find_factor(measure, target, start, 10, 42)
    assert measure(found) >= target
    assert len(calls) - 1 <= 10
    assert found == 42 or measure(found + 2) < target


def test_a_target_out_of_reach() -> None:
    with pytest.raises(EncodeFailed):
        find_factor(lambda factor: 50.0, 95.0, 23, 10, 42)


def test_samples_are_spread_and_short_films_taken_whole() -> None:
    assert sample_places(5.0) == [(0.0, 5.0)]
    places = sample_places(100.0)
    assert [start for start, _ in places] == [11.5, 36.5, 61.5, 86.5]


def test_sound_leaves_the_rest_to_the_video() -> None:
    plan = plan_encode(media(), "h264", "high")
    assert video_kilobits(plan, 1_000_000) == pytest.approx(792 - 192)
    with pytest.raises(EncodeFailed):
        video_kilobits(plan, 100_000)


def index(frames: int, gop: int) -> FrameIndex:
    ticks = tuple(number * 40 for number in range(frames))
    return FrameIndex(Fraction(1, 1000), ticks, ticks[::gop])


@pytest.mark.parametrize(
    ("frames", "gop", "count"), [(250, 50, 1), (1000, 50, 4), (1100, 50, 4), (1130, 250, 5), (10, 5, 1)]
)
def test_chunks_hold_every_frame_once(frames: int, gop: int, count: int) -> None:
    parts = plan_chunks(index(frames, gop), Path("/x"), seconds=10)
    assert sum(part.frames for part in parts) == frames
    assert len(parts) == count
    assert [part.number for part in parts] == list(range(count))
    begun = 0
    for part in parts:
        assert begun % gop == 0
        assert part.start_seconds == pytest.approx(max(0.0, begun * 0.04 - 0.01))
        begun += part.frames


def test_what_cannot_be_chunked() -> None:
    def fits(plan: EncodePlan, **facts: object) -> bool:
        return can_be_chunked(plan, media(**facts), seconds=4.0)

    plain = plan_encode(media(), "h264", "high")
    assert fits(plain)
    assert not fits(plan_encode(media(), "h264", "high", scan="tff"))
    assert not fits(plan_encode(media(rotation_degrees=90), "h265", "lossless"), rotation_degrees=90)
    assert not can_be_chunked(plain, dataclasses.replace(media(), container="mpegts"), seconds=4.0)
    assert not can_be_chunked(plain, media(), seconds=8.0), "ten seconds are not two chunks"


def test_hardware_only_when_asked_and_never_for_lossless() -> None:
    assert candidates("off") == ()
    assert candidates("auto") == DEVICES
    (nvenc,) = candidates("nvenc")
    plan = with_device(plan_encode(media(), "h265", "high"), nvenc)
    assert plan.video.encoder == "hevc_nvenc"
    assert ("cq", "20") in plan.video.options
    assert NoteCode.HARDWARE in {note.code for note in plan.notes}
    lossless = plan_encode(media(), "h265", "lossless")
    assert with_device(lossless, nvenc) == lossless
