"""The link to a clip that chats use: one for a clip, also when two processes are asked for it at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pymongo.database import Database

from src.data.share_data import ShareData
from src.models.share import Share
from src.models.video import Artifact, Status, VideoJob
from src.services.db_service import ensure_indexes
from src.services.sharing.share_links import ShareService
from src.utils.signing import Signer
from tests.tools.factories import make_clip
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow

LIFE = timedelta(hours=1)


class TogetherData(ShareData):
    """Links of which nobody stores one before both have looked for one."""

    def __init__(self, database: Database[dict[str, Any]], both_looked: threading.Barrier) -> None:
        super().__init__(database)
        self._both_looked = both_looked
        self._is_first = True

    def find_for_chat(self, job_id: str, now: datetime) -> Share | None:
        found = super().find_for_chat(job_id, now)
        if self._is_first:
            self._is_first = False
            self._both_looked.wait(60)
        return found


def service_of(shares: ShareData, clock: FakeClock) -> ShareService:
    """The links of one process."""
    nobody = cast(Any, None)
    return ShareService(shares, nobody, nobody, Signer("secret"), clock, life=LIFE)


def finished() -> VideoJob:
    """A clip with a file."""
    return make_clip(status=Status.COMPLETED, artifact=Artifact(Path("clip.mp4"), 1, "video/mp4", "clip.mp4"))


def test_two_processes_at_the_same_moment_share_a_link(mongo_database: Database[dict[str, Any]]) -> None:
    ensure_indexes(mongo_database, [ShareData])
    both_looked, clock, job = threading.Barrier(2), FakeClock(), finished()
    processes = [service_of(TogetherData(mongo_database, both_looked), clock) for _ in range(2)]
    with ThreadPoolExecutor(2) as senders:
        links = list(senders.map(lambda process: process.for_chat(job), processes))
    assert links[0] == links[1] and mongo_database["shares"].count_documents({}) == 1


def test_a_link_that_has_expired_or_was_revoked_is_replaced(mongo_database: Database[dict[str, Any]]) -> None:
    ensure_indexes(mongo_database, [ShareData])
    clock, job = FakeClock(datetime.now().astimezone() + timedelta(days=1)), finished()
    service = service_of(ShareData(mongo_database), clock)
    first, _ = service.for_chat(job)
    assert service.for_chat(job)[0].id == first.id
    clock.move(LIFE.total_seconds() + 1)
    second, _ = service.for_chat(job)
    service.revoke(job)
    third, _ = service.for_chat(job)
    assert len({first.id, second.id, third.id}) == 3 and mongo_database["shares"].count_documents({}) == 1
