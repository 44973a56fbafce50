"""The shapes in which streams come: however it is packaged, first and last frame are right, and the sound fits."""

from __future__ import annotations

from fractions import Fraction

import pytest

from src.errors import StreamUnreadable
from src.models.media_source import NetworkSettings
from src.services.hls.playlist import Key, Piece
from src.services.live.download import SegmentSource
from src.utils.clock import SystemClock
from tests.engines.clip.origin import Origin
from tests.engines.live.bench import Bench, began, window_at
from tests.tools.live_origin import (
    TURN_SECONDS,
    Broadcast,
    Part,
    Programme,
    Stream,
    programme,
)

pytestmark = pytest.mark.slow
LENGTH = 100
MOST_SOUND_LATE = 0.03  # seconds: a packet of AAC is 21 ms
APART = {"sound_apart": True}
FRAGMENTED = {"fragmented": True}
WHOLE_FILMS = {
    "MPEG-TS": programme(LENGTH, bframes=2),
    "fragmented MP4": programme(LENGTH, bframes=2, fragmented=True),
    "MPEG-TS, sound apart": programme(LENGTH, bframes=2, sound_apart=True),
    "fragmented MP4, sound apart": programme(LENGTH, bframes=2, fragmented=True, sound_apart=True),
}


def on_air(bench: Bench, stream: Stream, window: int = 30) -> None:
    bench.origin.broadcasts["s"] = Broadcast(stream, window)


def assert_right(bench: Bench, start: str, seconds: str, *, sound: bool = True) -> None:
    """The clip that begins so many seconds after the stream did shows just the frames that were on air."""
    stream = bench.origin.broadcasts["s"].stream
    window = window_at(began() + Fraction(start), Fraction(seconds))
    cut, numbers = bench.clip("s", window, hear=sound)
    expected = stream.numbers(window.start, window.end)
    assert (numbers[0], numbers[-1]) == (expected[0], expected[-1]) and numbers == expected
    assert cut.report.notes == (), "cut in one piece"
    assert not sound or abs(bench.sound_late) < MOST_SOUND_LATE


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "AES-128"])
@pytest.mark.parametrize("film", WHOLE_FILMS.values(), ids=WHOLE_FILMS)
def test_every_packaging(bench: Bench, film: Programme, encrypted: bool) -> None:
    on_air(bench, Stream([Part(film, began(), first_number=3)], encrypted=encrypted))
    bench.origin.clock.set(began() + 60)
    for start, seconds in (("31.37", "9.1"), ("52", "14")):  # all there, and across now
        assert_right(bench, start, seconds)


@pytest.mark.parametrize("apart", [False, True], ids=["sound inside", "sound apart"])
def test_a_clock_of_33_bits_that_begins_anew(bench: Bench, apart: bool) -> None:
    """A minute before that already FFmpeg tells times as negative ones: across both borders, and just behind one."""
    film = programme(LENGTH, sound_apart=apart, first_time=TURN_SECONDS - 80)
    on_air(bench, Stream([Part(film, began())]), window=60)
    bench.origin.clock.set(began() + 98)
    for start, seconds in (("14.2", "9"), ("21.3", "5"), ("76", "8")):
        assert_right(bench, start, seconds)


@pytest.mark.parametrize("film", list(WHOLE_FILMS.values())[2:], ids=list(WHOLE_FILMS)[2:])
def test_a_clock_that_is_told_now_and_then(bench: Bench, film: Programme) -> None:
    """Every seventh segment has one: those between, before and behind are counted from it."""
    on_air(bench, Stream([Part(film, began())], clock_every=7), window=8)
    bench.origin.clock.set(began() + 50)
    assert_right(bench, "40.4", "14.5")


def test_a_clock_that_was_told_once_is_not_forgotten(bench: Bench) -> None:
    """The segment that told it has left the playlist long before the end of the window."""
    on_air(bench, Stream([Part(WHOLE_FILMS["MPEG-TS"], began())], clock_every=1000), window=6)
    bench.origin.clock.set(began() + Fraction("6.7"))
    bench.patience = 60
    assert_right(bench, "3.3", "24")


@pytest.mark.parametrize("apart", [False, True], ids=["sound inside", "sound apart"])
def test_a_restart_in_fragmented_mp4(bench: Bench, apart: bool) -> None:
    """Numbers, times and the initialisation begin anew, in another size."""
    first = Part(programme(40, fragmented=True, sound_apart=apart), began())
    after = programme(60, size=(426, 240), first_frame_number=1000, fragmented=True, sound_apart=apart)
    stream = Stream([first, Part(after, first.end + 5)])
    on_air(bench, stream)
    bench.origin.clock.set(began() + 36)
    bench.patience = 60
    window = window_at(began() + 33, Fraction(24))
    cut, numbers = bench.clip("s", window)
    assert numbers == stream.numbers(window.start, window.end) and len(cut.parts) == 2


@pytest.mark.parametrize("apart", [False, True], ids=["sound inside", "sound apart"])
def test_another_picture_in_fragmented_mp4(bench: Bench, apart: bool) -> None:
    first = Part(programme(40, fragmented=True, sound_apart=apart), began())
    after = programme(
        60, size=(426, 240), first_frame_number=1000, fragmented=True, sound_apart=apart, first_time=Fraction(50)
    )
    stream = Stream([first, Part(after, first.end, first_number=20, group=1)], encrypted=True)
    on_air(bench, stream)
    bench.origin.clock.set(began() + 56)
    window = window_at(began() + Fraction("35.3"), Fraction("9.2"))
    cut, numbers = bench.clip("s", window, hear=True)
    assert numbers == stream.numbers(window.start, window.end) and len(cut.parts) == 2
    assert abs(bench.sound_late) < MOST_SOUND_LATE


def test_gaps_and_a_playlist_that_jumps_back_with_the_sound_apart(bench: Bench) -> None:
    film = WHOLE_FILMS["fragmented MP4, sound apart"]
    stream = Stream([Part(film, began(), gaps=frozenset({20}), absent=frozenset({23}))])
    bench.origin.broadcasts["s"] = Broadcast(stream, stale_seconds=9, flaky=3)
    bench.origin.clock.set(began() + 45)
    window = window_at(began() + Fraction("37.3"), Fraction(20))
    cut, numbers = bench.clip("s", window)
    assert numbers == stream.numbers(window.start, window.end) and len(cut.parts) == 3


def test_a_key_that_is_none_is_an_error_of_its_segment() -> None:
    with (
        Origin({"film.ts": bytes(32), "key": b"too short"}) as site,
        SegmentSource(NetworkSettings(), SystemClock()) as source,
        pytest.raises(StreamUnreadable),
    ):
        source.content(Piece(site.url("film.ts"), key=Key(site.url("key"), None)), 1, {})
