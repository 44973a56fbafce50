"""The documents of the stream downloader and of the auto download, example by example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from src.errors import VideoPrivate
from tests.api.actors import Api
from tests.api.contracts import audio, streams
from tests.api.contracts.running import run
from tests.api.test_audio import FakeSounds, songs, sounds
from tests.api.test_streams import open_api
from tests.engines.clip.origin import Origin
from tests.engines.stream.sites import FILM, cut
from tests.tools.media_kit import cached_film

__all__ = ["open_api", "songs", "sounds"]

pytestmark = pytest.mark.slow


def test_the_stream_downloaders_document(open_api: Any, tmp_path: Path) -> None:
    files = {**cut(FILM, tmp_path, "film"), "film.mp4": cached_film(FILM, ".mp4")}
    with Origin(files) as origin:
        api = open_api(origin)

        def hold(_: object) -> None:
            api.notifier.answer = None

        run(api, streams.EXAMPLES, {"finish": lambda _: api.notifier.finish(), "hold": hold}, site=origin.url(""))


def test_the_auto_downloads_document(songs: Api, sounds: FakeSounds) -> None:
    def fail(_: object) -> None:
        sounds.error = VideoPrivate()

    username = songs.person().email.partition("@")[0]
    run(songs, audio.EXAMPLES, {"fail": fail}, username=username)
