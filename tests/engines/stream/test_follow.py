"""Live playlists, and finished ones that do not say so: from where to where they are recorded, by a clock of ours."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from src.services.streams.following import FINISHED_SECONDS, GIVE_UP_SECONDS, Growth, Verdict
from tests.engines.clip.origin import Origin
from tests.engines.stream.clock import Listed, LiveSite, StandingClock, window
from tests.engines.stream.taking import in_time, take
from tests.tools.media_kit import frame_numbers
from tests.tools.media_kit.hls import FILM, HTML, Playlist, segmented

FRAMES = 50


def listed(film: Playlist, name: str) -> Listed:
    return [(f"{name}-{place}.seg", float(one.seconds)) for place, one in enumerate(film.segments)]


def long_film(count: int) -> Playlist:
    """The film again and again, its clock beginning anew each time."""
    film = segmented()
    found = film
    while len(found.segments) < count:
        found = found.then(film)
    return found[:count]


def numbers(path: Path) -> list[int]:
    return [frame.number for frame in frame_numbers(path)]


def segments(*places: int) -> list[int]:
    return [number for place in places for number in range(place % 4 * FRAMES, (place % 4 + 1) * FRAMES)]


@pytest.mark.parametrize(
    ("waited", "target", "grew", "verdict"),
    [
        (9.9, 2.0, False, Verdict.GOES_ON),
        (FINISHED_SECONDS, 2.0, False, Verdict.FINISHED),
        (17.9, 6.0, False, Verdict.GOES_ON),
        (18.0, 6.0, False, Verdict.FINISHED),
        (GIVE_UP_SECONDS, 2.0, True, Verdict.GOES_ON),
        (GIVE_UP_SECONDS + 0.1, 2.0, True, Verdict.OVER),
    ],
)
def test_when_a_playlist_without_an_end_has_ended(waited: float, target: float, grew: bool, verdict: Verdict) -> None:
    assert Growth(100.0, grew).verdict(100.0 + waited, target) is verdict


def test_what_is_added_starts_the_wait_again() -> None:
    growth = Growth(0.0)
    growth.added(50.0)
    assert growth.verdict(109.0, 2.0) is Verdict.GOES_ON and growth.verdict(111.0, 2.0) is Verdict.OVER


@pytest.mark.slow
def test_a_finished_playlist_without_an_end_is_taken_from_its_beginning(tmp_path: Path) -> None:
    clock = StandingClock()
    began = clock.monotonic()
    with Origin(long_film(6).endless().files("film")) as origin:
        report = take(origin, "film.m3u8", tmp_path, clock=clock)
    assert numbers(report.path) == segments(0, 1, 2, 3, 0, 1)
    assert not report.live and not report.gaps
    assert FINISHED_SECONDS <= clock.monotonic() - began < 20


@pytest.mark.slow
def test_one_that_grew_is_given_up_after_a_minute(tmp_path: Path) -> None:
    clock, film = StandingClock(), long_film(6)
    site = LiveSite(
        clock, film.files("film"), ("film.m3u8",), lambda _, passed: window(listed(film, "film"), passed, size=4)
    )
    began = clock.monotonic()
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, clock=clock)
    assert report.live and numbers(report.path) == segments(1, 2, 3, 0, 1)
    assert GIVE_UP_SECONDS < clock.monotonic() - began < 80


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, HTML], ids=["404", "html"])
def test_a_live_segment_that_is_missing_is_a_gap(content: bytes | None, tmp_path: Path) -> None:
    clock, film = StandingClock(), long_film(8)
    film = film.missing(4) if content is None else film.spoiled(4, content)
    site = LiveSite(
        clock, film.files("film"), ("film.m3u8",), lambda _, passed: window(listed(film, "film"), passed, size=4)
    )
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, clock=clock)
    assert numbers(report.path) == segments(1, 2, 3, 5, 6, 7)
    assert [(round(gap.start, 1), round(gap.end, 1)) for gap in report.gaps] == [(6.0, 8.0)]
    assert report.seconds == pytest.approx(12, abs=0.3)
    in_time_of_parts(report.path)


def in_time_of_parts(path: Path) -> None:
    times = [float(frame.pts) for frame in frame_numbers(path)]
    assert max(after - before for before, after in pairwise(times)) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("same_names", [True, False])
def test_a_server_that_was_restarted_goes_on(same_names: bool, tmp_path: Path) -> None:
    """Numbers begin again at 0; the playlist is gone meanwhile."""
    clock = StandingClock()
    before, after = long_film(5), long_film(5)
    files = {**before.files("one"), **after.files("one" if same_names else "two")}

    def text(_: str, passed: float) -> str | None:
        if passed < 5:
            return window(listed(before, "one"), passed, size=3, first=700)
        if passed < 9:
            return None
        return window(listed(after, "one" if same_names else "two"), passed - 9, size=2)

    site = LiveSite(clock, files, ("film.m3u8",), text)
    site._write(0)
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, clock=clock)
    assert numbers(report.path) == segments(0, 1, 2, 3, 0, 0, 1, 2, 3, 0)
    assert report.live and not report.gaps
    in_time_of_parts(report.path)


@pytest.mark.slow
def test_a_live_stream_whose_playlist_disappears_is_finished(tmp_path: Path) -> None:
    clock, film = StandingClock(), long_film(6)
    site = LiveSite(
        clock,
        film.files("film"),
        ("film.m3u8",),
        lambda _, passed: window(listed(film, "film"), passed, size=3) if passed < 5 else None,
    )
    with site.origin as origin:
        report = take(origin, "film.m3u8", tmp_path, clock=clock)
    assert report.live and numbers(report.path) == segments(0, 1, 2, 3, 4)


@pytest.mark.slow
def test_a_recording_of_an_older_version_goes_on(tmp_path: Path) -> None:
    film = segmented()
    kept = tmp_path / "kept"
    kept.mkdir()
    for place in (0, 1):
        (kept / f"0-{place:09}.seg").write_bytes(film.segments[place].content or b"")
    with Origin(film.files("film")) as origin:
        cuts = [{"number": place, "seconds": 2.0, "group": 0, "init": None} for place in (0, 1)]
        tape = {"key": origin.url("film.m3u8"), "tracks": [{"known": cuts, "inits": {}}]}
        (kept / "tape.json").write_text(json.dumps(tape))
        report = take(origin, "film.m3u8", tmp_path)
        asked = [line for line in origin.log if ".seg" in line]
    assert numbers(report.path) == segments(0, 1, 2, 3)
    assert len(asked) == 2 and FILM.seconds == 8
    in_time(report.path)
