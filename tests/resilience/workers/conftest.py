"""The same whole service as in ``tests/system/e2e``, without shared media."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.e2e.conftest import offline_youtube, offline_youtube_session, origin_port, quick_service, user
from tests.tools.live_service import LiveService
from tests.tools.offline_youtube.site import OfflineYoutube

__all__ = ["offline_youtube", "offline_youtube_session", "origin_port", "user"]


@pytest.fixture(scope="package")
def service(offline_youtube_session: OfflineYoutube, origin_port: int) -> Iterator[LiveService]:
    """A clip of a slow source is slow here, whatever the test before it has fetched of the same film."""
    with quick_service(offline_youtube_session, origin_port, SHARED_MEDIA_MB="0") as running:
        yield running
