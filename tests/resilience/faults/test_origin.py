"""A media server whose connections freeze, crawl, are cut or half open: a whole clip, or the right code in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
import redis

from src.errors import JobStalled, Network, NetworkTimeout
from src.models.media_source import ClipSource, NetworkSettings, TimeRange
from src.models.progress import Monitor, SilentMonitor
from src.services.cache_service import CacheService
from src.services.jobs.lease import LeaseRenewer, ShutdownFlag
from src.services.progress_cache import ProgressCache
from tests.engines.clip.origin import Origin
from tests.engines.clip.sources import KINDS, served
from tests.resilience.faults.proxy import HEALTHY, Fault, FaultProxy
from tests.tools.engine_calls import make_clip
from tests.tools.media_kit import decode_errors, first_last
from tests.tools.waiting import within

pytestmark = pytest.mark.slow

KIND = next(kind for kind in KINDS if kind.name == "h264-sidx")
RANGE = TimeRange(Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second
QUICK = NetworkSettings(stall_seconds=1, give_up_seconds=5, retries=3, connect_seconds=2)
PATIENT = NetworkSettings(stall_seconds=600, give_up_seconds=600, connect_seconds=600)


@dataclass(frozen=True)
class Behind:
    """An origin's addresses, seen through a proxy."""

    proxy: FaultProxy

    def url(self, name: str, version: int = 0) -> str:
        assert not version
        return f"http://127.0.0.1:{self.proxy.port}/{name}"


@contextmanager
def site(folder: Path) -> Iterator[tuple[FaultProxy, ClipSource]]:
    served_from = folder / "served"
    served_from.mkdir()
    files, source_of = served(KIND, served_from)
    with Origin(files) as origin, FaultProxy(("127.0.0.1", origin._port)) as proxy:
        yield proxy, source_of(cast(Origin, Behind(proxy)))


def cut(source: ClipSource, folder: Path, network: NetworkSettings, monitor: Monitor | None = None) -> Path:
    """The clip; whatever happens, nothing is left in the work folder."""
    work, output = folder / "work", folder / "clip.mp4"
    work.mkdir()
    try:
        make_clip(source, RANGE, output, work_dir=work, network=network, monitor=monitor or SilentMonitor())
    finally:
        assert list(work.iterdir()) == []
    return output


def assert_whole(path: Path) -> None:
    assert first_last(path) == (83, 218)
    assert decode_errors(path) == ""


@pytest.mark.parametrize(
    "fault", [Fault(bytes_per_second=60_000), Fault(cut_after=20_000)], ids=["slow", "cut in mid-stream"]
)
def test_a_slow_or_breaking_site_gives_a_whole_clip(tmp_path: Path, fault: Fault) -> None:
    with site(tmp_path) as (proxy, source):
        proxy.set(fault)
        assert_whole(cut(source, tmp_path, NetworkSettings(stall_seconds=5, give_up_seconds=60, retries=10)))
        assert fault.cut_after is None or proxy.cuts > 2


@pytest.mark.parametrize("fault", [Fault(frozen=True), Fault(half_open=True)], ids=["frozen", "half-open"])
def test_a_site_that_comes_back_gives_a_whole_clip(tmp_path: Path, fault: Fault) -> None:
    with site(tmp_path) as (proxy, source):
        proxy.set(fault)
        healing = threading.Timer(2.0, proxy.set, [HEALTHY])
        healing.start()
        assert_whole(cut(source, tmp_path, NetworkSettings(stall_seconds=1, give_up_seconds=60, retries=20)))
        healing.join()


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault(frozen=True), NetworkTimeout), (Fault(half_open=True), NetworkTimeout), (Fault(refuse=True), Network)],
    ids=["frozen", "half-open", "refused"],
)
def test_a_site_that_does_not_come_back_is_told_in_time(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with site(tmp_path) as (proxy, source):
        proxy.set(fault)
        with within(), pytest.raises(error):
            cut(source, tmp_path, QUICK)
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize(
    "fault", [Fault(frozen=True), Fault(freeze_after=60_000)], ids=["at the beginning", "in the middle"]
)
def test_what_no_other_limit_ends_the_watchdog_ends(tmp_path: Path, redis_client: redis.Redis, fault: Fault) -> None:
    """The site falls silent and the fetcher is told to be patient for ten minutes."""
    progress = ProgressCache(CacheService(redis_client))
    keeper = LeaseRenewer(
        *("job", lambda: None, progress),
        lease_seconds=30,
        hard_limit_seconds=600,
        stall_seconds=2,
        claimed_at=time.monotonic(),
        shutdown=ShutdownFlag(),
    )
    with site(tmp_path) as (proxy, source):
        proxy.set(fault)
        with within(), keeper, pytest.raises(JobStalled):
            cut(source, tmp_path, PATIENT, keeper)
    assert not (tmp_path / "clip.mp4").exists()
