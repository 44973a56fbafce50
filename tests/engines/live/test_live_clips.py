"""A clip of a running stream shows exactly what was on air, whatever the stream and the worker do meanwhile."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from src.models.media_source import NetworkSettings
from src.models.progress import SilentMonitor
from src.services.live.capture import Capture, StreamSilent, TailToCome
from src.services.live.recent_pieces import RecentPieces
from tests.engines.live.bench import LENGTH, Bench, DiesAfter, WorkerDied, began, on_air, plain, window_at
from tests.tools.live_origin import Part, programme

pytestmark = pytest.mark.slow


@pytest.mark.matrix(4)
@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_clips_at_random_moments_are_right_to_the_frame(bench: Bench, seed: int) -> None:
    """A hundred in all: windows in the past, across now, in the future, partly gone, across the end of the stream.
    A worker dies during every third one."""
    clock, chance = bench.origin.clock, random.Random(seed)
    end = began() + LENGTH
    broadcast = on_air(bench.origin, plain(), ended_at=end)
    clamped = across_end = died = 0
    made = 0
    while made < 25:
        early = 70_000 if made % 5 else (LENGTH - 12) * 1000
        now = began() + Fraction(chance.randrange(early, (LENGTH + 20) * 1000), 1000)
        clock.set(now)
        # What a worker had not fetched when it died may be gone when the next one comes: there, no moment at the edge.
        dies = chance.randrange(1, 30) if made % 3 == 0 else None
        latest = {0: 45_000, 1: 75_000, 2: 60_000}[made % 3]
        offset = Fraction(chance.randrange(latest - 20_000 if made % 3 == 1 else 0, latest), 1000)
        if made % 5 == 0:
            offset = now - end + Fraction(chance.randrange(200, 6_000), 1000)
        window = window_at(now - offset, Fraction(chance.randrange(400, 12_000), 1000))
        if window.end <= now - 60 or window.start >= end - 1:
            continue  # nothing of it is there
        made += 1
        oldest = broadcast.listed(now)[0]
        first_there = oldest[0].at + oldest[1] * 2
        cut, numbers = bench.clip("s", window, dies_after=dies)
        expected = broadcast.stream.numbers(max(window.start, first_there), min(window.end, end))
        assert numbers == expected, (made, float(now - began()), float(offset))
        assert abs(cut.parts[0].start - max(window.start, first_there)) <= Fraction(1, 25)
        clamped += window.start < first_there
        across_end += window.end > end
        died += dies is not None
    assert clamped >= 1 and across_end >= 1 and died >= 8


def test_what_a_dead_worker_had_fetched_is_still_there_when_the_stream_has_dropped_it(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain())
    clock = bench.origin.clock
    clock.set(began() + 130)
    window = window_at(began() + 75, Fraction(70))
    folder = bench.folder / "kept"
    with pytest.raises(WorkerDied):
        bench.capture("s", window, folder, DiesAfter(20))
    clock.set(began() + 168)
    captured = bench.capture("s", window, folder)
    assert captured.oldest is not None and captured.oldest > window.start + 20
    assert captured.holes(window) == []
    assert broadcast.requests["both-0-40.ts"] == 1, "nothing is fetched twice"


def test_clips_of_one_process_fetch_each_segment_once(bench: Bench) -> None:
    """The playlist has no numbers to share a capture by, but the links of its segments are the same for all."""
    broadcast = on_air(bench.origin, plain())
    now = began() + 100
    bench.origin.clock.set(now)
    bench.recent = RecentPieces()
    for start in (20, 18, 16):
        window = window_at(now - start, Fraction(8))
        folder = bench.folder / f"kept {start}"
        assert bench.capture("s", window, folder).holes(window) == []
    counts = {name: count for name, count in broadcast.requests.items() if name != "playlist"}
    assert len(counts) > 8 and set(counts.values()) == {1}


def test_a_worker_does_not_wait_for_a_tail_that_comes_much_later(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain())
    now = began() + 100
    bench.origin.clock.set(now)
    window = window_at(now - 20, Fraction(80))
    _, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end)
    assert bench.attempts >= 2, "it came back instead of waiting"


def test_a_worker_keeps_what_there_is_and_waits_elsewhere_for_the_padding(bench: Bench) -> None:
    """The stream holds 30 seconds: he comes back long before it drops what he has not seen."""
    broadcast = on_air(bench.origin, plain(), window=15)
    now = began() + 100
    bench.origin.clock.set(now)
    folder = bench.folder / "kept"
    capture = Capture(
        bench.tracks("s"),
        folder,
        window_at(now - 12, Fraction(10)),
        network=NetworkSettings(),
        clock=bench.origin.clock,
        monitor=SilentMonitor(),
    )
    with pytest.raises(TailToCome) as caught:
        capture.run()
    assert bench.origin.clock.seconds - now < 1 and caught.value.seconds <= 15
    assert broadcast.requests.total() == 1 + 14, "the playlist, and all of the window and its padding that is there"


def test_gaps_are_left_out_and_the_rest_is_right(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain(gaps=frozenset({52}), absent=frozenset({55}), unlisted=frozenset({58})))
    bench.origin.clock.set(began() + 130)
    window = window_at(began() + 100, Fraction(20))
    cut, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end)
    assert len(cut.parts) == 4 and any("joined" in note.text for note in cut.report.notes)


def test_a_change_of_resolution_is_no_seam_in_time(bench: Bench) -> None:
    first = Part(programme(100), began())
    second = Part(programme(100, size=(426, 240), first_frame_number=2500), first.end, first_number=50, group=1)
    broadcast = on_air(bench.origin, first, second)
    bench.origin.clock.set(began() + 120)
    window = window_at(began() + Fraction("95.3"), Fraction("9.2"))
    cut, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end) and len(cut.parts) == 2


def test_a_restart_of_the_stream(bench: Bench) -> None:
    """The encoder comes back after 5 seconds, and the sequence numbers begin at 0 again while we follow."""
    first = Part(programme(100), began())
    second = Part(programme(100, first_frame_number=2500), first.end + 5, first_number=0, group=0)
    broadcast = on_air(bench.origin, first, second)
    bench.origin.clock.set(began() + 96)
    bench.patience = 60
    window = window_at(began() + 92, Fraction(24))
    cut, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end) and len(cut.parts) == 2


def test_a_playlist_that_jumps_back_and_segments_that_fail_once(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain(), stale_seconds=9, flaky=3)
    bench.origin.clock.set(began() + 130)
    window = window_at(began() + Fraction("101.5"), Fraction(40))
    _, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end)


def test_links_that_expire_are_renewed(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain(), refuse_after=6)
    bench.origin.clock.set(began() + 130)
    window = window_at(began() + 100, Fraction(20))
    _, numbers = bench.clip("s", window)
    assert numbers == broadcast.stream.numbers(window.start, window.end) and broadcast.version == 1


def test_without_a_clock_the_time_is_right_to_the_pause_between_two_looks(bench: Bench) -> None:
    broadcast = on_air(bench.origin, plain(), clock_every=0)
    bench.origin.clock.set(began() + Fraction("130.7"))
    window = window_at(began() + 120, Fraction(16))
    _, numbers = bench.clip("s", window)
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and abs(len(numbers) - 16 * 25) <= 1
    off = Fraction(numbers[0] - broadcast.stream.numbers(window.start, window.end)[0], 25)
    assert abs(off) <= Fraction(5, 4), float(off)


def test_a_stream_that_falls_silent_is_told(bench: Bench) -> None:
    on_air(bench.origin, plain(200))
    bench.origin.clock.set(began() + 190)
    with pytest.raises(StreamSilent):
        bench.capture("s", window_at(began() + 180, Fraction(60)), bench.folder / "kept")
