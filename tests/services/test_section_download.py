"""The last way to a clip: exact frames from FFmpeg's own reading, whatever the server does, or a code that tells."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from src import errors
from src.config import Settings
from src.errors import AppError
from src.models.media_source import NetworkSettings, SourceUnreadable, TimeRange, Track
from src.models.progress import Progress
from src.services.cutting.cutter import CutResult
from src.services.cutting.engine.model import ClipReport
from src.services.cutting.section import input_options
from src.services.youtube.media_hosts import require_media_host
from src.services.youtube.selection import Preferences, choose
from src.services.youtube_service import YouTubeService
from src.utils.ffmpeg_options import understands
from tests.tools.engine_calls import cut_clip
from tests.tools.media_kit import FFMPEG, av_offset, decode_errors, frame_numbers
from tests.tools.offline_youtube import SITUATIONS, Fault, OfflineYoutube, VideoId
from tests.tools.waiting import within

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running_site() -> Iterator[OfflineYoutube]:
    with OfflineYoutube() as running:
        yield running


@pytest.fixture
def site(running_site: OfflineYoutube) -> Iterator[OfflineYoutube]:
    running_site.reset()
    yield running_site
    assert running_site.strays == []


class BlindEngine:
    """A clip engine that can read nothing."""

    def run(self, *_: object) -> list[ClipReport]:
        raise SourceUnreadable("no index")


def cut(
    site: OfflineYoutube,
    folder: Path,
    video_id: VideoId,
    wish: Preferences,
    start: str = "3.5",
    end: str = "8.5",
    *,
    monitor: Any = None,
    verify_tls: bool = False,
) -> CutResult:
    youtube = YouTubeService(Settings.load(site.environment(), dotenv=None))
    network = NetworkSettings(
        proxy=site.proxy_url,
        verify_tls=verify_tls,
        stall_seconds=2,
        give_up_seconds=5,
        retries=2,
        guard=require_media_host,
    )
    video = youtube.extract(video_id)
    wanted = TimeRange(Fraction(start), Fraction(end))
    selection = choose(video.info.formats, wish)
    return cut_clip(video, selection, wanted, folder, network, youtube=youtube, engine=BlindEngine(), monitor=monitor)


@pytest.mark.parametrize(
    ("video_id", "wish", "fps", "first", "last"),
    [
        (SITUATIONS.LADDER, Preferences("mp4", "360p"), Fraction(25), 88, 212),
        (SITUATIONS.LADDER, Preferences("webm", "360p"), Fraction(25), 88, 212),
        (SITUATIONS.ONLY_PROGRESSIVE, Preferences("mp4", "360p"), Fraction(25), 88, 212),
        (SITUATIONS.FPS_30000_1001, Preferences("mp4", "240p"), Fraction(30000, 1001), 105, 254),
        (SITUATIONS.CUTS_EVERY_20_KB, Preferences("webm", "240p"), Fraction(25), 88, 212),
        (SITUATIONS.NO_RANGES, Preferences("mp4", "240p"), Fraction(25), 88, 212),
        (SITUATIONS.MEDIA_UNAVAILABLE_TWICE, Preferences("mp4", "240p"), Fraction(25), 88, 212),
    ],
)
def test_the_clip_is_exact(
    site: OfflineYoutube, tmp_path: Path, video_id: VideoId, wish: Preferences, fps: Fraction, first: int, last: int
) -> None:
    made = cut(site, tmp_path, video_id, wish)
    assert made.method == "section"
    frames = frame_numbers(made.path)
    assert [frame.number for frame in frames] == list(range(first, last + 1))
    assert frames[0].pts == 0
    assert abs(av_offset(made.path, fps)) < 0.01
    assert decode_errors(made.path) == ""
    assert list(tmp_path.iterdir()) == [made.path]


def test_times_rounded_to_six_digits_mean_their_frames(site: OfflineYoutube, tmp_path: Path) -> None:
    """106 and 107 x 1001/30000 s, rounded: both lie above the true time."""
    made = cut(site, tmp_path, SITUATIONS.FPS_30000_1001, Preferences("mp4", "240p"), "3.536867", "3.603600")
    assert [frame.number for frame in frame_numbers(made.path)] == [106, 107]


def test_options_that_the_program_does_not_list_are_left_out(tmp_path: Path) -> None:
    """As FFmpeg before 7 answers: it refuses to start with an option that it does not know."""
    old = tmp_path / "ffmpeg"
    listed = r"  -reconnect <boolean> .D reconnect\n  -reconnect_delay_max <int> .D delay\n"
    old.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
    old.chmod(0o755)
    track = Track("http://127.0.0.1:1/film.mp4")
    assert "-reconnect_max_retries" not in input_options(track, NetworkSettings(), old)
    assert "-reconnect_max_retries" in input_options(track, NetworkSettings(), Path(FFMPEG))
    assert not understands(tmp_path / "missing", "protocol=http", "reconnect")


def test_the_end_of_the_film_is_the_end_of_the_clip(site: OfflineYoutube, tmp_path: Path) -> None:
    made = cut(site, tmp_path, SITUATIONS.LADDER, Preferences("mp4", "144p"), "18", "21")
    assert [frame.number for frame in frame_numbers(made.path)] == list(range(450, 500))
    assert made.report.actual == TimeRange(Fraction(18), Fraction(20))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=403), (errors.MediaForbidden,)),
        (Fault(status=404), (errors.MediaGone,)),
        (Fault(status=429), (errors.RateLimited,)),
        (Fault(status=503), (errors.Network,)),
        (Fault(cut_at=0.5), (errors.Network, errors.NetworkTimeout)),
        (Fault(stall_at=0.5), (errors.NetworkTimeout,)),
        (Fault(bytes_per_second=1), (errors.NetworkTimeout,)),
    ],
)
def test_a_clip_that_does_not_come_has_a_code(
    site: OfflineYoutube, tmp_path: Path, fault: Fault, error: tuple[type[AppError], ...]
) -> None:
    site.fault(SITUATIONS.LADDER, fault)
    with pytest.raises(AppError) as told:
        cut(site, tmp_path, SITUATIONS.LADDER, Preferences("webm", "240p"), "8", "13")
    assert type(told.value) in error
    assert list(tmp_path.iterdir()) == []


def test_addresses_that_expired_are_asked_for_once_more(site: OfflineYoutube, tmp_path: Path) -> None:
    site.fault(SITUATIONS.LADDER, Fault(expires_after_bytes=20_000))
    made = cut(site, tmp_path, SITUATIONS.LADDER, Preferences("webm", "240p"))
    assert len(frame_numbers(made.path)) == 125
    assert site.extractions(SITUATIONS.LADDER) == 2


def test_certificates_are_checked(site: OfflineYoutube, tmp_path: Path) -> None:
    with pytest.raises(errors.TlsError):
        cut(site, tmp_path, SITUATIONS.LADDER, Preferences("mp4", "144p"), verify_tls=True)


def test_progress_is_told_while_it_is_fetched_and_cancelling_stops_it(tmp_path: Path) -> None:
    class Impatient:
        """Cancels at the second reading of a running download."""

        def __init__(self) -> None:
            self.readings: list[float] = []
            self.cancelled = False

        def report(self, progress: Progress) -> None:
            if progress.download_percent > 0:
                self.readings.append(progress.download_percent)
            if len(self.readings) > 2 and not self.cancelled:
                self.cancelled = True

        def check(self) -> None:
            if self.cancelled:
                raise errors.Cancelled

    monitor = Impatient()
    with within(), OfflineYoutube(bytes_per_second=20_000) as slow, pytest.raises(errors.Cancelled):
        cut(slow, tmp_path, SITUATIONS.LADDER, Preferences("webm", "480p"), "2", "18", monitor=monitor)
    assert monitor.readings == sorted(monitor.readings) and monitor.readings[-1] < 100
    assert list(tmp_path.iterdir()) == []
