"""Workers leave the processor to the API, most of all while they cut and encode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from src.utils.process import BACKGROUND_NICENESS
from tests.tools.live_service import LiveService, descendants

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


def mains(service: LiveService, queue: str) -> list[int]:
    """The main process of the worker of a queue."""
    named = [pid for pid in service.processes("celery") if queue in Path(f"/proc/{pid}/cmdline").read_text()]
    return named[:1]


@pytest.mark.parametrize("queue", ["downloads", "encodes"])
def test_what_a_worker_starts_stands_back(service: LiveService, queue: str) -> None:
    (main,) = mains(service, queue)
    children = [pid for pid in descendants(main) if "celery" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert children
    for pid in children:
        assert os.getpriority(os.PRIO_PROCESS, pid) >= BACKGROUND_NICENESS
        assert os.sched_getscheduler(pid) == os.SCHED_BATCH


def test_lookups_and_captures_come_after_the_api_and_before_cutting(service: LiveService) -> None:
    """So a burst of commands is answered before work for it begins."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in service.processes("gunicorn")} == {own}
    for main in (*mains(service, "metadata"), *mains(service, "captures")):
        threads = Path(f"/proc/{main}/task").iterdir()
        (niceness,) = {os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in threads}
        # Where the tests themselves stand back, nothing can be between them and cutting.
        assert own < niceness < BACKGROUND_NICENESS or own == niceness > 0
