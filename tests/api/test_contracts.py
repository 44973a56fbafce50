"""The documents' own examples, run against the app: every field of every answer is compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import pytest

from src.models.source import SourceFormat, VideoInfo
from src.models.video import Status
from tests.api.actors import Api
from tests.api.contracts import Example, archive, audio, backend, sessions, streams
from tests.api.contracts.endpoints import DOCUMENTED
from tests.api.contracts.running import filled, run
from tests.tools.waiting import eventually

pytestmark = pytest.mark.slow

FORMATS = tuple(
    SourceFormat(name, "mp4", "https", video, audio, width, height, height, size_bytes=1_000_000)
    for name, video, audio, width, height in (
        ("18", "avc1", "mp4a", 640, 360),
        ("136", "avc1", None, 1280, 720),
        ("137", "avc1", None, 1920, 1080),
        ("400", "av01", None, 2560, 1440),
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
    "examples",
    [backend.EXAMPLES, sessions.EXAMPLES, archive.EXAMPLES],
    ids=["backend", "sessions and jobs", "archive services"],
)
def test_every_documented_example(api: Api, examples: Sequence[Example]) -> None:
    api.engine.info = INFO
    run(api, examples, _steps(api))


def test_every_documented_endpoint_has_an_example(api: Api) -> None:
    examples = (*backend.EXAMPLES, *sessions.EXAMPLES, *archive.EXAMPLES, *streams.EXAMPLES, *audio.EXAMPLES)
    adapter = api.app.url_map.bind("localhost")
    ids = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(each.path for each in examples)), "65a0000000000000000000ff")
    used = set()
    for example in examples:
        if example.status < 300:
            rule, _ = adapter.match(filled(example.path, ids).partition("?")[0], example.method, return_rule=True)
            used.add(f"{example.method} {re.sub('<[^>]+>', '*', rule.rule)}")
    assert [each for each in DOCUMENTED if each not in used] == []


def _steps(api: Api) -> dict[str, Callable[[dict[str, str]], None]]:
    def be_busy(busy: bool) -> Callable[[dict[str, str]], None]:
        def slow(_: dict[str, str]) -> None:
            api.engine.busy = busy
            api.engine.hurry.clear()
            api.notifier.answer = api.services.runner.run

        return slow

    def until(holds: Callable[[], object]) -> Callable[[dict[str, str]], None]:
        def wait(_: dict[str, str]) -> None:
            eventually(holds)

        return wait

    def finish(_: dict[str, str]) -> None:
        api.engine.hurry.set()
        api.notifier.finish()

    def hold(_: dict[str, str]) -> None:
        api.notifier.answer = None

    def look_up(known: dict[str, str]) -> None:
        api.services.metadata.describe(known["video"])

    def another_user(known: dict[str, str]) -> None:
        known["other"] = api.person().token

    return {
        "finish": finish,
        "hold": hold,
        "look up": look_up,
        "another user": another_user,
        "slow": be_busy(True),
        "quick": be_busy(False),
        "running": until(lambda: api.services.guests.tally().of(Status.PROCESSING)),
        "progress": until(lambda: api.services.cache.client.keys("progress:*")),
    }
