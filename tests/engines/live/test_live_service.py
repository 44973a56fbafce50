"""The whole way from a saved moment to a file: waiting outside of the worker, the end of the stream, the recording."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from src.config import Settings
from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveMomentGone, LiveNotStarted
from src.models.media_source import NetworkSettings
from src.models.params import LiveClipParams
from src.models.progress import SilentMonitor
from src.models.source import LiveStatus
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.cutter import LiveReport, LiveTask
from src.services.live.kind import pause_after
from src.services.live.service import LiveService, StreamNotReady
from src.utils.clock import to_datetime
from src.utils.ffmpeg_program import find_ffmpeg
from tests.engines.live.bench import BEGAN, began, on_air, plain
from tests.engines.live.site import VIDEO, LiveSite
from tests.tools.live_origin import Broadcast, LiveOrigin, VirtualClock
from tests.tools.media_kit import frame_numbers

pytestmark = pytest.mark.slow


@dataclass
class Desk:
    """A service with one job, whose attempts share a folder."""

    site: LiveSite
    service: LiveService
    folder: Path
    broadcast: Broadcast
    waits: int = 0

    def params(self, **changes: Any) -> LiveClipParams:
        fields = {"url": "", "youtube_video_id": VIDEO, "resolution_preference": "144p", **changes}
        return LiveClipParams(**fields)

    def attempt(self, params: LiveClipParams, *, last_chance: bool = False) -> LiveReport | None:
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        task = LiveTask(params, work, self.folder / "kept", SilentMonitor(), last_chance)
        self.service.capture(task)
        return self.service.cut(task)

    def to_the_end(self, params: LiveClipParams) -> LiveReport | None:
        """As the worker does it: come back when told to."""
        while True:
            try:
                return self.attempt(params)
            except StreamNotReady as later:
                self.waits += 1
                self.site.origin.clock.sleep(later.seconds)

    def at(self, seconds: float) -> Any:
        """The wall clock so many seconds after the stream began."""
        return BEGAN + timedelta(seconds=seconds)

    def go(self, seconds: float) -> None:
        self.site.origin.clock.set(began() + Fraction(seconds))

    def numbers(self, first: float, last: float) -> list[int]:
        return self.broadcast.stream.numbers(began() + Fraction(first), began() + Fraction(last))


@pytest.fixture(scope="module")
def origin() -> Iterator[LiveOrigin]:
    with LiveOrigin(VirtualClock(BEGAN)) as running:
        yield running


@pytest.fixture
def desk(origin: LiveOrigin, tmp_path: Path) -> Desk:
    broadcast = on_air(origin, plain())
    site = LiveSite(origin, BEGAN)
    ffmpeg = FFmpeg(find_ffmpeg(""))
    service = LiveService(
        Settings(), cast(Any, site), EncodingService(ffmpeg), ffmpeg, clock=origin.clock, network=NetworkSettings()
    )
    desk = Desk(site, service, tmp_path, broadcast)
    desk.go(200)
    return desk


def shown(report: LiveReport | None) -> list[int]:
    assert report is not None
    return [frame.number for frame in frame_numbers(report.path)]


def test_a_moment_is_made_and_told(desk: Desk) -> None:
    report = desk.to_the_end(desk.params(event_at=desk.at(190.3), clip_offset=20, clip_duration=45))
    assert shown(report) == desk.numbers(170.3, 215.3)
    assert report is not None
    fields = report.fields
    assert fields["source"] == "live" and desk.waits >= 1
    assert fields["requested"]["from"] == "2026-01-18T10:02:50.780Z" and fields["actual"]["from"] == _clock(desk, 170.3)
    assert (fields["actual"]["start"], fields["actual"]["frames"]) == (170.32, 1125)
    assert fields["actual"]["notes"] == []
    assert report.facts["youtube_video_id"] == VIDEO and report.facts["title"] == "A stream"
    assert desk.site.extractions == 1, "links are remembered between attempts"


def _clock(desk: Desk, seconds: float) -> str:
    """The first frame at or behind this moment of the stream."""
    frame = -int(-Fraction(str(seconds)) * 25 // 1)
    moment = to_datetime(began() + Fraction(frame, 25))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_what_the_stream_has_dropped_is_clamped_and_told(desk: Desk) -> None:
    report = desk.to_the_end(desk.params(event_at=desk.at(190), clip_offset=80, clip_duration=90))
    assert shown(report) == desk.numbers(140, 200)
    assert report is not None
    assert any("begins 30.0 s later" in note for note in report.fields["actual"]["notes"])


def test_a_moment_that_is_wholly_gone_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(LiveMomentGone):
        desk.to_the_end(desk.params(event_at=desk.at(100), clip_offset=20, clip_duration=10))


def test_the_end_of_the_stream_ends_the_clip(desk: Desk) -> None:
    desk.broadcast.stream.ended_at = began() + 600
    desk.go(595)
    report = desk.to_the_end(desk.params(event_at=desk.at(590), clip_offset=10, clip_duration=60))
    assert shown(report) == desk.numbers(580, 600)
    assert report is not None
    assert any("the stream ended" in note for note in report.fields["actual"]["notes"])


def test_a_capture_that_is_whole_needs_no_stream(desk: Desk) -> None:
    """The worker died between the capture and the cut, and the stream ended meanwhile."""
    params = desk.params(event_at=desk.at(190), clip_offset=20, clip_duration=10)
    first = shown(desk.to_the_end(params))
    (desk.folder / "kept" / "capture.json").write_text(
        (desk.folder / "kept" / "capture.json").read_text().replace('"done": true', '"done": false')
    )
    desk.site.refusal = LiveEndedNotReady()
    desk.broadcast.refuse_after = 0
    assert shown(desk.attempt(params)) == first


def test_an_ended_stream_goes_to_its_recording(desk: Desk) -> None:
    for status in (LiveStatus.WAS_LIVE, LiveStatus.POST_LIVE):
        desk.site.status = status
        desk.site.refusal = LiveEndedNotReady() if status is LiveStatus.POST_LIVE else None
        assert desk.attempt(desk.params(event_at=desk.at(100))) is None


def test_a_part_of_a_moment_waits_for_the_recording_and_does_at_last(desk: Desk) -> None:
    params = desk.params(event_at=desk.at(190), clip_offset=10, clip_duration=60)
    with pytest.raises(StreamNotReady):
        desk.attempt(params)
    desk.site.refusal = LiveEndedNotReady()
    desk.broadcast.refuse_after = 0
    desk.go(400)
    assert desk.attempt(params) is None
    report = desk.attempt(params, last_chance=True)
    assert shown(report) == desk.numbers(180, 200)


def test_a_stream_that_stands_still_is_waited_for_and_then_taken_as_it_is(desk: Desk) -> None:
    on_air(desk.site.origin, plain(200))
    desk.go(198)
    report = desk.to_the_end(desk.params(event_at=desk.at(195), clip_offset=10, clip_duration=30))
    assert shown(report) == desk.numbers(185, 200) and desk.waits >= 1


def test_what_is_no_stream(desk: Desk) -> None:
    desk.site.status = LiveStatus.NOT_LIVE
    with pytest.raises(ClipRangeInvalid):
        desk.attempt(desk.params(event_at=desk.at(190)))
    desk.site.status = LiveStatus.IS_UPCOMING
    with pytest.raises(LiveNotStarted):
        desk.attempt(desk.params(event_at=desk.at(190)))


def test_a_channels_stream_stays_the_one_that_it_was(desk: Desk) -> None:
    desk.site.names["@somebody"] = VIDEO
    params = desk.params(youtube_video_id=None, stream="@somebody", event_at=desk.at(195), clip_duration=80)
    with pytest.raises(StreamNotReady):
        desk.attempt(params)
    desk.site.names.clear()
    report = desk.to_the_end(params)
    assert report is not None and report.facts["youtube_video_id"] == VIDEO


def test_another_cut_from_the_padding_asks_nobody(desk: Desk) -> None:
    params = desk.params(event_at=desk.at(180), clip_offset=20, clip_duration=10)
    desk.to_the_end(params)
    desk.broadcast.refuse_after, asked = 0, desk.broadcast.requests.total()
    moved = params.model_copy(update={"clip_offset": 27.5, "clip_duration": 25})
    assert shown(desk.attempt(moved)) == desk.numbers(152.5, 177.5)
    assert desk.broadcast.requests.total() == asked


def test_the_pause_before_the_next_look_for_a_recording() -> None:
    assert [pause_after(waited) for waited in (0, 60, 600, 3600, 20_000)] == [30, 30, 300, 900, 900]
