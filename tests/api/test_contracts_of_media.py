"""The documents of the stream downloader and of the auto download, example by example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from src.errors import VideoPrivate
from tests.api.actors import Api
from tests.api.contracts import Example, audio, difference, streams
from tests.api.test_audio import FakeSounds, songs, sounds
from tests.api.test_contracts import _filled
from tests.api.test_streams import open_api
from tests.clip.origin import Origin
from tests.media_kit import cached_film
from tests.stream.sites import FILM, cut

__all__ = ["open_api", "songs", "sounds"]

pytestmark = pytest.mark.slow


def run(api: Api, examples: Sequence[Example], known: dict[str, str], steps: Mapping[str, Callable[[], None]]) -> None:
    for example in examples:
        if example.after:
            steps[example.after]()
        sent = {} if example.json is None else {"json": _filled(example.json, known)}
        reply = api.call(example.method, _filled(example.path, known), **sent)
        told = f"{example.method} {example.path} {example.json}"
        assert reply.status_code == example.status, f"{told}: {reply.status_code} {reply.text}"
        assert difference(_filled(example.answer, known), reply.json) is None, told
        for name, field in example.save.items():
            known[name] = (reply.json or {})[field]


def test_the_stream_downloaders_document(open_api: Any, tmp_path: Path) -> None:
    files = {**cut(FILM, tmp_path, "film"), "film.mp4": cached_film(FILM, ".mp4")}
    with Origin(files) as origin:
        api = open_api(origin)

        def hold() -> None:
            api.bell.answer = None

        run(api, streams.EXAMPLES, {"site": origin.url("")}, {"finish": api.bell.finish, "hold": hold})


def test_the_auto_downloads_document(songs: Api, sounds: FakeSounds) -> None:
    def fail() -> None:
        sounds.error = VideoPrivate()

    username = songs.person().email.partition("@")[0]
    run(songs, audio.EXAMPLES, {"username": username}, {"fail": fail})
