"""A recording whose owner, or whose disk, has no room for more ends there: what was captured becomes its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo.database import Database

from src.app import create_app
from src.bootstrap import build, prepare_database
from src.errors import AppError, DiskFull, QuotaExceeded
from src.models.outcome import NoteCode
from src.models.progress import Phase, Progress
from src.models.video import Owner, OwnerKind
from src.utils.clock import SystemClock
from tests.api.actors import Api
from tests.api.conftest import api_settings
from tests.engines.clip.origin import Origin
from tests.engines.stream.sites import FILM, Files, GrowingSite, cut
from tests.engines.stream.taking import take
from tests.tools.fakes import FakeEngine, RecordingNotifier
from tests.tools.media_kit import decode_errors, frame_numbers

pytestmark = pytest.mark.slow


class Bounded:
    """A monitor that refuses more than so many bytes while they arrive, and nothing afterwards."""

    def __init__(self, most: int, error: AppError) -> None:
        self._most, self._error = most, error

    def report(self, progress: Progress) -> None:
        if progress.phase is Phase.DOWNLOADING and (progress.bytes_done or 0) > self._most:
            raise self._error

    def check(self) -> None:
        pass


def bytes_of(files: Files) -> int:
    return sum(content.stat().st_size for content in files.values() if isinstance(content, Path))


@pytest.mark.parametrize("error", [QuotaExceeded(), DiskFull()], ids=lambda error: str(error.code))
def test_what_was_captured_is_completed_with_a_note(error: AppError, tmp_path: Path) -> None:
    files = cut(FILM, tmp_path, "film")
    with Origin(files) as origin:
        report = take(origin, "film.m3u8", tmp_path, monitor=Bounded(bytes_of(files) // 2, error))
    assert NoteCode.SPACE_EXHAUSTED in {note.code for note in report.notes}
    assert 1 <= report.seconds < 8 and decode_errors(report.path) == ""
    missing = sum(gap.end - gap.start for gap in report.gaps)
    numbers = [frame.number for frame in frame_numbers(report.path)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + 25 * missing == pytest.approx(8 * 25, abs=1), "what is not there is told as a gap"


def test_a_live_stream_ends_where_there_is_no_more_room(tmp_path: Path) -> None:
    files = cut(FILM, tmp_path, "film")
    site = GrowingSite(files, "film.m3u8", seconds=0.3)
    with site.origin as origin:
        monitor = Bounded(bytes_of(files) // 2, QuotaExceeded())
        report = take(origin, "film.m3u8", tmp_path, monitor=monitor, clock=SystemClock())
    assert report.live and NoteCode.SPACE_EXHAUSTED in {note.code for note in report.notes}
    assert 1 <= report.seconds < 8 and decode_errors(report.path) == ""


def test_a_recording_of_which_nothing_was_captured_fails(tmp_path: Path) -> None:
    with Origin(cut(FILM, tmp_path, "film")) as origin, pytest.raises(QuotaExceeded):
        take(origin, "film.m3u8", tmp_path, monitor=Bounded(0, QuotaExceeded()))


@pytest.fixture
def recorded(
    mongo_database: Database[dict[str, Any]], redis_client: redis.Redis, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """A stream of an anonymous visitor with so much room left, as its job tells it at the end."""

    def record(files: Files, name: str, *, left: int, path: str = "/download/") -> dict[str, Any]:
        with Origin(files) as origin:
            notifier = RecordingNotifier()
            address = origin.url("").split("//")[1].rstrip("/")
            settings = api_settings(
                tmp_path, allow_private_networks=address, anonymous_quota_mb=100, anonymous_disk_percent=0
            )
            services = build(settings, notifier=notifier, database=mongo_database, redis_client=redis_client)
            prepare_database(mongo_database)
            api = Api(create_app(settings, services), services, FakeEngine(), notifier)
            visitor = Owner(OwnerKind.ADDRESS, "127.0.0.1")
            services.space.hold(visitor, "6a0000000000000000000001", 100_000_000 - left)
            begun = api.call("POST", path, json={"url": origin.url(name)})
            assert begun.status_code == 200, begun.text
            services.runner.run(notifier.notified[-1][0])
            told = api.call("GET", f"/job/{(begun.json or {})['job_id']}").json
            assert told is not None
            return dict(told)

    return record


def test_a_job_that_reaches_its_share_completes_with_the_note(
    recorded: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    files = cut(FILM, tmp_path, "film")
    told = recorded(files, "film.m3u8", left=bytes_of(files) // 2)
    assert told["status"] == "COMPLETED", told
    assert [note["code"] for note in told["notes"]].count("space_exhausted") == 1
    assert told["complete"] is False and told["gaps"]


def test_a_file_that_cannot_be_cut_short_fails_with_its_reason(
    recorded: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    files = cut(FILM, tmp_path, "film", "-hls_flags", "single_file", "-hls_segment_type", "fmp4")
    name = next(name for name, content in files.items() if isinstance(content, Path) and not name.endswith(".m3u8"))
    told = recorded(files, name, left=1000, path="/download/mp4")
    assert (told["status"], told["error_code"]) == ("FAILED", "QUOTA_EXCEEDED"), told
