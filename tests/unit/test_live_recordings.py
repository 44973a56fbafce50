"""A moment in a recording that lacks a part of it: the longest piece is cut, and the rest is reported as a gap."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from src.errors import LiveEndedNotReady, SegmentMissing
from src.models.params import LiveClipParams
from src.models.progress import SilentMonitor
from src.models.source import LiveStatus, SourceFormat, VideoInfo
from src.models.stream_clock import Anchor, StreamClock
from src.services.jobs.handler import JobContext
from src.services.live.recording import Recordings, longest_piece
from src.utils.clock import to_seconds
from tests.tools.factories import make_clip

RELEASED = datetime(2026, 1, 18, 10, 0, tzinfo=UTC)
PARAMS = LiveClipParams(
    url="https://x",
    youtube_video_id="dQw4w9WgXcQ",
    event_at=RELEASED + timedelta(seconds=160),
    clip_offset=60,
    clip_duration=40,
)


@dataclass
class Cut:
    """What a video service answers: a file with the requested range."""

    path: Path
    start: float
    end: float
    facts: dict[str, Any] = field(default_factory=dict)
    kept: None = None

    def to_fields(self) -> dict[str, Any]:
        actual = {"start": self.start, "end": self.end}
        return {"requested": {"resolution": "1080p"}, "actual": actual, "complete": True, "gaps": [], "notes": []}


@dataclass
class Site:
    """A site with one recording, which lacks ``missing``."""

    missing: tuple[tuple[int, int], ...] = ()
    duration: float = 3600
    height: int = 1080
    ranges: list[tuple[float, float]] = field(default_factory=list)

    def get_video_info(self, video_id: str) -> VideoInfo:
        entry = SourceFormat("1", "mp4", "https", video_codec="avc1", resolution=self.height)
        return VideoInfo(
            video_id,
            "A stream",
            "",
            duration_seconds=self.duration,
            live_status=LiveStatus.WAS_LIVE,
            release_at=RELEASED,
            formats=(entry,),
        )

    def download_video_segment(self, *, start_time: float, end_time: float, output_path: Path, **_: Any) -> Cut:
        self.ranges.append((start_time, end_time))
        touched = [each for each in self.missing if each[0] < end_time and each[1] > start_time]
        if touched:
            raise SegmentMissing.at([(Fraction(first), Fraction(last)) for first, last in touched])
        return Cut(output_path.with_suffix(".mp4"), start_time, end_time)


def cut(site: Site, tmp_path: Path, **options: Any) -> dict[str, Any]:
    context = JobContext(make_clip(), tmp_path, tmp_path / "kept", SilentMonitor())
    recordings = Recordings(cast(Any, site), cast(Any, site))
    return recordings.cut(PARAMS, "dQw4w9WgXcQ", context, **options).report


def test_a_recording_reports_the_wall_clock_and_its_uncertainty(tmp_path: Path) -> None:
    report = cut(Site(), tmp_path)
    expected = {"from": "2026-01-18T10:01:40.000Z", "to": "2026-01-18T10:02:20.000Z"}
    assert {name: report["requested"][name] for name in expected} == expected
    assert {name: report["actual"][name] for name in expected} == expected
    assert report["actual"]["clock_uncertainty"] == 1.0 and report["complete"] is True


def test_a_stream_that_was_captured_gives_its_recording_an_exact_clock(tmp_path: Path) -> None:
    """The first frame was broadcast 2.3 s after the second that the site reports."""
    zero = to_seconds(RELEASED) + Fraction("2.3")
    clock = StreamClock(
        [Anchor(zero + 90 + 2 * number, Fraction(2), Fraction(90 + 2 * number)) for number in range(40)]
    )
    site = Site()
    report = cut(site, tmp_path, clock=clock)
    assert site.ranges == [(97.7, 137.7)]
    assert report["actual"]["from"] == report["requested"]["from"] == "2026-01-18T10:01:40.000Z"
    assert report["actual"]["clock_uncertainty"] == 0


def test_a_missing_segment_is_a_gap_and_no_failure(tmp_path: Path) -> None:
    site = Site(missing=((104, 108), (130, 132)))
    report = cut(site, tmp_path)
    assert site.ranges == [(100, 140), (108, 130)]
    assert report["complete"] is False
    assert report["gaps"] == [
        {"start": 0, "end": 8, "from": "2026-01-18T10:01:40.000Z", "to": "2026-01-18T10:01:48.000Z"},
        {"start": 30, "end": 40, "from": "2026-01-18T10:02:10.000Z", "to": "2026-01-18T10:02:20.000Z"},
    ]
    assert [note["code"] for note in report["notes"]] == ["segments_missing"]
    assert report["actual"]["from"] == "2026-01-18T10:01:48.000Z"


def test_a_moment_without_anything_is_not_cut() -> None:
    assert longest_piece(100, 140, SegmentMissing.at([(Fraction(90), Fraction(150))])) is None
    assert longest_piece(100, 140, SegmentMissing("no times")) is None


@pytest.mark.parametrize(
    ("site", "ready"),
    [(Site(), True), (Site(duration=120), False), (Site(height=360), False), (Site(duration=131), True)],
    ids=["whole", "short", "low", "longer than the file"],
)
def test_a_recording_that_is_worse_than_the_first_file_is_not_ready(site: Site, ready: bool, tmp_path: Path) -> None:
    earlier = {"actual": {"duration": 30.0, "resolution": "1080p"}}
    if ready:
        assert cut(site, tmp_path, better_than=earlier)["complete"] is True
        return
    with pytest.raises(LiveEndedNotReady):
        cut(site, tmp_path, better_than=earlier)
    assert site.ranges == [], "nothing is fetched"


def test_at_the_end_the_resolution_does_not_matter_but_the_length_does(tmp_path: Path) -> None:
    earlier = {"actual": {"duration": 30.0, "resolution": "1080p"}}
    assert cut(Site(height=360), tmp_path, better_than=earlier, is_final=True)["complete"] is True
    with pytest.raises(LiveEndedNotReady):
        cut(Site(duration=120), tmp_path, better_than=earlier, is_final=True)


def test_a_file_of_whole_frames_is_not_longer_than_its_moment(tmp_path: Path) -> None:
    """Only its audio lacked something: its video has all frames of the moment, up to a frame more than its seconds."""
    earlier = {"actual": {"duration": 40.033, "resolution": "1080p"}}
    assert cut(Site(), tmp_path, better_than=earlier)["complete"] is True
