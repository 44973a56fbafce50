"""A short storm: nothing is lost, made twice, spoilt or left behind."""

from __future__ import annotations

import pytest

from tests.resilience.storm.run import run_storm
from tests.resilience.storm.storm import Plan
from tests.tools.offline_youtube.fixtures import offline_youtube, offline_youtube_session
from tests.tools.offline_youtube.site import OfflineYoutube

__all__ = ["offline_youtube", "offline_youtube_session"]

STRIKES = 9


@pytest.mark.slow
@pytest.mark.xdist_group("workers")
def test_a_short_storm_costs_no_job(offline_youtube: OfflineYoutube) -> None:
    verdict = run_storm(offline_youtube, seed=7, plan=Plan(STRIKES, freeze_seconds=(0.5, 7.0)))
    assert verdict.bad == [], verdict.evidence[-4000:]
    assert verdict.strikes.total() == STRIKES
    assert verdict.completed > 0
