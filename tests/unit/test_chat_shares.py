"""The link to a clip that chats use: two messages about one clip, sent at the same moment, have the same one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from src.models.share import Share
from src.models.video import Artifact, Status
from src.services.sharing.share_links import ShareService
from src.utils.clock import SystemClock
from src.utils.signing import Signer
from tests.tools.factories import make_clip


class Shares:
    """Stored links; the first two callers that look for one do so before either has stored any."""

    def __init__(self) -> None:
        self.stored: list[Share] = []
        self._both_looked = threading.Barrier(2)
        self._looks = iter(range(2))

    def find_for_chat(self, _: str, now: datetime) -> Share | None:
        if next(self._looks, None) is not None:
            self._both_looked.wait(60)
            return None
        return self.stored[0] if self.stored else None

    def insert(self, share: Share) -> None:
        self.stored.append(share)


def test_two_messages_at_the_same_moment_share_a_link() -> None:
    shares, nobody = Shares(), cast(Any, None)
    service = ShareService(cast(Any, shares), nobody, nobody, Signer("secret"), SystemClock(), life=timedelta(hours=1))
    job = make_clip(status=Status.COMPLETED, artifact=Artifact(Path("clip.mp4"), 1, "video/mp4", "clip.mp4"))
    with ThreadPoolExecutor(2) as senders:
        links = list(senders.map(service.for_chat, [job, job]))
    assert len(shares.stored) == 1 and links[0] == links[1]
