"""Clips in a real Chromium: the first frame, frames that are sought, the length, and playing to the end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.engines.clip.browser import play
from tests.engines.clip.sources import KINDS, make, reference
from tests.engines.clip.test_property import wanted

KIND = {kind.name: kind for kind in KINDS}
START, END = Fraction("3.3"), Fraction("9.73")

# One Chromium at a time: two on two cores miss their time limits.
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize(
    "name", ["h264-sidx", "h264-progressive", "vp9-webm", "vp9-mp4", "av1-sidx", "av1-webm", "hls-ts", "h264-open-gop"]
)
def test_chromium_shows_exactly_the_clip(name: str, tmp_path: Path) -> None:
    (made,) = make(KIND[name], [(START, END)], tmp_path)
    frames = wanted(reference(KIND[name]), (START, END))
    base, frame = frames[0][0], 1 / KIND[name].film.fps
    places = [1, 16, 17, 18, 75, len(frames) - 3, len(frames) - 1]
    times = tuple(float(frames[place][0] - base + frame / 2) for place in places)
    played = play(made.path, times)
    for _ in range(3):
        # A browser that is short of processor time paints a sought frame after it said that it has: look again.
        if list(played.seeked) == [frames[place][1] for place in places]:
            break
        played = play(made.path, times)
    assert played.error is None
    assert played.first == frames[0][1]
    assert list(played.seeked) == [frames[place][1] for place in places]
    assert abs(played.duration - float(frames[-1][0] - base + frame)) <= float(frame)
    assert abs(played.played - played.duration) < 0.1


def test_keyframe_mode_begins_where_it_was_asked_to(tmp_path: Path) -> None:
    (made,) = make(KIND["h264-sidx"], [(START, END)], tmp_path, mode="keyframe")
    played = play(made.path)
    assert (played.error, played.first) == (None, 83)
    assert any("edit list" in note.text for note in made.report.notes)


def test_hevc_is_told_to_be_unplayable_or_played_right(tmp_path: Path) -> None:
    """Debian's Chromium has no HEVC decoder; one that has must show the right frame."""
    (made,) = make(KIND["hevc-sidx"], [(START, END)], tmp_path)
    played = play(made.path)
    assert played.error is not None or played.first == 83
