"""A whole video is fetched as it is: every frame, nothing encoded, or refused before a byte of it is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.errors import FileTooLarge
from src.models.params import Container
from tests.services.test_video_service import running_site, service, site
from tests.tools.media_kit import decode_errors, frame_numbers
from tests.tools.offline_youtube import SITUATIONS, OfflineYoutube, VideoId

__all__ = ["running_site", "site"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("film", "container"),
    [
        (SITUATIONS.LADDER, "mp4"),
        (SITUATIONS.LADDER, "webm"),
        (SITUATIONS.ONLY_HLS, "mp4"),
        (SITUATIONS.NO_RANGES, "mp4"),
    ],
)
def test_a_whole_video(site: OfflineYoutube, tmp_path: Path, film: VideoId, container: Container) -> None:
    report = service(site).download_video(f"https://youtu.be/{film}", tmp_path / "video", container, "240p")
    assert report.path == tmp_path / f"video.{container}"
    frames = frame_numbers(report.path)
    assert [frame.number for frame in frames] == list(range(20 * 25))
    assert decode_errors(report.path) == ""
    assert report.actual.method == "copy" and report.actual.encoded is None
    assert list(tmp_path.iterdir()) == [report.path]


def test_a_video_that_is_too_large_is_not_fetched(site: OfflineYoutube, tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge):
        service(site).download_video(site.url(SITUATIONS.LADDER), tmp_path / "video", "mp4", "240p", max_bytes=1000)
    assert not [request for request in site.requests if "googlevideo" in request.host]
