"""A clip asks for its bytes in few requests, and for its edges first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.media_source import ClipSource, NetworkSettings, TimeRange, Track
from src.models.progress import SilentMonitor
from tests.engines.clip.origin import Origin
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import Film, cached_film, first_last

pytestmark = pytest.mark.slow

PADDED = Film(
    size=(320, 180),
    seconds=Fraction(20),
    gop_frames=50,
    bframes=2,
    audio=None,
    extra=(
        *("-b:v", "8M", "-maxrate", "8M", "-minrate", "8M", "-bufsize", "2M"),
        *("-x264-params", "nal-hrd=cbr:filler=1:keyint=50:min-keyint=50:scenecut=0:open-gop=0"),
    ),
)
"""2 MB for each group of pictures, which costs an encoder nothing."""
NOISY = Film(codec="vp9", size=(640, 360), seconds=Fraction(12), gop_frames=50, audio=None, noise=20, crf=20)
SOUND = Film(codec=None, seconds=Fraction(20), audio_bitrate="128k")
RANGE = TimeRange(Fraction("3.3"), Fraction("9.75"))  # frames 83 to 243 of 25 per second
_ASKED = re.compile(r"/(\S+) range: bytes=(\d+)-(\d+)", re.IGNORECASE)

INPUTS: dict[str, tuple[Film, Film | None, str, int]] = {
    "fmp4": (replace(PADDED, fragmented="dash"), replace(SOUND, fragmented="dash"), ".mp4", 19),
    "progressive": (replace(PADDED, faststart=True, audio="aac"), None, ".mp4", 10),
    "webm": (NOISY, replace(SOUND, audio="opus"), ".webm", 23),
}
"""Picture, sound, suffix, and how many requests the plan before this one made at least."""


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin({}, bytes_per_second=1_500_000, round_trip_seconds=0.02) as serving:
        yield serving


def make(origin: Origin, name: str, folder: Path) -> list[tuple[str, int, int]]:
    """The requests of a clip, in order, and the clip is right."""
    picture, sound, suffix, _ = INPUTS[name]
    origin.files["picture"] = cached_film(picture, suffix)
    tracks = [Track(origin.url("picture"), has_audio=sound is None)]
    if sound is not None:
        origin.files["sound"] = cached_film(sound, suffix)
        tracks.append(Track(origin.url("sound"), has_video=False))
    path = folder / f"clip{suffix}"
    source = ClipSource(tuple(tracks))
    make_clip(source, RANGE, path, work_dir=folder, network=NetworkSettings(), monitor=SilentMonitor())
    assert first_last(path) == (83, 243)
    found = [_ASKED.match(line) for line in origin.log]
    return [(match[1], int(match[2]), int(match[3]) + 1) for match in found if match is not None]


@pytest.mark.matrix(0)
@pytest.mark.parametrize("name", INPUTS)
def test_no_more_requests_than_before(name: str, origin: Origin, tmp_path: Path) -> None:
    asked = make(origin, name, tmp_path)
    planned = [one for place, one in enumerate(asked) if not any(_inside(one, other) for other in asked[:place])]
    assert len(planned) <= INPUTS[name][3], asked


def _inside(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    """Whether a request takes over the rest of another one, which happens when a connection is slow."""
    return one[0] == other[0] and other[1] < one[1] < other[2]
