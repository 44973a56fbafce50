"""The documents' own examples, run against the app: every field of every answer is compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from src.models.source import SourceFormat, VideoInfo
from src.models.video import Status
from tests.api.actors import Api
from tests.api.contracts import Example, archive, difference, sessions

pytestmark = pytest.mark.slow

FORMATS = tuple(
    SourceFormat(name, "mp4", "https", video, audio, width, height, height, size_bytes=1_000_000)
    for name, video, audio, width, height in (
        ("18", "avc1", "mp4a", 640, 360),
        ("136", "avc1", None, 1280, 720),
        ("140", None, "mp4a", None, None),
    )
)
INFO = VideoInfo(
    id=archive.VIDEO,
    title=archive.TITLE,
    url=sessions.LINK,
    duration_seconds=212,
    uploader="Rick Astley",
    uploaded_on=date(2009, 10, 25),
    published_at=datetime(2009, 10, 25, 6, 57, 33, tzinfo=UTC),
    view_count=1_380_000_000,
    like_count=14_000_000,
    comment_count=2_100_000,
    channel_id="UCuAXFkgsw1L7xaCfnd5JJOw",
    subscriber_count=2_890_000,
    description="The official video",
    formats=FORMATS,
)


@pytest.mark.parametrize(
    "examples", [sessions.EXAMPLES, archive.EXAMPLES], ids=["sessions and jobs", "archive services"]
)
def test_every_documented_example(api: Api, examples: Sequence[Example]) -> None:
    api.engine.info = INFO
    known: dict[str, str] = {}
    steps = _steps(api)
    for example in examples:
        if example.after:
            steps[example.after]()
        sent: dict[str, Any] = {"headers": _filled(example.headers, known)}
        if example.json is not None:
            sent["json"] = _filled(example.json, known)
        if example.form is not None:
            sent["data"] = dict(example.form)
        reply = api.call(example.method, _filled(example.path, known), **sent)
        told = f"{example.method} {example.path}"
        assert reply.status_code == example.status, f"{told}: {reply.status_code} {reply.text}"
        assert difference(_filled(example.answer, known), reply.json) is None, told
        for name, path in example.save.items():
            found: Any = reply.json
            for part in path.split("."):
                found = found[part]
            known[name] = found


def _steps(api: Api) -> dict[str, Callable[[], None]]:
    def be_slow(seconds: float) -> Callable[[], None]:
        return lambda: setattr(api.engine, "seconds", seconds)

    def wait_until_something_runs() -> None:
        deadline = time.monotonic() + 5
        while not api.services.guests.tally().of(Status.PROCESSING):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return {"finish": api.bell.finish, "slow": be_slow(30), "quick": be_slow(0), "running": wait_until_something_runs}


def _filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    return [_filled(each, known) for each in value] if isinstance(value, list) else value
