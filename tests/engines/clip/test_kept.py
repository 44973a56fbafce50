"""What one clip leaves of its source is enough for every other clip inside of it, and spares most of one beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.models.media_source import ClipSource, Mode, NetworkSettings, TimeRange
from src.models.progress import SilentMonitor
from src.services.cutting.engine.model import ClipReport, Keep
from tests.engines.clip.origin import Faults, Origin
from tests.engines.clip.sources import KINDS, SMALL, Kind, served
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import TESTED_FFMPEG, decode_errors, frame_numbers

pytestmark = pytest.mark.slow
KIND = {kind.name: kind for kind in KINDS}
FIRST = TimeRange(Fraction("5.3"), Fraction("7.1"))  # key frames every 2 s: all of [4, 8) is fetched


class Desk:
    """One source, and clips of it that leave to each other what they fetched."""

    def __init__(self, kind: Kind, folder: Path, origin: Origin, source: ClipSource) -> None:
        self.kind, self.folder, self.origin, self.source = kind, folder, origin, source
        self.keep = Keep(folder / "kept")

    def clip(self, wanted: TimeRange, mode: Mode = "exact") -> tuple[ClipReport, int]:
        """(report, bytes that the origin sent for it), and the clip shows the right frames."""
        before, path = self.origin.bytes_sent, self.folder / f"clip{self.kind.output}"
        report = make_clip(
            self.source,
            wanted,
            path,
            work_dir=self.folder,
            network=NetworkSettings(),
            mode=mode,
            ffmpeg=TESTED_FFMPEG,
            monitor=SilentMonitor(),
            keep=self.keep,
        )
        fps = self.kind.film.fps
        first, last = -int(-wanted.start * fps // 1), -int(-wanted.end * fps // 1) - 1
        assert [frame.number for frame in frame_numbers(path)] == list(range(first, last + 1)), report
        assert decode_errors(path) == ""
        return report, self.origin.bytes_sent - before


@pytest.fixture
def desk_of(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Desk]:
    def open_desk(kind: Kind, faults: Faults | None = None) -> Desk:
        folder = tempfile.TemporaryDirectory(dir=tmp_path)
        request.addfinalizer(folder.cleanup)
        files, source_of = served(kind, Path(folder.name))
        origin = Origin(files, faults=faults).__enter__()
        request.addfinalizer(lambda: origin.__exit__(None, None, None))
        return Desk(kind, tmp_path, origin, source_of(origin))

    return open_desk


@pytest.mark.parametrize(
    "name",
    [
        "h264-sidx",
        "h264-progressive",
        "vp9-webm",
        "pair-h264-aac",
        "hls-ts",
        "hls-ts-encrypted-60",
        "hls-byte-ranges",
        "dash-fragments",
    ],
)
def test_moved_times_need_no_byte_inside_of_what_was_kept(name: str, desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(KIND[name])
    made, sent = desk.clip(FIRST)
    assert made.kept is not None and sent > 0
    assert made.kept.start <= FIRST.start and made.kept.end >= FIRST.end
    assert made.kept.start < FIRST.start or made.kept.end > FIRST.end, "the rest of the groups costs nothing"
    requests = desk.origin.requests
    for wanted in (made.kept, TimeRange(Fraction("5.6"), Fraction("6.9")), TimeRange(Fraction("5.1"), made.kept.end)):
        again, sent = desk.clip(wanted)
        assert (sent, again.bytes_fetched, desk.origin.requests) == (0, 0, requests), wanted
        assert again.kept is not None
        assert again.kept.start <= wanted.start and again.kept.end >= wanted.end


@pytest.mark.parametrize("name", ["h264-sidx", "h264-progressive", "hls-ts"])
def test_only_what_is_missing_is_fetched_beside_it(name: str, desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(KIND[name])
    _, whole = desk.clip(TimeRange(Fraction("8.5"), Fraction("11.5")))  # far behind what is read with the index
    beside, sent = desk.clip(TimeRange(Fraction(7), Fraction("11.5")))
    assert 0 < sent < whole / 2
    assert beside.kept is not None and beside.kept.start <= 7


def test_more_is_kept_where_that_costs_little(desk_of: Callable[..., Desk]) -> None:
    long = replace(SMALL, seconds=Fraction(60), noise=10, audio=None, fragmented="dash")
    desk = desk_of(Kind("long", long))
    wanted = TimeRange(Fraction("4.3"), Fraction("55.9"))
    desk.keep = Keep(desk.folder / "without")
    without, least = desk.clip(wanted)
    desk.keep = Keep(desk.folder / "with", padding=Fraction(2))
    padded, sent = desk.clip(wanted)
    assert without.kept is not None and padded.kept is not None
    assert padded.kept.start < 4 < without.kept.start
    assert sent < least * 1.1


def test_too_much_is_not_kept(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(KIND["h264-sidx"])
    desk.keep = Keep(desk.folder / "kept", most_bytes=1000)
    report, _ = desk.clip(FIRST)
    assert report.kept is None


def test_a_server_without_ranges_leaves_nothing(desk_of: Callable[..., Desk]) -> None:
    report, _ = desk_of(KIND["h264-sidx"], Faults(no_range=True)).clip(FIRST)
    assert report.kept is None


def test_a_list_that_was_damaged_counts_as_none(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(KIND["h264-sidx"])
    _, sent = desk.clip(FIRST)
    (desk.keep.folder / "fetched.json").write_text('{"end": 7, "resources": [{"place"')
    again, resent = desk.clip(FIRST)
    assert resent == sent and again.kept is not None
