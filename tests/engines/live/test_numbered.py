"""Clips by segment number show exactly what was on air, by the ingestion times of the segments."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.captured import Captured
from src.models.media_source import NetworkSettings, TimeRange
from src.models.progress import Monitor, Progress, SilentMonitor
from src.models.time_window import Window
from src.services.cutting.cutter import ClipCutter, CutResult
from src.services.cutting.engine.model import CutOrder
from src.services.cutting.sandbox import EngineSandbox
from src.services.egress.policy import Policy
from src.services.egress.proxy import EgressProxy
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.numbered.capture import NumberedCapture, NumbersUnavailable
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.server import SegmentServer
from src.services.live.shared.captures import StreamCaptures
from src.services.live.shared.run import ClipWish, NumberedRun
from src.utils.ffmpeg_program import find_ffmpeg
from tests.engines.live.bench import DiesAfter, WorkerDied, window_at
from tests.tools.media_kit import av_offset, frame_numbers
from tests.tools.numbered import HANG, NumberedSite, NumberedStream, aac_track, avc_track, jittered, vp9_track
from tests.tools.numbered.server import NumberedServer
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

BEGAN = Fraction(1_768_730_400)
TRACKS = [avc_track(400), aac_track(400)]
DEFAULT_LENGTH = Fraction(120)
"""The default moment: from 60 s before the command on, with 120 s."""


@dataclass
class Bench:
    """A site, a place to work, and the jobs that come back as often as they are told to."""

    server: NumberedServer
    folder: Path
    padding: float = 4
    network: NetworkSettings = field(default_factory=NetworkSettings)
    life: LinkLife = field(default_factory=LinkLife)
    renewals: int = 0
    path_form: bool = False
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def site(self) -> NumberedSite:
        return self.server.site

    def on_air(self, stream: NumberedStream, **how: object) -> NumberedStream:
        self.server.site = NumberedSite([stream], **how)  # type: ignore[arg-type]
        return stream

    def go(self, seconds: Fraction | float) -> None:
        self.server.clock.set(BEGAN + Fraction(seconds))

    def renew(self, _: Links) -> Links | None:
        self.renewals += 1
        return self.server.issue(path_form=self.path_form)

    def capture(self, window: Window, folder: Path | None = None, monitor: Monitor | None = None) -> Captured:
        folder = folder or self.folder / f"kept{next(self._numbers)}"
        folder.mkdir(exist_ok=True)
        links, clock = self.server.issue(path_form=self.path_form), self.server.clock
        captures = StreamCaptures(lambda: contextlib.nullcontext(self.network), clock, self.life)
        wish = ClipWish(folder, window, self.padding, patience_seconds=math.inf)
        try:
            with captures.join("s", links, self.folder, renew=self.renew, lingers=False) as capture:
                return NumberedRun(capture, links, wish, clock=clock, monitor=monitor or SilentMonitor()).run()
        finally:
            eventually(lambda: not captures.runs("s"))  # with the padding, for which the clip does not wait

    def cut(self, captured: Captured, window: Window, *, hear: bool = False) -> tuple[CutResult, list[int]]:
        """(the clip, numbers of its frames). ``hear``: its sound has to fit."""
        work = self.folder / "work"
        work.mkdir()
        try:
            program, wanted = find_ffmpeg(""), TimeRange(window.start, window.end)
            order = CutOrder(captured, (wanted,), (work / "clip.mp4",), work, NetworkSettings(), ffmpeg=program)
            with EngineSandbox(program, EgressProxy(Policy())).engine() as engine:
                cut = ClipCutter(FFmpeg(program), engine, order.network).runs(order, SilentMonitor())
            numbers = [frame.number for frame in frame_numbers(cut.path)]
            assert not hear or abs(av_offset(cut.path, Fraction(25))) < 0.05
            return cut, numbers
        finally:
            shutil.rmtree(work)

    def assert_exact(self, start: Fraction | float, seconds: Fraction | float, *, hear: bool = False) -> CutResult:
        """The clip from so many seconds of the stream on shows the frames that were on air."""
        window = window_at(BEGAN + Fraction(start), Fraction(seconds))
        captured = self.capture(window)
        cut, numbers = self.cut(captured, window, hear=hear)
        expected = self.site.stream.frames(window.start, window.end)
        assert (numbers[:1], numbers[-1:], len(numbers)) == (expected[:1], expected[-1:], len(expected))
        assert numbers == expected
        for at, wanted in ((cut.parts[0].start, window.start), (cut.parts[-1].end, window.end)):
            assert abs(at - wanted) < Fraction(1, 3), "the report agrees, as far as segments jitter"
        return cut


def stream(count: int = 190, **how: object) -> NumberedStream:
    """A calm broadcast of some minutes, with a short first segment."""
    settings = {name: how.pop(name) for name in ("seed", "gaps", "jitter_ms") if name in how}
    lengths, ingested = jittered(BEGAN, count, **settings)  # type: ignore[arg-type]
    return NumberedStream(TRACKS, lengths, ingested, **how)  # type: ignore[arg-type]


@pytest.fixture
def bench(server: NumberedServer, tmp_path: Path) -> Bench:
    server.issued = 0
    return Bench(server, tmp_path)


@pytest.mark.matrix(20)
@pytest.mark.parametrize("seed", range(100))
def test_the_default_moment_is_complete_at_any_time(bench: Bench, seed: int) -> None:
    """60 s back and 120 s long, across now; the first requests come when half of it was on air."""
    chance = random.Random(seed)
    bench.on_air(stream(seed=seed))
    now = Fraction(chance.randrange(62_000, 290_000), 1000)
    bench.go(now)
    cut = bench.assert_exact(now - 60, DEFAULT_LENGTH)
    assert cut.report.notes == () and len(cut.parts) == 1, "cut in one piece"


def test_one_capture_serves_many_clips(bench: Bench) -> None:
    """Driven step by step without a thread: overlapping ranges are fetched once, and no step waits for the stream."""
    broadcast = bench.on_air(stream())
    bench.go(100)
    windows = [window_at(BEGAN + Fraction(start), Fraction(20)) for start in ("60.4", "70", "85.5", "120")]
    folder = bench.folder / "kept"
    folder.mkdir()
    with SegmentServer(bench.network) as server:
        capture = NumberedCapture(
            bench.server.issue(), folder, server, clock=bench.server.clock, renew=bench.renew, life=bench.life
        )
        for window in windows:
            capture.want(window)
        steps = 0
        while not (step := capture.step()).done:
            steps += 1
            bench.server.clock.sleep(step.seconds)
        captured = capture.captured()
    videos = {name: count for name, count in bench.site.requests.items() if name.startswith("160/")}
    assert set(videos.values()) == {1} and len(videos) < 45 and steps < 90
    for window in (windows[1], windows[3]):
        _, numbers = bench.cut(captured, window)
        assert numbers == broadcast.frames(window.start, window.end)


def test_what_a_dead_worker_fetched_is_not_fetched_again(bench: Bench) -> None:
    broadcast = bench.on_air(stream())
    bench.go(150)
    window, folder = window_at(BEGAN + 60, Fraction(80)), bench.folder / "kept"
    with pytest.raises(WorkerDied):
        bench.capture(window, folder, DiesAfter(3))
    fetched = sum(name.startswith("160/") for name in bench.site.requests)
    assert 0 < fetched < 40
    _, numbers = bench.cut(bench.capture(window, folder), window)
    assert numbers == broadcast.frames(window.start, window.end)
    assert {count for name, count in bench.site.requests.items() if name.startswith("160/")} == {1}


def test_what_a_clip_fetches_counts_against_its_owner(bench: Bench) -> None:
    class Listening(SilentMonitor):
        most = 0

        def report(self, progress: Progress) -> None:
            self.most = max(self.most, progress.bytes_done or 0)

    bench.on_air(stream())
    bench.go(150)
    monitor, folder = Listening(), bench.folder / "kept"
    bench.capture(window_at(BEGAN + 60, Fraction(20)), folder, monitor)
    stored = sum(path.stat().st_size for path in folder.glob("*/?-*"))
    assert 0 < monitor.most <= stored


def test_any_moment_of_the_past(bench: Bench) -> None:
    bench.on_air(stream())
    bench.go(370)
    for start, seconds in ((0, 4), ("1.19", 3), ("37.213", "9.7"), ("250", 20)):
        bench.assert_exact(Fraction(start), Fraction(seconds))


@pytest.mark.parametrize("path_form", [False, True], ids=["query", "path"])
def test_both_forms_of_links(bench: Bench, path_form: bool) -> None:
    bench.path_form = path_form
    bench.on_air(stream(init_in_each=path_form))
    bench.go(100)
    bench.assert_exact(Fraction("41.3"), 20, hear=True)


@pytest.mark.matrix(1)
@pytest.mark.parametrize("groups", [2, 12], ids=["1 s", "5 s"])
def test_streams_of_low_and_of_high_latency(bench: Bench, groups: int) -> None:
    """Segments of about one second, and of about five, across now."""
    target = Fraction(1 if groups == 2 else 5)
    lengths, ingested = jittered(BEGAN, 300 // groups, groups=groups)
    bench.on_air(NumberedStream(TRACKS, lengths, ingested, target=target))
    bench.go(60)
    assert bench.assert_exact(Fraction("41.3"), 30, hear=True).report.notes == ()


def test_vp9_in_webm_with_aac_in_mp4(bench: Bench) -> None:
    lengths, ingested = jittered(BEGAN, 40)
    bench.on_air(NumberedStream([vp9_track(60), aac_track(400)], lengths, ingested))
    bench.go(50)
    bench.assert_exact(Fraction("12.7"), 14, hear=True)


AWKWARD: dict[str, Callable[[], tuple[NumberedStream, dict[str, object]]]] = {
    "future 404": lambda: (stream(), {"future": 404, "head_by": "nobody"}),
    "future 204": lambda: (stream(), {"future": 204, "head_by": "nobody"}),
    "future empty": lambda: (stream(), {"future": 200, "head_by": "nobody"}),
    "future hangs": lambda: (stream(), {"future": HANG, "head_by": "segments"}),
    "head by segments": lambda: (stream(), {"head_by": "segments"}),
    "initialisation in number 0": lambda: (stream(init_in_each=False), {}),
    "no media time": lambda: (stream(states_media=False), {}),
    "503 and 401": lambda: (stream(), {"flaky": 3}),
    "a server that lags": lambda: (stream(), {"lags": 6}),
    "no ranges": lambda: (stream(), {"ranges": False}),
}


WITHOUT_HEAD: dict[str, dict[str, object]] = {
    "HEAD is refused": {"head_status": 405},
    "HEAD is not found": {"head_status": 404, "bare": "404"},
    "the newest without a number": {"head_by": "segments", "bare": "newest"},
}


@pytest.mark.matrix(3)
@pytest.mark.parametrize("part", WITHOUT_HEAD)
def test_a_server_that_states_no_number_to_head(bench: Bench, part: str) -> None:
    bench.on_air(stream(), **WITHOUT_HEAD[part])
    bench.go(80)
    bench.assert_exact(Fraction("62.4"), 10)


@pytest.mark.parametrize("part", AWKWARD)
def test_an_awkward_server_changes_no_frame(bench: Bench, part: str) -> None:
    broadcast, switches = AWKWARD[part]()
    if part == "future hangs":
        bench.network = NetworkSettings(stall_seconds=2)
    bench.on_air(broadcast, **switches)
    bench.go(80)
    assert bench.assert_exact(Fraction("52.4"), 40).report.notes == ()


def test_links_that_die_are_renewed_in_time(bench: Bench) -> None:
    """After the first death the age is known: the following ones are renewed before they die."""
    bench.on_air(stream(), life=Fraction(30))
    bench.go(70)
    bench.assert_exact(10, DEFAULT_LENGTH)
    first = bench.site.statuses[403]
    assert 1 <= bench.renewals <= 4
    bench.go(150)
    bench.assert_exact(90, DEFAULT_LENGTH)
    assert bench.site.statuses[403] == first, "no request with dead links"
    assert bench.renewals <= 8


def test_links_are_renewed_before_they_expire_as_they_say(bench: Bench) -> None:
    bench.on_air(stream(), valid=640)
    bench.go(70)
    bench.assert_exact(10, DEFAULT_LENGTH)
    assert bench.renewals >= 1 and bench.site.statuses[403] == 0


def test_a_redirect_to_another_host_is_kept(bench: Bench) -> None:
    bench.on_air(stream(), moves_to=f"localhost:{bench.server.port}")
    bench.go(100)
    bench.assert_exact(60, 20)
    assert bench.site.statuses[302] <= 10


def test_a_redirect_as_text_is_followed(bench: Bench) -> None:
    bench.on_air(stream(), moves_to=f"localhost:{bench.server.port}", in_text=True)
    bench.go(100)
    bench.assert_exact(60, 10)
    asked = bench.site.requests["160/32"]
    assert asked <= 2, "only the first answer of a format is an address"


def test_without_rewind_what_is_left_is_exact(bench: Bench) -> None:
    """The broadcaster has switched it off: the site answers for the ten newest numbers."""
    broadcast = bench.on_air(stream(), rewind=10)
    bench.go(100)
    window = window_at(BEGAN + 60, Fraction(60))
    captured = bench.capture(window)
    first = captured.records["video"][0]
    assert 70 < first.start - BEGAN < 86
    _, numbers = bench.cut(captured, window)
    assert numbers == broadcast.frames(first.start, window.end)


def test_a_premiere_of_whole_files_has_no_numbers(bench: Bench) -> None:
    """Each number answers with the complete film: nothing of it is stored, and nothing waits for more."""
    bench.on_air(stream(), whole_file=True)
    bench.go(100)
    with pytest.raises(NumbersUnavailable):
        bench.capture(window_at(BEGAN + 60, Fraction(20)))
    assert not list(bench.folder.glob("kept*/video/0-*"))


def test_a_number_that_is_always_refused_is_a_gap(bench: Bench) -> None:
    bench.on_air(stream(lost={30}))
    bench.go(120)
    cut = bench.assert_exact(50, 30)
    assert len(cut.parts) == 2


def test_the_wall_clock_has_a_gap_that_the_numbers_have_not(bench: Bench) -> None:
    bench.on_air(stream(gaps={30: Fraction("22.9")}))
    bench.go(140)
    cut = bench.assert_exact(45, 60)
    (first, second) = cut.parts
    assert abs(second.start - first.end - Fraction("22.9")) < Fraction(1, 4)


def test_segments_that_arrive_late_and_at_once_are_no_gap(bench: Bench) -> None:
    """Three are late by up to 6 s, two of them arrive at the same time, and then all goes on as before."""
    calm = stream(jitter_ms=0)
    late = list(calm.ingested)
    after = late[34]
    late[31:34] = [after - Fraction(2, 10), after - Fraction(1, 10), after - Fraction(1, 10)]
    broadcast = bench.on_air(replace(calm, ingested=late))
    bench.go(120)
    window = window_at(BEGAN + 50, Fraction(30))
    captured = bench.capture(window)
    cut, numbers = bench.cut(captured, window)
    assert captured.holes(window) == [] and len(cut.parts) == 1
    assert numbers == broadcast.frames(window.start, window.end)


def test_what_is_too_old_is_clamped(bench: Bench) -> None:
    for old in (404, 403, 410):
        broadcast = bench.on_air(stream(), oldest=20, old=old)
        bench.go(80)
        window = window_at(BEGAN + 20, Fraction(40))
        captured = bench.capture(window)
        assert captured.records["video"][0].number == 20
        _, numbers = bench.cut(captured, window)
        assert numbers == broadcast.frames(broadcast.ingested[20], window.end)


@pytest.mark.matrix(1)
@pytest.mark.parametrize("behind", [403, 404], ids=["refused", "not found"])
def test_the_end_of_a_stream_whose_head_is_stated_too_high(bench: Bench, behind: int) -> None:
    broadcast = bench.on_air(stream(60), ended=True, future=behind)
    bench.server.clock.set(broadcast.end + 100)
    window = Window(broadcast.end - 30, broadcast.end + 30)
    captured = bench.capture(window)
    _, numbers = bench.cut(captured, window)
    assert captured.ended and numbers == broadcast.frames(window.start, broadcast.end)


@pytest.mark.parametrize(
    ("same_links", "itags"),
    [(False, (160, 140)), (False, (133, 139)), (True, (160, 140))],
    ids=["other links", "other formats", "same links"],
)
def test_a_broadcast_that_starts_again_at_number_0(bench: Bench, same_links: bool, itags: tuple[int, int]) -> None:
    first = bench.on_air(stream(40))
    lengths, ingested = jittered(first.end + 5, 100)
    tracks = [
        avc_track(200, itag=itags[0], first_frame=5000, size=(426, 240)),
        aac_track(200, itag=itags[1], first_frame=5000),
    ]
    second = NumberedStream(tracks, lengths, ingested)
    bench.server.clock.set(first.end - 1)
    window = Window(first.end - 10, first.end + 25)
    folder = bench.folder / "kept"
    folder.mkdir()
    bench.capture(Window(first.end - 10, first.end - 4), folder)
    bench.server.clock.sleep(20)
    if same_links:
        bench.site.broadcasts.clear()
    bench.site.broadcasts.append(second)
    captured = bench.capture(window, folder)
    cut, numbers = bench.cut(captured, window)
    expected = first.frames(window.start, first.end)
    kept = expected[: len(numbers) - len(second.frames(second.ingested[0], window.end))]
    assert numbers == kept + second.frames(second.ingested[0], window.end) and len(cut.parts) == 2
    assert len(kept) > 150
