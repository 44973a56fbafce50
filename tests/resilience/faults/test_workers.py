"""Real workers whose broker freezes or loses connections: what was asked for meanwhile is made, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.resilience.faults.proxy import HEALTHY, Fault, FaultProxy
from tests.resilience.faults.test_stores import socket_of
from tests.system.e2e.conftest import QUICK, User, signed_in
from tests.tools.live_service import running_service
from tests.tools.media_kit import first_last
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import HANG_SECONDS, eventually, within

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


@pytest.fixture(scope="module")
def wired(
    mongo_uri: str, redis_uri: str, offline_youtube_session: OfflineYoutube
) -> Iterator[tuple[User, FaultProxy, FaultProxy]]:
    with FaultProxy(socket_of(mongo_uri)) as mongodb, FaultProxy(socket_of(redis_uri)) as valkey:
        secrets = {name: name.lower() * 4 for name in ("JWT_PUBLIC_SECRET", "JWT_PRIVATE_SECRET", "FLASK_SECRET_KEY")}
        stores = {
            "MONGODB_URI": f"mongodb://127.0.0.1:{mongodb.port}/faults?directConnection=true",
            "REDIS_URI": f"redis://127.0.0.1:{valkey.port}/0",
        }
        with (
            running_service({**offline_youtube_session.environment(), **QUICK, **secrets, **stores}) as service,
            httpx.Client(base_url=f"{service.base}/api", timeout=90) as http,
        ):
            yield signed_in(http, "user@example.com"), mongodb, valkey


@pytest.mark.parametrize("fault", [Fault(frozen=True), Fault(half_open=True)], ids=["frozen", "half-open"])
def test_what_is_asked_for_while_the_broker_is_silent_is_made_afterwards(
    wired: tuple[User, FaultProxy, FaultProxy], offline_youtube: OfflineYoutube, tmp_path: Path, fault: Fault
) -> None:
    user, _, valkey = wired
    start = 3.6 if fault.frozen else 3.64
    valkey.set(fault)
    with within():
        video_id = user.save(offline_youtube.url(VideoId.LADDER), start, 5.0)
        user.begin(video_id, resolution_preference="360p")
    valkey.set(HEALTHY)
    eventually(lambda: user.status(video_id)["status"] not in {"pending", "processing"}, 2 * HANG_SECONDS)
    assert user.status(video_id)["status"] == "completed"
    (tmp_path / "clip.mp4").write_bytes(user.fetch(video_id).content)
    assert first_last(tmp_path / "clip.mp4") == (round(start * 25), 124)
