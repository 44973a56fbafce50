"""From a link to a song: each format with its tags and its cover, and what has no sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from src.config import Settings
from src.errors import FormatNotAvailable
from src.models.params import AudioFormat
from src.models.progress import SilentMonitor
from src.services.audio.download import AudioDownloadService
from src.services.encoding.audio_extraction import AudioService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from src.services.youtube_service import YouTubeService
from tests.tools.media_kit import TESTED_FFMPEG, audio_marks
from tests.tools.offline_youtube import OfflineYoutube, VideoId

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Iterator[OfflineYoutube]:
    with OfflineYoutube() as running:
        yield running


def service(site: OfflineYoutube) -> AudioDownloadService:
    settings, ffmpeg = Settings.load(site.environment(), dotenv=None), FFmpeg(TESTED_FFMPEG)
    return AudioDownloadService(settings, YouTubeService(settings), AudioService(ffmpeg), ffmpeg)


@pytest.mark.parametrize("audio_format", get_args(AudioFormat))
def test_a_song_with_tags_and_a_cover(site: OfflineYoutube, tmp_path: Path, audio_format: AudioFormat) -> None:
    path = tmp_path / f"song.{audio_format}"
    report, info = service(site).download_audio(
        site.url(VideoId.LADDER), path, audio_format, "128k", monitor=SilentMonitor()
    )
    media = probe(path, need="audio")
    tags = {name.lower(): value for name, value in media.tags.items()}
    assert tags["title"] == info.title and tags["artist"] == info.uploader
    assert report.has_cover == (media.cover_art is not None) == (audio_format != "wav")
    marks = audio_marks(path)
    assert [mark.second for mark in marks][-18:] == list(range(2, 20))
    assert all(abs(float(mark.at) - mark.second) < 0.05 for mark in marks)  # mp3 may begin with an unheard frame
    assert list(tmp_path.iterdir()) == [path]


def test_sound_out_of_a_file_that_has_a_picture_too(site: OfflineYoutube, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    service(site).download_audio(site.url(VideoId.ONLY_PROGRESSIVE), path, "mp3", "worst", monitor=SilentMonitor())
    assert probe(path, need="audio").main_video is None


def test_a_silent_film_has_no_song(site: OfflineYoutube, tmp_path: Path) -> None:
    with pytest.raises(FormatNotAvailable):
        service(site).download_audio(
            site.url(VideoId.NO_AUDIO), tmp_path / "song.mp3", "mp3", "best", monitor=SilentMonitor()
        )
    assert list(tmp_path.iterdir()) == []
