"""A service, its work and one storm over it: what ``make storm`` does for each seed and the test once."""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from src.config import Settings
from src.launcher.joining import join
from tests.engines.clip.origin import Origin
from tests.engines.stream.sites import cut
from tests.resilience.storm.customers import STREAM, Customers
from tests.resilience.storm.judge import Verdict, judge
from tests.resilience.storm.storm import Plan, Storm
from tests.resilience.storm.watch import Watch
from tests.tools.live_service import running_service
from tests.tools.offline_youtube.faults import Fault
from tests.tools.offline_youtube.site import OfflineYoutube
from tests.tools.offline_youtube.situations import VideoId

MARK = "STORM_MARK"
QUICK = {
    "JOB_LEASE_SECONDS": "6",
    "RECONCILE_INTERVAL_SECONDS": "2",
    "JOB_RETRY_BASE_SECONDS": "0.5",
    "JOB_MAX_ATTEMPTS": "20",
}
"""Shorter than in production, so that a storm sees in seconds what a self-hoster sees in a minute; and with more
attempts, for a storm strikes some jobs more often than any poison does."""
_ALWAYS = {
    "CLEANUP_INTERVAL_MINUTES": "0.1",
    "PASSWORD_HASH_COST": "4",
    "RATE_LIMIT_ENABLED": "false",
    "SESSION_JOB_LIMIT": "10000",
    "STREAM_LIMIT_PER_ADDRESS": "10000",
    "MAX_PENDING_PER_USER": "10000",
}
# Slow enough that jobs are under way most of the time, without using the processor for that.
MEDIA_BYTES_PER_SECOND = 60_000


def run_storm(site: OfflineYoutube, seed: int, plan: Plan, settings: Mapping[str, str] = QUICK) -> Verdict:
    """Start a service of its own, let it storm, wait for quiet, and judge."""
    site.fault(VideoId.LADDER, Fault(bytes_per_second=MEDIA_BYTES_PER_SECOND))
    mark = uuid.uuid4().hex
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm-")))
        origin = stack.enter_context(Origin(cut(STREAM, folder, "film"), bytes_per_second=MEDIA_BYTES_PER_SECOND))
        link = origin.url("film.m3u8")
        own = {**site.environment(), **_ALWAYS, **settings, MARK: mark, "ALLOW_PRIVATE_NETWORKS": link.split("/")[2]}
        service = stack.enter_context(running_service(own, console=folder / "console.log"))
        stores = join(Settings.load({**os.environ, "DATA_DIR": str(service.folder / "data")}, None, None))
        customers = Customers(service.base, random.Random(seed), link)
        stack.callback(customers.close)
        watch = stack.enter_context(Watch(stores.mongodb_uri, service.base))
        storm = Storm(service, watch, customers, plan, seed)
        storm.rage()
        verdict = judge(service, watch, customers, storm, seed, mark)
        verdict.stumbles = customers.stumbles
        if verdict.bad:
            verdict.evidence = (service.folder / "app.log").read_text(errors="replace")
        return verdict
