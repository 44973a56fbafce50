"""The same range asked for by two users at the same moment: fetched once from the site, and each has the clip."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.system.e2e.conftest import User
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId
from tests.tools.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


@pytest.fixture
def other(service: LiveService) -> Iterator[User]:
    """A second user."""
    account = {"email": f"other{time.monotonic_ns()}@example.com", "password": "SecurePass123!"}
    with httpx.Client(base_url=f"{service.base}/api", timeout=90) as http:
        user_id = http.post("/auth/register", json=account).json()["user_id"]
        tokens = http.post("/auth/login", json=account).json()["token"], http.get("/auth/token/public").json()["token"]
        private, public = ({"Authorization": f"Bearer {token}"} for token in tokens)
        yield User(http, user_id, private, public)


def is_fetching(user: User, video_id: str) -> bool:
    return (user.status(video_id)["progress"] or {}).get("current_phase") == "downloading"


def waits_for_the_other(service: LiveService, video_id: str) -> bool:
    """Whether a worker has begun this job and put it back to wait for the same work of another."""
    return f"job {video_id} waits" in (service.folder / "app.log").read_text()


def test_two_users_one_fetch(service: LiveService, user: User, other: User, offline_youtube: OfflineYoutube) -> None:
    site = offline_youtube
    site.fault(VideoId.LADDER, Fault(bytes_per_second=20_000))
    people = (user, other)
    ids = [each.save(site.url(VideoId.LADDER), 2.48, 7.96) for each in people]
    for person, video_id in zip(people, ids, strict=True):
        person.begin(video_id, resolution_preference="480p")
    eventually(lambda: any(is_fetching(*each) for each in zip(people, ids, strict=True)))
    eventually(lambda: any(waits_for_the_other(service, video_id) for video_id in ids))
    site.heal(VideoId.LADDER)
    clips = [person.fetch(video_id) for person, video_id in zip(people, ids, strict=True)]
    assert [clip.status_code for clip in clips] == [200, 200] and clips[0].content == clips[1].content
    fetched = {person.status(video_id)["actual"]["bytes_fetched"] for person, video_id in zip(people, ids, strict=True)}
    assert len(fetched) == 1, "one and the same work"
    # Two fetches would be twice as many; answers that another connection took over were partly sent.
    assert 0 < site.media_bytes(VideoId.LADDER) < 1.6 * fetched.pop()


def test_the_second_takes_over_from_the_first(
    service: LiveService, user: User, other: User, offline_youtube: OfflineYoutube
) -> None:
    site = offline_youtube
    site.fault(VideoId.LADDER, Fault(bytes_per_second=2_000))
    first, second = (each.save(site.url(VideoId.LADDER), 2.44, 7.96) for each in (user, other))
    user.begin(first, resolution_preference="480p")
    eventually(lambda: is_fetching(user, first))
    other.begin(second, resolution_preference="480p")
    eventually(lambda: waits_for_the_other(service, second))
    assert other.status(second)["progress"] is None
    user.http.post(f"/video/{first}/cancel", headers=user.private)
    eventually(lambda: user.status(first)["status"] == "cancelled")
    site.heal(VideoId.LADDER)
    assert other.fetch(second).status_code == 200
