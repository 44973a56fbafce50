"""Fixtures: ``pytest_plugins = ["tests.tools.offline_youtube.fixtures"]`` in a test module or in the root conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.offline_youtube.site import OfflineYoutube


@pytest.fixture(scope="session")
def offline_youtube_session() -> Iterator[OfflineYoutube]:
    """One site for all tests of a process."""
    with OfflineYoutube() as site:
        yield site


@pytest.fixture
def offline_youtube(offline_youtube_session: OfflineYoutube) -> Iterator[OfflineYoutube]:
    """The site with an empty record and no faults of other tests. A test that left it fails."""
    offline_youtube_session.reset()
    yield offline_youtube_session
    assert offline_youtube_session.strays == [], "hosts that are not YouTube's were asked for"
