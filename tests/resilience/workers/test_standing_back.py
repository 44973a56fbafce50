"""Who cuts and encodes leaves the processor to the API; who looks things up for people does not."""

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


def test_the_api_and_the_look_ups_do_not(service: LiveService) -> None:
    for pid in (*service.processes("gunicorn"), *mains(service, "metadata")):
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
