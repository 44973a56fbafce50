"""Segments of one track alone are missing or late: what is there is delivered, and what is not is reported."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from src.models.params import LiveClipParams
from src.models.time_window import Window, missing
from src.services.live.cutter import LiveReport
from tests.engines.live.test_numbered_site import Place, place, shown
from tests.tools.media_kit import audio_gaps, media_facts

__all__ = ["place"]
pytest_plugins = ["tests.tools.offline_youtube.fixtures"]
pytestmark = pytest.mark.slow
AUDIO, VIDEO = 140, 160

# By format, which segments of a clip of 30 s cannot be had, counted from the one in which it starts.
MISSING: dict[str, dict[int, range]] = {
    "audio in the middle": {AUDIO: range(6, 9)},
    "audio at the start": {AUDIO: range(4)},
    "all audio": {AUDIO: range(-10, 30)},
    "video in the middle": {VIDEO: range(6, 9)},
    "audio at the end": {AUDIO: range(11, 30)},
    "video at the end": {VIDEO: range(11, 30)},
    "both": {VIDEO: range(3, 5), AUDIO: range(8, 10)},
    "both, the audio of one part entirely": {VIDEO: range(6, 8), AUDIO: range(8, 30)},
}


def moment(place: Place) -> LiveClipParams:
    """A clip of the past, with nothing to wait for, not across the end of the site's film."""
    now = place.clock.now()
    ended_at = now - timedelta(seconds=float(place.site.live.now - place.numbers.stream.ingested[0]) % 180 + 20)
    return place.default_moment().model_copy(update={"event_at": ended_at, "clip_offset": 30, "clip_duration": 30})


def first_number(place: Place, window: Window) -> int:
    stream = place.numbers.stream
    return max(number for number, at in enumerate(stream.ingested) if at <= window.start)


def gaps_of(report: LiveReport, window: Window) -> list[Window]:
    gaps = report.fields["gaps"]
    return [Window(window.start + Fraction(gap["start"]), window.start + Fraction(gap["end"])) for gap in gaps]


def close(found: list[Window], expected: list[Window]) -> bool:
    """Times of segments vary by some hundredths of a second against the media."""
    apart = [abs(one.start - two.start) + abs(one.end - two.end) for one, two in zip(found, expected, strict=True)]
    return all(each < Fraction(4, 10) for each in apart)


@pytest.mark.matrix(4)
@pytest.mark.parametrize("case", MISSING)
def test_what_one_track_lacks_is_reported_as_a_gap(place: Place, case: str) -> None:
    params = moment(place)
    window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
    stream, first = place.numbers.stream, first_number(place, window)
    lost = {itag: {first + number for number in numbers} for itag, numbers in MISSING[case].items()}
    place.numbers.withheld = {(itag, number): None for itag, numbers in lost.items() for number in numbers}
    report = place.make(params)
    assert report is not None and report.fields["complete"] is False
    there = [
        Window(at, at + length)
        for number, (at, length) in enumerate(zip(stream.ingested, stream.lengths, strict=True))
        if not any(number in numbers for numbers in lost.values())
    ]
    expected = missing(window, there)
    assert close(gaps_of(report, window), expected)
    stream.lost = lost.get(VIDEO, set())
    assert shown(report) == place.frames(params)
    assert bool(media_facts(report.path).audio) is (case != "all audio")
    if case == "audio in the middle":
        ((start, end),) = audio_gaps(report.path)
        assert abs(Fraction(start) - (expected[0].start - window.start)) < Fraction(3, 10)
        assert abs(end - start - float(expected[0].end - expected[0].start)) < 0.3


def test_audio_that_comes_later_than_the_video_is_awaited(place: Place) -> None:
    params = place.default_moment()
    window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
    number = first_number(place, window) + 45
    late = place.numbers.stream.ingested[number] + 8
    place.numbers.withheld = {(AUDIO, each): late for each in range(number, number + 3)}
    report = place.make(params)
    assert shown(report) == place.frames(params)
    assert report is not None and report.fields["complete"] is True and audio_gaps(report.path) == []
