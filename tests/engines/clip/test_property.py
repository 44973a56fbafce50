"""200 random ranges of every kind of source: exactly the frames of [start, end), sound in step, a silent decoder."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest

from tests.engines.clip.sources import KINDS, Kind, make, reference
from tests.tools.media_kit import SoundUnreadable, audio_marks, av_offset, decode_errors, frame_numbers

SEED = 20261121
TOTAL = 200
ALONE = 2  # ranges of each kind that are made in a call of their own
AUDIO_FRAME_SECONDS = 1024 / 48000


def ranges_of(kind: Kind, frames: list[tuple[Fraction, int]], count: int) -> list[tuple[Fraction, Fraction]]:
    """Random ranges of a film, the special ones first."""
    chance = random.Random(f"{SEED} {kind.name}")
    frame, gop = 1 / kind.film.fps, kind.film.gop_frames / kind.film.fps
    end = frames[-1][0] + frame

    def anywhere() -> Fraction:
        return Fraction(chance.randrange(0, int(end * 1000)), 1000)

    key = gop * chance.randrange(1, int(end / gop))
    one = frames[chance.randrange(len(frames) - 1)][0]
    special = [
        (Fraction(0), anywhere() / 2 + 1),
        (end - Fraction(chance.randrange(300, 5000), 1000), end),
        (one, one + frame),
        (key, min(key + gop, end)),
        (key - frame, key + frame),
        (key + frame, key + frame + gop / 3),
        (Fraction(0), end + 5),
    ]
    while len(special) < count:
        start = anywhere()
        if chance.random() < 0.3:
            start += Fraction(chance.randrange(1000), 1_000_000)
        length = Fraction(chance.randrange(60, 6000), 1000)
        special.append((start, min(start + length, end)))
    times = {time for time, _ in frames}
    unambiguous = [(beyond_rounding(start, times), beyond_rounding(stop, times)) for start, stop in special]
    found = [pair for pair in unambiguous if wanted(frames, pair)]
    while len(found) < count:
        found.append(found[0])
    return found[:count]


def beyond_rounding(time: Fraction, frames: set[Fraction]) -> Fraction:
    """A time that lies on a frame, or more than the rounding of any container behind one."""
    close = any(0 < time - frame <= Fraction(1, 1000) for frame in frames)
    return time + Fraction(3, 2000) if close else time


def wanted(frames: list[tuple[Fraction, int]], pair: tuple[Fraction, Fraction]) -> list[tuple[Fraction, int]]:
    """The frames of a range; half a millisecond of rounding in coarse containers is forgiven."""
    slack = Fraction(1, 2000)
    return [entry for entry in frames if pair[0] - slack <= entry[0] < pair[1] - slack]


COUNTS = [TOTAL // len(KINDS) + (place < TOTAL % len(KINDS)) for place in range(len(KINDS))]


@pytest.mark.matrix(2)
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), list(zip(KINDS, COUNTS, strict=True)), ids=[kind.name for kind in KINDS])
def test_random_ranges_are_exact(kind: Kind, count: int, tmp_path: Path) -> None:
    frames = reference(kind)
    chosen = ranges_of(kind, frames, count)
    assert len(chosen) == count
    for number, pairs in enumerate([*([pair] for pair in chosen[-ALONE:]), chosen[:-ALONE]]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for pair, made in zip(pairs, make(kind, pairs, folder), strict=True):
            told = f"seed {SEED}, {kind.name}, [{pair[0]}, {pair[1]}), {made.report}"
            expected = wanted(frames, pair)
            shown = frame_numbers(made.path)
            assert [frame.number for frame in shown] == [number for _, number in expected], told
            base = expected[0][0]
            for frame, (time, _) in zip(shown, expected, strict=True):
                assert abs(frame.pts - (time - base)) <= Fraction(3, 2000), told
            assert decode_errors(made.path) == "", told
            ignoring = frame_numbers(made.path, edit_list=False)
            assert [frame.number for frame in ignoring] == [frame.number for frame in shown], told
            if kind.film.audio is not None:
                assert_in_step(made.path, kind, told)
            inside = [time for time, _ in expected]
            if kind.smart and inside[-1] - inside[0] > 2.2 * kind.film.gop_frames / kind.film.fps:
                assert made.report.method in ("smart", "copy"), told


def assert_in_step(path: Path, kind: Kind, told: str) -> None:
    if audio_marks(path):
        try:
            offset = av_offset(path, kind.film.fps)
        except SoundUnreadable as problem:
            raise AssertionError(told) from problem
        assert abs(offset) <= AUDIO_FRAME_SECONDS, f"{offset} s: {told}"


def test_all_ranges_are_counted() -> None:
    assert sum(COUNTS) == TOTAL
