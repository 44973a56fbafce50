"""The schedule of a fetch, with connections that exist only in the calculation."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from src.services.fetch.resource import Chunk, Resource
from src.services.fetch.schedule import LARGEST_CHUNK, SMALLEST_CHUNK, Schedule

MB = 1 << 20
CLIP, OTHER = 0, 10


@dataclass
class Connection:
    """One connection of the calculation. ``speed`` in bytes per second; ``free`` is when it ends."""

    speed: float
    chunk: Chunk | None = None
    last: Chunk | None = None
    free: float = 0.0


@dataclass(frozen=True)
class Request:
    """What one connection has fetched, and until when."""

    chunk: Chunk
    start: int
    end: float


def run(schedule: Schedule, speeds: list[float], latency: float = 0.06) -> list[Request]:
    """Let all connections fetch until nothing waits; the requests, in the order of their end."""
    connections, done, now, step = [Connection(speed) for speed in speeds], [], 0.0, 0.01
    starts: dict[Chunk, int] = {}
    while True:
        for one in connections:
            if one.chunk is not None and one.chunk.left == 0:
                done.append(Request(one.chunk, starts[one.chunk], now))
                one.last, one.chunk = one.chunk, None
            if one.chunk is None:
                active = [other.chunk for other in connections if other.chunk is not None]
                one.chunk = schedule.take(now, active, one.last)
                if one.chunk is not None:
                    starts[one.chunk] = one.chunk.position
        if not any(one.chunk for one in connections):
            return done
        now += step
        for one in connections:
            if one.chunk is None or now < one.chunk.began + latency:
                continue
            if one.chunk.answered is None:
                one.chunk.answer(one.chunk.began, now)
            one.chunk.position = min(one.chunk.position + round(one.speed * step), one.chunk.end or 0)
            one.chunk.received = now


def clip(video: Resource, audio: Resource, group: int, seconds: int) -> Schedule:
    """What a clip of 4 Mbit/s wants, with groups of pictures of 2.5 MB."""
    schedule, size = Schedule(8), seconds * MB // 2
    schedule.add(video, [(0, 5 * MB // 2)], 0, None)
    schedule.add(audio, [(0, seconds * 16_000)], 1, group)
    schedule.add(video, [(size - 5 * MB // 2, size)], 2, group)
    schedule.add(video, [(5 * MB // 2, size - 5 * MB // 2)], 3, group)
    return schedule


def files() -> tuple[Resource, Resource]:
    return Resource("video", {}), Resource("audio", {})


@pytest.mark.parametrize(("seconds", "most"), [(10, 18), (60, 20), (240, 50)])
def test_all_connections_end_together_and_early(seconds: int, most: int) -> None:
    video, audio = files()
    done = run(clip(video, audio, CLIP, seconds), [2e6] * 8)
    assert _fetched(done, video) == [(0, seconds * MB // 2)] and _fetched(done, audio) == [(0, seconds * 16_000)]
    ends = sorted(max(one.end for one in done[-8:] if one is last) for last in done[-8:])
    ideal = (seconds * MB / 2 + seconds * 16_000) / 16e6
    assert ends[-1] < ideal + 0.5 + 0.02 * seconds / 10, (ends, ideal)
    assert ends[-1] - ends[0] < 0.35
    assert len(done) <= most


def test_the_first_group_arrives_first_and_the_last_one_next() -> None:
    video, audio = files()
    done = run(clip(video, audio, CLIP, 60), [2e6] * 8)
    assert all(one.start < 5 * MB // 2 for one in done[:8])
    begun = sorted(done, key=lambda one: one.chunk.began)[8:]
    assert begun[0].chunk.resource is audio and begun[1].start >= 55 * MB // 2


def test_the_connection_that_fetches_audio_gets_less_of_the_last_stretch() -> None:
    video, audio = files()
    schedule = clip(video, audio, CLIP, 15)  # as many bytes between the edges as in the last group
    done = run(schedule, [2e6] * 8)
    ends = {id(one.chunk): one.end for one in done if one.chunk.end}
    last = sorted(ends.values())[-8:]
    assert last[-1] - last[0] < 0.1, last
    assert len(done) <= 18


def test_a_crawling_connection_gets_little_and_is_helped() -> None:
    video, audio = files()
    done = run(clip(video, audio, CLIP, 60), [2e6] * 7 + [60e3])
    ideal = (30 * MB + 960_000) / 14e6
    assert done[-1].end < ideal * 1.4


def test_another_clip_waits_until_all_of_the_first_is_asked_for() -> None:
    video, audio = files()
    schedule = clip(video, audio, CLIP, 10)
    later = Resource("later", {})
    schedule.add(later, [(0, 40 * MB)], 13, OTHER)
    done = run(schedule, [2e6] * 8)
    first = max(one.end for one in done if one.chunk.resource is not later)
    assert first < 1.2, "it is not divided as if the other one belonged to it"


def test_no_request_is_larger_than_what_networks_slow_down() -> None:
    video, _ = files()
    schedule = Schedule(8)
    schedule.add(video, [(0, 500 * MB)], 3, CLIP)
    done = run(schedule, [20e6] * 8)
    assert _fetched(done, video) == [(0, 500 * MB)]
    assert max(one.chunk.position - one.start for one in done) <= LARGEST_CHUNK + SMALLEST_CHUNK


def test_what_a_reader_waits_for_comes_next() -> None:
    video, audio = files()
    schedule = clip(video, audio, CLIP, 60)
    assert schedule.hurry(video, 20 * MB)
    chunk = schedule.take(0.0, [], None)
    assert chunk is not None and chunk.position == 20 * MB
    assert not schedule.hurry(audio, 100 * MB)
    done = run(schedule, [2e6] * 8)
    assert _fetched([*done, Request(chunk, 20 * MB, 0.0)], video, [(20 * MB, chunk.end or 0)]) == [(0, 30 * MB)]


def _fetched(
    done: list[Request], resource: Resource, also: list[tuple[int, int]] | None = None
) -> list[tuple[int, int]]:
    """The bytes that were fetched, joined where they touch; fails where some were fetched twice."""
    spans = sorted((one.start, one.chunk.end or 0) for one in done if one.chunk.resource is resource and one.end)
    joined: list[tuple[int, int]] = []
    for start, end in sorted([*spans, *(also or [])]):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            assert not joined or start > joined[-1][1], "a byte was fetched twice"
            joined.append((start, end))
    return joined
